package reduce

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// args: ArgMax and ArgMin (ai.onnx 1 to today) of numbers: the index along axis (default 0) of the greatest or least
// element, the first of equals, or the last with select_last_index (since 12). NaN is never chosen unless it comes first.
func args() engine.Table {
	in := []engine.Types{engine.Numbers()}
	return engine.Table{
		{Op: "ArgMax"}: {{Since: 1, Build: argNode{greatest: true}.build, In: in, Half: true}},
		{Op: "ArgMin"}: {{Since: 1, Build: argNode{}.build, In: in, Half: true}},
	}
}

type argNode struct {
	greatest, last, keep bool
	axis                 int64
}

func (a argNode) build(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis", "keepdims", "select_last_index"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	a.axis, a.keep, a.last = s.Node.Int("axis", 0), s.Node.Int("keepdims", 1) != 0, s.Node.Int("select_last_index", 0) != 0
	return a, nil
}

// Run implements engine.Kernel.
func (a argNode) Run(c *engine.Call) error {
	x := c.In[0]
	axis, ok := engine.Axis(a.axis, x.Rank())
	if !ok || x.Dim(axis) == 0 {
		return fmt.Errorf("axis %d does not lie in %v, or is empty", a.axis, x)
	}
	var few [8]int
	c.Out[0] = c.New(tensor.I64, axisSet(1<<axis).reduced(few[:0], x.Shape(), a.keep)...)
	switch x.DType() {
	case tensor.F32:
		arg[float32](c, a, axis)
	case tensor.F64:
		arg[float64](c, a, axis)
	case tensor.I8:
		arg[int8](c, a, axis)
	case tensor.I16:
		arg[int16](c, a, axis)
	case tensor.I32:
		arg[int32](c, a, axis)
	case tensor.I64:
		arg[int64](c, a, axis)
	case tensor.U8:
		arg[uint8](c, a, axis)
	case tensor.U16:
		arg[uint16](c, a, axis)
	case tensor.U32:
		arg[uint32](c, a, axis)
	case tensor.U64:
		arg[uint64](c, a, axis)
	default:
		return fmt.Errorf("input is %v, wanted a number", x)
	}
	return nil
}

func arg[T number](c *engine.Call, a argNode, axis int) {
	dst, x := tensor.Of[int64](c.Out[0]), tensor.Of[T](c.In[0])
	outer, count, inner := strided.Around(c.In[0].Shape(), axis, axis+1)
	for o := range outer {
		for in := range inner {
			dst[o*inner+in] = int64(extreme(x[o*count*inner+in:], count, inner, a.greatest, a.last))
		}
	}
}

// extreme is the place of the greatest or least of count elements that lie step apart: the first of equals or the last. NaN
// is never chosen unless it comes first.
func extreme[T number](x []T, count, step int, greatest, last bool) int {
	if step == 1 && !last {
		return first(x[:count], greatest)
	}
	best, most := 0, x[0]
	at := step
	for i := 1; i < count; i, at = i+1, at+step {
		v := x[at]
		if v > most && greatest || v < most && !greatest || v == most && last {
			best, most = i, v
		}
	}
	return best
}

// first is the place of the first of the greatest or least elements.
func first[T number](x []T, greatest bool) int {
	best, most := 0, x[0]
	if greatest {
		for i, v := range x {
			if v > most {
				best, most = i, v
			}
		}
		return best
	}
	for i, v := range x {
		if v < most {
			best, most = i, v
		}
	}
	return best
}
