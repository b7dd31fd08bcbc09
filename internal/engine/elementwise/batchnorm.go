package elementwise

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// batchNorm is BatchNormalization (ai.onnx 7 to today) at inference: over dimension 1,
// (x - mean) / sqrt(var + epsilon) · scale + bias.
func batchNorm(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("epsilon", "momentum", "spatial", "training_mode"); err != nil {
		return nil, err
	}
	if err := s.Arity(5, 5, 5); err != nil {
		return nil, err
	}
	if s.Node.Int("training_mode", 0) != 0 || s.Node.Int("spatial", 1) != 1 {
		return nil, s.Refuse("training mode and spatial=0 are not covered")
	}
	for i, name := range s.Node.Outputs {
		if i > 0 && name != "" {
			return nil, s.Refuse("output %d exists in training only", i)
		}
	}
	epsilon := s.Node.Float("epsilon", 1e-5)
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() < 2 {
			return fmt.Errorf("input is %v, wanted at least 2 dimensions", x)
		}
		if x.DType() != tensor.F32 && x.DType() != tensor.F64 {
			return fmt.Errorf("input is %v, wanted F32 or F64", x)
		}
		for i, p := range c.In[1:5] {
			if p.DType() != x.DType() || p.Rank() != 1 || p.Dim(0) != x.Dim(1) {
				return fmt.Errorf("input %d is %v, wanted %s[%d]", i+1, p, x.DType(), x.Dim(1))
			}
		}
		c.Out[0] = c.New(x.DType(), x.Shape()...)
		switch x.DType() {
		case tensor.F32:
			normalise(c, tensor.Of[float32], float64(epsilon))
		case tensor.F64:
			normalise(c, tensor.Of[float64], float64(epsilon))
		default:
			return fmt.Errorf("input is %v, covered are F32 and F64", x)
		}
		return nil
	}), nil
}

func normalise[T float](c *engine.Call, of func(*tensor.Tensor) []T, epsilon float64) {
	x, out, channels := of(c.In[0]), of(c.Out[0]), c.In[0].Dim(1)
	scale, bias, mean, variance := of(c.In[1]), of(c.In[2]), of(c.In[3]), of(c.In[4])
	if len(x) == 0 {
		return
	}
	inner := len(x) / c.In[0].Dim(0) / channels
	for at := 0; at < len(x); at += inner {
		ch := at / inner % channels
		factor := float64(scale[ch]) / math.Sqrt(float64(variance[ch])+epsilon)
		for i, v := range x[at : at+inner] {
			out[at+i] = T(float64((float64(v)-float64(mean[ch]))*factor) + float64(bias[ch]))
		}
	}
}
