package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// sliceAttrs is Slice (ai.onnx 1 to 9): starts, ends and axes (default all) are attributes, and every step is 1.
func sliceAttrs(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("starts", "ends", "axes"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	b := bounds{starts: s.Node.Attrs["starts"].Ints, ends: s.Node.Attrs["ends"].Ints, axes: s.Node.Attrs["axes"].Ints}
	return engine.KernelFunc(func(c *engine.Call) error { return b.cut(c) }), nil
}

// slice is Slice (ai.onnx 10 to today): inputs data, starts, ends, axes (default all), steps (default 1). Bounds may
// count from the end and are clamped; steps may be negative.
func slice(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 5, 1); err != nil {
		return nil, err
	}
	var lists [4]engine.Ints
	for i := range lists {
		var err error
		if lists[i], err = s.Ints(i + 1); err != nil {
			return nil, err
		}
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		var b bounds
		for i, to := range []*[]int64{&b.starts, &b.ends, &b.axes, &b.steps} {
			if *to, _, err = lists[i].At(c); err != nil {
				return err
			}
		}
		return b.cut(c)
	}), nil
}

// bounds are a slice's lists, by position; axes and steps may be nil.
type bounds struct{ starts, ends, axes, steps []int64 }

func (b bounds) cut(c *engine.Call) (err error) {
	x := c.In[0]
	n := len(b.starts)
	if len(b.ends) != n || b.axes != nil && len(b.axes) != n || b.steps != nil && len(b.steps) != n || b.axes == nil && n > x.Rank() {
		return fmt.Errorf("starts %v, ends %v, axes %v, steps %v do not fit %v", b.starts, b.ends, b.axes, b.steps, x)
	}
	var few [2][8]int // enough for most, and no memory of the heap's
	shape, offset := tensor.Shape(append(few[0][:0], x.Shape()...)), 0
	step := strided.AppendRowMajor(few[1][:0], x.Shape())
	seen := uint64(0)
	for i := range b.starts {
		axis, by := int64(i), int64(1)
		if b.axes != nil {
			axis = b.axes[i]
		}
		if b.steps != nil {
			by = b.steps[i]
		}
		d, ok := engine.Axis(axis, x.Rank())
		if !ok || by == 0 || seen>>d&1 != 0 {
			return fmt.Errorf("axes %v, steps %v do not fit %v", b.axes, b.steps, x)
		}
		seen |= 1 << d
		first, count := span(int64(x.Dim(d)), b.starts[i], b.ends[i], by)
		shape[d] = count
		if count > 0 {
			offset += first * step[d]
		}
		if count > 1 {
			step[d] *= int(by)
		}
	}
	if shape.Equal(x.Shape()) && offset == 0 && x.DType() == tensor.String {
		c.Out[0] = x
		return nil
	}
	c.Out[0], err = strided.Copy(c, x, shape, step, offset)
	return err
}

// span is the first index and the number of indices from start to end (which is not among them) of n, by steps.
func span(n, start, end, by int64) (first, count int) {
	clamp := func(v, lo, hi int64) int64 {
		if v < 0 {
			v = max(v+n, lo) // the sum cannot overflow
		}
		return max(lo, min(v, hi))
	}
	if by > 0 {
		from, to := clamp(start, 0, n), clamp(end, 0, n)
		if from >= to {
			return 0, 0
		}
		return int(from), int((to-from-1)/by) + 1
	}
	// As ONNX has it, a start before the first element is the first element.
	from, to := clamp(start, 0, n-1), clamp(end, -1, n-1)
	if from <= to || n == 0 {
		return 0, 0
	}
	if by < -n {
		return int(from), 1 // its negative may not exist
	}
	return int(from), int((from-to-1)/-by) + 1
}
