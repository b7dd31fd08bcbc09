package native

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// halfTaker is a kernel that takes some of its inputs as halves where the others are widened, with the same result.
type halfTaker interface {
	// TakesHalf reports whether input i may stay a half.
	TakesHalf(i int) bool
}

// halved runs a kernel on F16 and BF16: inputs are widened to F32, which is exact, and F32 outputs are rounded once.
type halved struct{ kernel engine.Kernel }

// Run implements engine.Kernel.
func (h halved) Run(c *engine.Call) error {
	half, err := halfOf(c.In)
	if err != nil {
		return err
	}
	if half == tensor.Invalid {
		return h.kernel.Run(c)
	}
	var few [8]*tensor.Tensor // more inputs than these are rare
	given := append(few[:0], c.In...)
	weights, _ := h.kernel.(halfTaker)
	for i, t := range given {
		if t != nil && t.DType() == half && (weights == nil || !weights.TakesHalf(i)) {
			c.In[i] = widen(c, t)
		}
	}
	err = h.kernel.Run(c)
	copy(c.In, given)
	if err != nil {
		return err
	}
	for i, t := range c.Out {
		if t != nil && t.DType() == tensor.F32 {
			c.Out[i] = round(c, t, half)
		}
	}
	return nil
}

// halfOf is the half type among the inputs, Invalid when there is none.
func halfOf(in []*tensor.Tensor) (tensor.DType, error) {
	half := tensor.Invalid
	for i, t := range in {
		if t == nil || t.DType() != tensor.F16 && t.DType() != tensor.BF16 {
			continue
		}
		if half != tensor.Invalid && half != t.DType() {
			return half, fmt.Errorf("input %d is %v beside an input of %s: wanted one half type", i, t, half)
		}
		half = t.DType()
	}
	return half, nil
}

func widen(c *engine.Call, t *tensor.Tensor) *tensor.Tensor {
	out := c.New(tensor.F32, t.Shape()...)
	kernel.Widen(tensor.Of[float32](out), tensor.Of[uint16](t), t.DType())
	return out
}

func round(c *engine.Call, t *tensor.Tensor, half tensor.DType) *tensor.Tensor {
	out := c.New(half, t.Shape()...)
	kernel.Narrow(tensor.Of[uint16](out), tensor.Of[float32](t), half)
	return out
}
