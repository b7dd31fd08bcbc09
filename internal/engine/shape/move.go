package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// fixed fails on strings, whose elements have no fixed size.
func fixed(t *tensor.Tensor) error {
	if t.DType().Size() == 0 {
		return fmt.Errorf("input is %v, which is not covered", t)
	}
	return nil
}

// transpose is Transpose (ai.onnx 1 to today): dimensions in the order perm, default reversed.
func transpose(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("perm"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	perm, given := s.Node.Attrs["perm"]
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if err := fixed(x); err != nil {
			return err
		}
		order := make([]int, x.Rank())
		seen := make([]bool, x.Rank())
		if given && len(perm.Ints) != len(order) {
			return fmt.Errorf("perm %v does not fit %v", perm.Ints, x)
		}
		for i := range order {
			p := int64(len(order) - 1 - i)
			if given {
				p = perm.Ints[i]
			}
			if p < 0 || p >= int64(len(order)) || seen[p] {
				return fmt.Errorf("perm %v does not fit %v", perm.Ints, x)
			}
			order[i], seen[p] = int(p), true
		}
		c.Out[0] = permute(c, x, order)
		return nil
	}), nil
}

func permute(c *engine.Call, x *tensor.Tensor, order []int) *tensor.Tensor {
	shape, step := make(tensor.Shape, len(order)), make([]int, len(order))
	size := x.DType().Size()
	for i, p := range order {
		shape[i], step[i] = x.Dim(p), size
		for d := p + 1; d < x.Rank(); d++ {
			step[i] *= x.Dim(d)
		}
	}
	out := c.New(x.DType(), shape...)
	src, dst := x.Bytes(), out.Bytes()
	index, at := make([]int, len(order)), 0
	for o := 0; o < len(dst); o += size {
		copy(dst[o:o+size], src[at:at+size])
		for d := len(index) - 1; d >= 0; d-- {
			index[d]++
			at += step[d]
			if index[d] < shape[d] {
				break
			}
			at -= step[d] * index[d]
			index[d] = 0
		}
	}
	return out
}

// concat is Concat (ai.onnx 4 to today): inputs of one dtype, equal but along axis.
func concat(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis"); err != nil {
		return nil, err
	}
	if err := s.Arity(len(s.Node.Inputs), max(1, len(s.Node.Inputs)), 1); err != nil {
		return nil, err
	}
	if _, ok := s.Node.Attrs["axis"]; !ok || len(s.Node.Inputs) == 0 {
		return nil, s.Refuse("no axis, or no inputs")
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		first := c.In[0]
		axis, ok := engine.Axis(s.Node.Int("axis", 0), first.Rank())
		if !ok {
			return fmt.Errorf("axis %d does not lie in %v", s.Node.Int("axis", 0), first)
		}
		shape := first.Shape().Clone()
		shape[axis] = 0
		for _, t := range c.In {
			if err := fixed(t); err != nil {
				return err
			}
			if t.DType() != first.DType() || t.Rank() != first.Rank() {
				return fmt.Errorf("inputs %v and %v do not fit together", first, t)
			}
			for d := range shape {
				if d != axis && t.Dim(d) != first.Dim(d) {
					return fmt.Errorf("inputs %v and %v differ in dimension %d", first, t, d)
				}
			}
			shape[axis] += t.Dim(axis)
		}
		c.Out[0] = c.New(first.DType(), shape...)
		join(c.Out[0].Bytes(), c.In, axis, first.DType().Size())
		return nil
	}), nil
}

func join(dst []byte, in []*tensor.Tensor, axis, size int) {
	outer := 1
	for _, d := range in[0].Shape()[:axis] {
		outer *= d
	}
	at := 0
	for o := range outer {
		for _, t := range in {
			run := len(t.Bytes()) / max(outer, 1)
			at += copy(dst[at:], t.Bytes()[o*run:(o+1)*run])
		}
	}
}

// gather is Gather (ai.onnx 1 to today): slices of data along axis (default 0) at the indices; since 11 an index may
// count from the end.
func gather(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		axis, ok := engine.Axis(s.Node.Int("axis", 0), x.Rank())
		if !ok {
			return fmt.Errorf("axis %d does not lie in %v", s.Node.Int("axis", 0), x)
		}
		index, err := engine.Int64s(c.In[1])
		if err != nil {
			return err
		}
		shape := append(x.Shape()[:axis].Clone(), c.In[1].Shape()...)
		shape = append(shape, x.Shape()[axis+1:]...)
		c.Out[0], err = engine.Take(c, x, axis, index, shape)
		return err
	}), nil
}
