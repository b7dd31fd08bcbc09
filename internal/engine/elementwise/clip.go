package elementwise

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// clipAttrs is Clip (ai.onnx 6 to 10): bounds are attributes.
func clipAttrs(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("min", "max"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	lo, hi := float64(s.Node.Float("min", -math.MaxFloat32)), float64(s.Node.Float("max", math.MaxFloat32))
	return mapped(func(x float64) float64 { return clamp(x, lo, hi) }), nil
}

// clipInputs is Clip (ai.onnx 11 to today): optional scalar inputs min and max of the input's type. Where min exceeds
// max the result is max.
func clipInputs(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 3, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		lo, hi := math.Inf(-1), math.Inf(1)
		for i, to := range []*float64{&lo, &hi} {
			if !c.Has(i + 1) {
				continue
			}
			b := c.In[i+1]
			if b.DType() != c.In[0].DType() || b.Len() != 1 || !b.DType().Float() {
				return fmt.Errorf("bound %d is %v, wanted one float of the input's type %s", i+1, b, c.In[0].DType())
			}
			switch b.DType() {
			case tensor.F32:
				*to = float64(tensor.Of[float32](b)[0])
			case tensor.F64:
				*to = tensor.Of[float64](b)[0]
			}
		}
		return mapped(func(x float64) float64 { return clamp(x, lo, hi) }).Run(c)
	}), nil
}

func clamp(x, lo, hi float64) float64 {
	if x < lo {
		x = lo
	}
	if x > hi {
		x = hi
	}
	return x
}
