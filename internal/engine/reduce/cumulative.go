package reduce

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// cumulative: CumSum (ai.onnx 11 to today) and CumProd (26 to today) of numbers along the axis that is the second input:
// each element becomes the sum or product of those up to itself; without itself with exclusive=1, from the end with
// reverse=1.
func cumulative() engine.Table {
	in := []engine.Types{engine.Numbers(), engine.TypesOf(tensor.I32, tensor.I64)}
	return engine.Table{
		{Op: "CumSum"}:  {{Since: 11, Build: cumulativeNode{fold: sum}.build, In: in, Half: true}},
		{Op: "CumProd"}: {{Since: 26, Build: cumulativeNode{fold: product}.build, In: in, Half: true}},
	}
}

type cumulativeNode struct {
	fold               fold
	exclusive, reverse bool
	axis               engine.Ints
}

func (n cumulativeNode) build(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("exclusive", "reverse"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	n.exclusive, n.reverse = s.Node.Int("exclusive", 0) != 0, s.Node.Int("reverse", 0) != 0
	var err error
	n.axis, err = s.Ints(1)
	return n, err
}

// Run implements engine.Kernel.
func (n cumulativeNode) Run(c *engine.Call) error {
	x := c.In[0]
	list, _, err := n.axis.At(c)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("the axis is %v, wanted one number", list)
	}
	axis, ok := engine.Axis(list[0], x.Rank())
	if !ok {
		return fmt.Errorf("axis %d does not lie in %v", list[0], x)
	}
	c.Out[0] = c.New(x.DType(), x.Shape()...)
	switch x.DType() {
	case tensor.F32:
		accumulate[float64, float32](c, n, axis)
	case tensor.F64:
		accumulate[float64, float64](c, n, axis)
	case tensor.I8:
		accumulate[int64, int8](c, n, axis)
	case tensor.I16:
		accumulate[int64, int16](c, n, axis)
	case tensor.I32:
		accumulate[int64, int32](c, n, axis)
	case tensor.I64:
		accumulate[int64, int64](c, n, axis)
	case tensor.U8:
		accumulate[uint64, uint8](c, n, axis)
	case tensor.U16:
		accumulate[uint64, uint16](c, n, axis)
	case tensor.U32:
		accumulate[uint64, uint32](c, n, axis)
	case tensor.U64:
		accumulate[uint64, uint64](c, n, axis)
	default:
		return fmt.Errorf("input is %v, wanted a number", x)
	}
	return nil
}

func accumulate[A accumulator, T number](c *engine.Call, n cumulativeNode, axis int) {
	x, dst := tensor.Of[T](c.In[0]), tensor.Of[T](c.Out[0])
	outer, count, inner := strided.Around(c.In[0].Shape(), axis, axis+1)
	for o := range outer {
		for in := range inner {
			at, step := o*count*inner+in, inner
			if n.reverse {
				at, step = at+(count-1)*inner, -inner
			}
			acc := start[A](n.fold, 0, 0)
			for range count {
				if n.exclusive {
					dst[at] = T(acc)
				}
				if v := A(x[at]); n.fold == sum {
					acc += v
				} else {
					acc *= v
				}
				if !n.exclusive {
					dst[at] = T(acc)
				}
				at += step
			}
		}
	}
}
