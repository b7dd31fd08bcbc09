package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// slice is Slice (ai.onnx 10 to today): inputs data, starts, ends, axes (default all), steps (default 1). Bounds may
// count from the end and are clamped; steps may be negative.
func slice(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 5, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		var lists [5][]int64
		for i := 1; i < 5; i++ {
			if !c.Has(i) {
				continue
			}
			v, err := engine.Int64s(c.In[i])
			if err != nil {
				return err
			}
			lists[i] = v
		}
		x := c.In[0]
		for i, start := range lists[1] {
			axis, step := int64(i), int64(1)
			if lists[3] != nil && i < len(lists[3]) {
				axis = lists[3][i]
			}
			if lists[4] != nil && i < len(lists[4]) {
				step = lists[4][i]
			}
			d, ok := engine.Axis(axis, x.Rank())
			if !ok || step == 0 || i >= len(lists[2]) {
				return fmt.Errorf("starts %v, ends %v, axes %v, steps %v do not fit %v", lists[1], lists[2], lists[3], lists[4], x)
			}
			var err error
			if x, err = cut(c, x, d, start, lists[2][i], step); err != nil {
				return err
			}
		}
		c.Out[0] = x
		return nil
	}), nil
}

func cut(c *engine.Call, x *tensor.Tensor, axis int, start, end, step int64) (*tensor.Tensor, error) {
	n := int64(x.Dim(axis))
	clamp := func(v, lo, hi int64) int64 {
		if v < 0 {
			v += n
		}
		return max(lo, min(v, hi))
	}
	var index []int64
	if step > 0 {
		stop := clamp(end, 0, n)
		for i := clamp(start, 0, n); i < stop; i += min(step, n) { // a larger step would overflow, and ends all the same
			index = append(index, i)
		}
	} else {
		stop := clamp(end, -1, n-1)
		for i := clamp(start, -1, n-1); i > stop; i += max(step, -n) {
			index = append(index, i)
		}
	}
	shape := x.Shape().Clone()
	shape[axis] = len(index)
	return engine.Take(c, x, axis, index, shape)
}
