package sequence

import (
	"errors"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// none is the optional without a value: a sequence of one sequence, which no other operator makes.
func none() *tensor.Tensor { return tensor.Sequence([]*tensor.Tensor{tensor.Sequence(nil)}) }

// absent reports whether a value is the optional without one.
func absent(t *tensor.Tensor) bool {
	list, ok := t.Items()
	if !ok || len(list) != 1 {
		return false
	}
	_, ok = list[0].Items()
	return ok
}

// optional is Optional (ai.onnx 15 to today): an optional with the input as its value, or without one.
func optional(s *engine.Site) (engine.Kernel, error) {
	// The type of a value that is not there changes nothing.
	if _, ok := s.Node.Attrs["type"]; ok && !s.Has(0) && len(s.Node.Attrs) == 1 {
		return engine.KernelFunc(func(c *engine.Call) error {
			c.Out[0] = none()
			return nil
		}), s.Arity(0, 1, 1)
	}
	return site(s, 1, 1, func(c *engine.Call) (*tensor.Tensor, error) { return c.In[0], nil })
}

// element is OptionalGetElement (ai.onnx 15 to today): the value, which must be there; since 18 a tensor or sequence is
// its own.
func element(s *engine.Site) (engine.Kernel, error) {
	return site(s, 1, 1, func(c *engine.Call) (*tensor.Tensor, error) {
		if absent(c.In[0]) {
			return nil, errors.New("the optional has no value")
		}
		return c.In[0], nil
	})
}

// has is OptionalHasElement (ai.onnx 15 to today): whether there is a value; since 18 the input may be absent.
func has(s *engine.Site) (engine.Kernel, error) {
	minIn := 1
	if s.Opset >= 18 {
		minIn = 0
	}
	return site(s, minIn, 1, func(c *engine.Call) (*tensor.Tensor, error) {
		out := c.New(tensor.Bool)
		tensor.Of[bool](out)[0] = c.Has(0) && !absent(c.In[0])
		return out, nil
	})
}
