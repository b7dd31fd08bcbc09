package shape

import (
	"errors"
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// dropoutAttrs is Dropout (ai.onnx 1 to 11) at inference: the input itself, and a mask of ones, of the input's type until
// version 9, then of booleans. Versions 1 to 6 are at inference with is_test=1 alone.
func dropoutAttrs(s *engine.Site) (engine.Kernel, error) {
	names := []string{"ratio"}
	if s.Opset < 7 {
		names = append(names, "is_test", "consumed_inputs")
		if s.Node.Int("is_test", 0) == 0 {
			return nil, s.Refuse("is_test is 0: it drops at random, as in training")
		}
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 2); err != nil {
		return nil, err
	}
	booleans := s.Opset >= 10
	return engine.KernelFunc(func(c *engine.Call) error { return keepAll(c, booleans) }), nil
}

// dropoutInputs is Dropout (ai.onnx 12 to today): ratio (default 0.5) and training_mode (default false) are inputs. In
// training with a ratio that is not 0 it would drop at random, which is an error.
func dropoutInputs(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("seed"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 3, 2); err != nil {
		return nil, err
	}
	ratio, err := s.Fetch(1)
	if err != nil {
		return nil, err
	}
	training, err := s.Fetch(2)
	if err != nil {
		return nil, err
	}
	if training != nil && (ratio != nil || !s.Has(1)) {
		if err := drops(ratio, training); err != nil {
			return nil, s.Refuse("%v", err)
		}
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		var inputs [3]*tensor.Tensor
		copy(inputs[:], c.In)
		if err := drops(inputs[1], inputs[2]); err != nil {
			return s.Refuse("%v", err)
		}
		return keepAll(c, true)
	}), nil
}

// drops fails when the node would drop elements; ratio and training are nil when they are absent.
func drops(ratio, training *tensor.Tensor) error {
	if training == nil {
		return nil
	}
	if training.DType() != tensor.Bool || training.Len() != 1 {
		return fmt.Errorf("training_mode is %v, wanted one boolean", training)
	}
	if !tensor.Of[bool](training)[0] {
		return nil
	}
	if ratio != nil && ratio.DType().Float() && ratio.Len() == 1 {
		zero := true
		for _, b := range ratio.Bytes() {
			zero = zero && b == 0
		}
		if zero {
			return nil
		}
	}
	return errors.New("training_mode is true: elements would be dropped at random")
}

func keepAll(c *engine.Call, booleans bool) error {
	x := c.In[0]
	c.Out[0] = x
	if len(c.Out) < 2 || !c.Want[1] {
		return nil
	}
	to := tensor.Bool
	if !booleans {
		to = x.DType()
	}
	one, err := convert(c, ones(), to)
	if err != nil {
		return err
	}
	c.Out[1] = c.New(to, x.Shape()...)
	repeat(c.Out[1].Bytes(), one.Bytes())
	return nil
}
