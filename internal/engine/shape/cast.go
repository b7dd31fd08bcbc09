package shape

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// cast is Cast (ai.onnx 6 to today) between numbers and booleans. Floats round to the nearest float and truncate to an
// integer, where one that does not fit is an error (ONNX leaves it undefined). Everything but 0 casts to true. Strings
// are not covered.
func cast(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("to", "saturate", "round_mode"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	to, ok := onnx.DTypeOf(s.Node.Int("to", 0))
	if !ok || to == tensor.String {
		return nil, s.Refuse("casting to type number %d is not covered", s.Node.Int("to", 0))
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		c.Out[0], err = convert(c.In[0], to)
		return err
	}), nil
}

func convert(x *tensor.Tensor, to tensor.DType) (*tensor.Tensor, error) {
	if x.DType() == to {
		return x, nil
	}
	if x.DType() == tensor.String {
		return nil, fmt.Errorf("casting %v is not covered", x)
	}
	if x.DType().Float() && !to.Float() {
		wide, err := tensor.Convert(x, tensor.F64)
		if err != nil {
			return nil, err
		}
		if to == tensor.Bool {
			return truth(tensor.Of[float64](wide), x.Shape()), nil
		}
		// Truncation makes the conversion that follows exact; NaN and what does not fit is refused there.
		cut := tensor.New(tensor.F64, x.Shape()...)
		for i, v := range tensor.Of[float64](wide) {
			tensor.Of[float64](cut)[i] = math.Trunc(v)
		}
		return tensor.Convert(cut, to)
	}
	if to == tensor.Bool {
		wide, err := tensor.Convert(x, tensor.F64)
		if err != nil {
			return nil, err
		}
		return truth(tensor.Of[float64](wide), x.Shape()), nil
	}
	return tensor.Convert(x, to)
}

func truth(values []float64, shape tensor.Shape) *tensor.Tensor {
	out := tensor.New(tensor.Bool, shape...)
	for i, v := range values {
		tensor.Of[bool](out)[i] = v != 0
	}
	return out
}
