package reduce

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// flatSoftmax is Softmax and LogSoftmax (ai.onnx 1 to 12): the input is seen as a matrix whose rows end before axis
// (default 1), and each row is normalised as a whole.
func flatSoftmax(log bool) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		return buildSoftmax(s, log, 1, func(axis, rank int) int { return rank })
	}
}

// axisSoftmax is Softmax and LogSoftmax (ai.onnx 13 to today): along one axis, default the last.
func axisSoftmax(log bool) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		return buildSoftmax(s, log, -1, func(axis, rank int) int { return axis + 1 })
	}
}

func buildSoftmax(s *engine.Site, log bool, def int64, end func(axis, rank int) int) (engine.Kernel, error) {
	if err := s.Only("axis"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	attr := s.Node.Int("axis", def)
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		axis, ok := engine.Axis(attr, x.Rank())
		if !ok {
			return fmt.Errorf("axis %d does not lie in %v", attr, x)
		}
		outer, count, inner := block(x.Shape(), axis, end(axis, x.Rank()))
		switch x.DType() {
		case tensor.F32:
			c.Out[0] = c.New(tensor.F32, x.Shape()...)
			softmax(tensor.Of[float32](c.Out[0]), tensor.Of[float32](x), outer, count, inner, log)
		case tensor.F64:
			c.Out[0] = c.New(tensor.F64, x.Shape()...)
			softmax(tensor.Of[float64](c.Out[0]), tensor.Of[float64](x), outer, count, inner, log)
		default:
			return fmt.Errorf("input is %v, covered are F32 and F64", x)
		}
		return nil
	}), nil
}

type float interface{ ~float32 | ~float64 }

func softmax[T float](dst, x []T, outer, count, inner int, log bool) {
	exps := make([]float64, count)
	for o := range outer {
		for in := range inner {
			at := o*count*inner + in
			top := math.Inf(-1)
			for i := range count {
				top = max(top, float64(x[at+i*inner])) // max keeps NaN
			}
			total := 0.0
			for i := range count {
				exps[i] = math.Exp(float64(x[at+i*inner]) - top)
				total += exps[i]
			}
			if log {
				shift := math.Log(total)
				for i := range count {
					dst[at+i*inner] = T(float64(x[at+i*inner]) - top - shift)
				}
				continue
			}
			for i := range count {
				dst[at+i*inner] = T(exps[i] / total)
			}
		}
	}
}
