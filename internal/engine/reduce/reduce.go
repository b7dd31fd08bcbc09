package reduce

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// rule is one reduction in float64: where it starts, how it goes on, and what follows.
type rule struct {
	start  float64
	next   func(acc, v float64) float64
	finish func(acc float64, n int) float64
}

func keepAcc(acc float64, _ int) float64 { return acc }

func sum() rule {
	return rule{0, func(acc, v float64) float64 { return acc + v }, keepAcc}
}

func mean() rule {
	return rule{0, func(acc, v float64) float64 { return acc + v }, func(acc float64, n int) float64 { return acc / float64(n) }}
}

func greatest() rule {
	return rule{math.Inf(-1), func(acc, v float64) float64 { return max(acc, v) }, keepAcc}
}

func least() rule {
	return rule{math.Inf(1), func(acc, v float64) float64 { return min(acc, v) }, keepAcc}
}

// reduceAttr is a reduction whose axes are an attribute (ReduceSum 1 to 12, the others 1 to 17); none means all.
func reduceAttr(r func() rule) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only("axes", "keepdims"); err != nil {
			return nil, err
		}
		if err := s.Arity(1, 1, 1); err != nil {
			return nil, err
		}
		axes, keep := s.Node.Attrs["axes"].Ints, s.Node.Int("keepdims", 1) != 0
		return engine.KernelFunc(func(c *engine.Call) error { return run(c, r(), axes, keep, false) }), nil
	}
}

// reduceInput is a reduction whose axes are an input (ReduceSum since 13, the others since 18); none means all, or
// with noop_with_empty_axes the input itself.
func reduceInput(r func() rule) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only("keepdims", "noop_with_empty_axes"); err != nil {
			return nil, err
		}
		if err := s.Arity(1, 2, 1); err != nil {
			return nil, err
		}
		keep, noop := s.Node.Int("keepdims", 1) != 0, s.Node.Int("noop_with_empty_axes", 0) != 0
		return engine.KernelFunc(func(c *engine.Call) error {
			var axes []int64
			var err error
			if c.Has(1) {
				if axes, err = engine.Int64s(c.In[1]); err != nil {
					return err
				}
			}
			return run(c, r(), axes, keep, noop)
		}), nil
	}
}

func run(c *engine.Call, r rule, list []int64, keep, noop bool) error {
	x := c.In[0]
	if len(list) == 0 && noop {
		c.Out[0] = x
		return nil
	}
	axes := map[int]bool{}
	for _, a := range list {
		axis, ok := engine.Axis(a, x.Rank())
		if !ok {
			return fmt.Errorf("axis %d does not lie in %v", a, x)
		}
		axes[axis] = true
	}
	for d := range x.Rank() {
		if len(list) == 0 {
			axes[d] = true
		}
	}
	switch x.DType() {
	case tensor.F32:
		c.Out[0] = c.New(tensor.F32, reduced(x.Shape(), axes, keep)...)
		reduce(tensor.Of[float32](c.Out[0]), tensor.Of[float32](x), x.Shape(), axes, r)
	case tensor.F64:
		c.Out[0] = c.New(tensor.F64, reduced(x.Shape(), axes, keep)...)
		reduce(tensor.Of[float64](c.Out[0]), tensor.Of[float64](x), x.Shape(), axes, r)
	default:
		return fmt.Errorf("input is %v, covered are F32 and F64", x)
	}
	return nil
}

// reduce folds the elements in index order: each goes to the accumulator of its position without the reduced axes.
func reduce[T float](dst, x []T, shape tensor.Shape, axes map[int]bool, r rule) {
	acc := make([]float64, len(dst))
	for i := range acc {
		acc[i] = r.start
	}
	step := make([]int, len(shape)) // in acc, 0 on reduced axes
	next := 1
	for d := len(shape) - 1; d >= 0; d-- {
		if !axes[d] {
			step[d] = next
			next *= shape[d]
		}
	}
	index := make([]int, len(shape))
	at := 0
	for _, v := range x {
		acc[at] = r.next(acc[at], float64(v))
		for d := len(shape) - 1; d >= 0; d-- {
			index[d]++
			at += step[d]
			if index[d] < shape[d] {
				break
			}
			at -= step[d] * index[d]
			index[d] = 0
		}
	}
	count := 1
	for d, n := range shape {
		if axes[d] {
			count *= n
		}
	}
	for i, a := range acc {
		dst[i] = T(r.finish(a, count))
	}
}
