package index

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// unique is Unique (ai.onnx 11 to today): the different elements, or with axis the different slices along it, in
// ascending order (with sorted=0 in the order of their first occurrence). The further outputs are the index of each one's
// first occurrence, the place of each element or slice among the unique ones, and how often each occurs. Every NaN is
// one of its own, and stands behind the numbers.
func unique(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis", "sorted"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 4); err != nil {
		return nil, err
	}
	_, given := s.Node.Attrs["axis"]
	attr, sorted := s.Node.Int("axis", 0), s.Node.Int("sorted", 1) != 0
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		x, axis := c.In[0], 0
		if !given {
			if x, err = x.Reshape(x.Len()); err != nil {
				return err
			}
		} else {
			ok := false
			if axis, ok = engine.Axis(attr, x.Rank()); !ok {
				return fmt.Errorf("axis %d does not lie in %v", attr, x)
			}
		}
		order := slicesOrder(x, axis)
		if order == nil {
			return fmt.Errorf("input is %v, which has no order", x)
		}
		first, inverse, counts := group(x.Dim(axis), order, sorted)
		outer, count, inner := strided.Around(x.Shape(), axis, axis+1)
		shape := x.Shape().Clone()
		shape[axis] = len(first)
		c.Out[0], err = pick(c, x, shape, outer*len(first), inner, func(i int) int {
			return (i/len(first)*count + int(first[i%len(first)])) * inner
		})
		for i, list := range [][]int64{first, inverse, counts} {
			if i+1 < len(c.Out) {
				c.Out[i+1] = c.New(tensor.I64, len(list))
				copy(tensor.Of[int64](c.Out[i+1]), list)
			}
		}
		return err
	}), nil
}

// group finds equal ones among n by their order: the first of each group, the group of each one, and its size.
func group(n int, order func(i, j int64) int, sorted bool) (first, inverse, counts []int64) {
	at := make([]int64, n)
	for i := range at {
		at[i] = int64(i)
	}
	slices.SortStableFunc(at, order)
	inverse = make([]int64, n)
	for i, v := range at {
		if i == 0 || order(at[i-1], v) != 0 {
			first, counts = append(first, v), append(counts, 0)
		}
		inverse[v] = int64(len(first) - 1)
		counts[len(counts)-1]++
	}
	if sorted {
		return first, inverse, counts
	}
	by := make([]int64, len(first)) // the groups by their first occurrence
	for i := range by {
		by[i] = int64(i)
	}
	slices.SortFunc(by, func(i, j int64) int { return cmp.Compare(first[i], first[j]) })
	place, newFirst, newCounts := make([]int64, len(by)), make([]int64, len(by)), make([]int64, len(by))
	for i, g := range by {
		place[g], newFirst[i], newCounts[i] = int64(i), first[g], counts[g]
	}
	for i, g := range inverse {
		inverse[i] = place[g]
	}
	return newFirst, inverse, newCounts
}

// slicesOrder compares slices along the axis, element by element; nil when the dtype has no order.
func slicesOrder(x *tensor.Tensor, axis int) func(i, j int64) int {
	switch x.DType() {
	case tensor.F32:
		return orderOf(x, axis, tensor.Of[float32](x))
	case tensor.F64:
		return orderOf(x, axis, tensor.Of[float64](x))
	case tensor.I8:
		return orderOf(x, axis, tensor.Of[int8](x))
	case tensor.I16:
		return orderOf(x, axis, tensor.Of[int16](x))
	case tensor.I32:
		return orderOf(x, axis, tensor.Of[int32](x))
	case tensor.I64:
		return orderOf(x, axis, tensor.Of[int64](x))
	case tensor.U8, tensor.Bool:
		return orderOf(x, axis, tensor.Of[uint8](x))
	case tensor.U16:
		return orderOf(x, axis, tensor.Of[uint16](x))
	case tensor.U32:
		return orderOf(x, axis, tensor.Of[uint32](x))
	case tensor.U64:
		return orderOf(x, axis, tensor.Of[uint64](x))
	case tensor.String:
		values := make([]string, x.Len())
		for i := range values {
			values[i] = x.StringAt(i)
		}
		return orderOf(x, axis, values)
	}
	return nil
}

func orderOf[T cmp.Ordered](x *tensor.Tensor, axis int, values []T) func(i, j int64) int {
	outer, count, inner := strided.Around(x.Shape(), axis, axis+1)
	return func(i, j int64) int {
		for o := range outer {
			a, b := (o*count+int(i))*inner, (o*count+int(j))*inner
			for k := range inner {
				v, w := values[a+k], values[b+k]
				switch {
				case v < w:
					return -1
				case v > w:
					return 1
				case v == w || i == j:
				case v != v && w != w:
					return cmp.Compare(i, j)
				case v != v:
					return 1
				default:
					return -1
				}
			}
		}
		return 0
	}
}
