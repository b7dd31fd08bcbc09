package sequence

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// split is SplitToSequence (ai.onnx 11 to today): the input cut along axis (default 0) into parts of the sizes in a
// vector, or of one size, the last maybe smaller; without sizes into parts of 1, which lose the axis with keepdims 0.
func split(s *engine.Site) (engine.Kernel, error) {
	axis, keep := s.Node.Int("axis", 0), s.Node.Int("keepdims", 1) != 0
	return site(s, 1, 2, func(c *engine.Call) (*tensor.Tensor, error) {
		x := c.In[0]
		at, ok := engine.Axis(axis, x.Rank())
		if !ok {
			return nil, fmt.Errorf("axis %d does not lie in %v", axis, x)
		}
		sizes, err := parts(c, x.Dim(at))
		if err != nil {
			return nil, err
		}
		var list []*tensor.Tensor
		from := int64(0)
		for _, size := range sizes {
			index := make([]int64, size)
			for i := range index {
				index[i] = from + int64(i)
			}
			from += size
			shape := x.Shape().Clone()
			if shape[at] = int(size); !keep && !c.Has(1) {
				shape = slices.Delete(shape, at, at+1)
			}
			part, err := engine.Take(&engine.Call{}, x, at, index, shape) // a sequence owns its tensors
			if err != nil {
				return nil, err
			}
			list = append(list, part)
		}
		return tensor.Sequence(list), nil
	}, "axis", "keepdims")
}

// parts are the sizes into which a dimension of n is cut.
func parts(c *engine.Call, n int) ([]int64, error) {
	each := int64(1)
	if c.Has(1) {
		sizes, err := engine.Int64s(c.In[1])
		if err != nil {
			return nil, err
		}
		if c.In[1].Rank() > 0 {
			total := int64(0)
			for _, v := range sizes {
				if v < 0 || v > int64(n) {
					return nil, fmt.Errorf("sizes %v do not cut a dimension of %d", sizes, n)
				}
				total += v
			}
			if total != int64(n) {
				return nil, fmt.Errorf("sizes %v add up to %d, wanted %d", sizes, total, n)
			}
			return sizes, nil
		}
		if each = sizes[0]; each < 1 {
			return nil, fmt.Errorf("parts of size %d, wanted at least 1", each)
		}
	}
	var out []int64
	for left := int64(n); left > 0; left -= each {
		out = append(out, min(each, left))
	}
	return out, nil
}

// concat is ConcatFromSequence (ai.onnx 11 to today): the tensors along an axis, or along a new one with new_axis 1.
func concat(s *engine.Site) (engine.Kernel, error) {
	if _, ok := s.Node.Attrs["axis"]; !ok {
		return nil, s.Refuse("no axis")
	}
	axis, fresh := s.Node.Int("axis", 0), s.Node.Int("new_axis", 0) != 0
	return site(s, 1, 1, func(c *engine.Call) (*tensor.Tensor, error) {
		list, err := items(c)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 || list[0].DType() == tensor.String {
			return nil, fmt.Errorf("the sequence is empty or holds strings, which is not covered")
		}
		rank := list[0].Rank()
		if fresh {
			rank++
		}
		at, ok := engine.Axis(axis, rank)
		if !ok {
			return nil, fmt.Errorf("axis %d does not lie in %d dimensions", axis, rank)
		}
		return join(c, list, at, fresh)
	}, "axis", "new_axis")
}

func join(c *engine.Call, list []*tensor.Tensor, at int, fresh bool) (*tensor.Tensor, error) {
	first, total := list[0], 0
	for _, t := range list {
		ok := t.DType() == first.DType() && t.Rank() == first.Rank()
		for d := 0; ok && d < t.Rank(); d++ {
			ok = t.Dim(d) == first.Dim(d) || d == at && !fresh
		}
		if !ok {
			return nil, fmt.Errorf("%v and %v do not fit together along axis %d", first, t, at)
		}
		if !fresh {
			total += t.Dim(at)
		}
	}
	shape := first.Shape().Clone()
	if fresh {
		shape = slices.Insert(shape, at, len(list))
	} else {
		shape[at] = total
	}
	outer := 1
	for _, n := range shape[:at] {
		outer *= n
	}
	out, to := c.New(first.DType(), shape...), 0
	for o := range outer {
		for _, t := range list {
			run := len(t.Bytes()) / outer
			to += copy(out.Bytes()[to:], t.Bytes()[o*run:(o+1)*run])
		}
	}
	return out, nil
}
