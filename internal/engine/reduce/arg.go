package reduce

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// buildArg is ArgMax and ArgMin (ai.onnx 1 to today): the index along axis (default 0) of the greatest or least
// element, the first of equals, or the last with select_last_index (since 12). NaN is never chosen unless it comes first.
func buildArg(greatest bool) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only("axis", "keepdims", "select_last_index"); err != nil {
			return nil, err
		}
		if err := s.Arity(1, 1, 1); err != nil {
			return nil, err
		}
		attr, keep := s.Node.Int("axis", 0), s.Node.Int("keepdims", 1) != 0
		last := s.Node.Int("select_last_index", 0) != 0
		return engine.KernelFunc(func(c *engine.Call) error {
			x := c.In[0]
			axis, ok := engine.Axis(attr, x.Rank())
			if !ok || x.Dim(axis) == 0 {
				return fmt.Errorf("axis %d does not lie in %v, or is empty", attr, x)
			}
			outer, count, inner := block(x.Shape(), axis, axis+1)
			c.Out[0] = c.New(tensor.I64, reduced(x.Shape(), map[int]bool{axis: true}, keep)...)
			dst := tensor.Of[int64](c.Out[0])
			switch x.DType() {
			case tensor.F32:
				arg(dst, tensor.Of[float32](x), outer, count, inner, greatest, last)
			case tensor.F64:
				arg(dst, tensor.Of[float64](x), outer, count, inner, greatest, last)
			case tensor.I32:
				arg(dst, tensor.Of[int32](x), outer, count, inner, greatest, last)
			case tensor.I64:
				arg(dst, tensor.Of[int64](x), outer, count, inner, greatest, last)
			default:
				return fmt.Errorf("input is %v, covered are F32, F64, I32 and I64", x)
			}
			return nil
		}), nil
	}
}

func arg[T float | ~int32 | ~int64](dst []int64, x []T, outer, count, inner int, greatest, last bool) {
	for o := range outer {
		for in := range inner {
			at := o*count*inner + in
			best := 0
			for i := 1; i < count; i++ {
				v, b := x[at+i*inner], x[at+best*inner]
				if greatest && v > b || !greatest && v < b || last && v == b {
					best = i
				}
			}
			dst[o*inner+in] = int64(best)
		}
	}
}

// reduced is the shape without the axes, or with 1 in their places.
func reduced(s tensor.Shape, axes map[int]bool, keep bool) tensor.Shape {
	out := tensor.Shape{}
	for d, n := range s {
		switch {
		case !axes[d]:
			out = append(out, n)
		case keep:
			out = append(out, 1)
		}
	}
	return out
}
