package elementwise

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// folds: Min and Max (ai.onnx 1 to today) of numbers, where NaN wins; Sum and Mean (1 to today) of floats. They take any
// number of inputs, broadcast since version 8, and fold from the left; Mean divides the sum by the number of inputs.
func folds() engine.Table {
	sum := floats(add[float32], add[float64])
	t := engine.Table{}
	for op, f := range map[string]fold{
		"Min": {loops: floats(least[float32], least[float64]).with(
			integers(least[int8], least[int16], least[int32], least[int64], least[uint8], least[uint16], least[uint32], least[uint64]))},
		"Max": {loops: floats(greatest[float32], greatest[float64]).with(
			integers(greatest[int8], greatest[int16], greatest[int32], greatest[int64], greatest[uint8], greatest[uint16], greatest[uint32], greatest[uint64]))},
		"Sum":  {loops: sum},
		"Mean": {loops: sum, mean: true},
	} {
		t[engine.Key{Op: op}] = []engine.Operator{
			{Since: 1, Until: 7, Build: f.build(false), In: []engine.Types{f.loops.types()}, Half: true},
			{Since: 8, Build: f.build(true), In: []engine.Types{f.loops.types()}, Half: true}}
	}
	return t
}

type fold struct {
	loops pairs
	mean  bool
}

func least[T number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = min(a[i], b[i])
	}
}

func greatest[T number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = max(a[i], b[i])
	}
}

func (f fold) build(broadcast bool) func(s *engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		n := len(s.Node.Inputs)
		var err error
		if broadcast {
			err = s.Only()
		} else {
			err = s.Only("consumed_inputs")
		}
		if err != nil {
			return nil, err
		}
		if err := s.Arity(max(n, 1), max(n, 1), 1); err != nil {
			return nil, err
		}
		return engine.KernelFunc(func(c *engine.Call) error {
			shape := c.In[0].Shape()
			for _, t := range c.In[1:] {
				if t.DType() != c.In[0].DType() || !broadcast && !t.Shape().Equal(shape) {
					return fmt.Errorf("inputs %v and %v do not fit together", c.In[0], t)
				}
				var err error
				if shape, err = strided.BroadcastShape(shape, t.Shape()); err != nil {
					return err
				}
			}
			return f.run(c, shape)
		}), nil
	}
}

func (f fold) run(c *engine.Call, shape tensor.Shape) error {
	loop := f.loops[c.In[0].DType()]
	if loop == nil {
		return fmt.Errorf("input is %v, wanted one of %v", c.In[0], f.loops.types())
	}
	acc := c.In[0]
	for _, t := range c.In[1:] {
		var err error
		if acc, err = loop(c, acc, t, shape); err != nil {
			return err
		}
	}
	c.Out[0] = acc
	if f.mean && len(c.In) > 1 {
		divide(acc, len(c.In))
	}
	return nil
}

func divide(t *tensor.Tensor, n int) {
	if t.DType() == tensor.F32 {
		divideAll(tensor.Of[float32](t), float32(n))
	} else {
		divideAll(tensor.Of[float64](t), float64(n))
	}
}

func divideAll[T float](x []T, n T) {
	for i, v := range x {
		x[i] = v / n
	}
}
