package shape

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// viewer makes the output shape of the input's shape and the axes; axes is nil when they are absent.
type viewer func(s tensor.Shape, axes []int64) (tensor.Shape, error)

// axesAttr builds Squeeze and Unsqueeze of ai.onnx 1 to 12, whose axes are an attribute.
func axesAttr(f viewer) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only("axes"); err != nil {
			return nil, err
		}
		if err := s.Arity(1, 1, 1); err != nil {
			return nil, err
		}
		axes := s.Node.Attrs["axes"].Ints
		return engine.KernelFunc(func(c *engine.Call) error { return view(c, f, axes) }), nil
	}
}

// axesInput builds Squeeze and Unsqueeze of ai.onnx 13 to today, whose axes are an input.
func axesInput(f viewer, minIn int) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only(); err != nil {
			return nil, err
		}
		if err := s.Arity(minIn, 2, 1); err != nil {
			return nil, err
		}
		list, err := s.Ints(1)
		if err != nil {
			return nil, err
		}
		return engine.KernelFunc(func(c *engine.Call) error {
			axes, _, err := list.At(c)
			if err != nil {
				return err
			}
			return view(c, f, axes)
		}), nil
	}
}

func view(c *engine.Call, f viewer, axes []int64) error {
	shape, err := f(c.In[0].Shape(), axes)
	if err != nil {
		return err
	}
	c.Out[0], err = c.In[0].Reshape(shape...)
	return err
}

// squeeze is Squeeze: it drops the axes, which have size 1; without axes, every dimension of size 1.
func squeeze(s tensor.Shape, axes []int64) (tensor.Shape, error) {
	drop := map[int]bool{}
	for _, a := range axes {
		d, ok := engine.Axis(a, len(s))
		if !ok || s[d] != 1 {
			return nil, fmt.Errorf("axis %d of %v does not exist or is not 1", a, s)
		}
		drop[d] = true
	}
	out := tensor.Shape{}
	for d, n := range s {
		if drop[d] || axes == nil && n == 1 {
			continue
		}
		out = append(out, n)
	}
	return out, nil
}

// unsqueeze is Unsqueeze: the axes, counted in the result, become dimensions of size 1.
func unsqueeze(s tensor.Shape, axes []int64) (tensor.Shape, error) {
	rank := len(s) + len(axes)
	var at []int
	for _, a := range axes {
		d, ok := engine.Axis(a, rank)
		if !ok || slices.Contains(at, d) {
			return nil, fmt.Errorf("axes %v do not fit a result of %d dimensions", axes, rank)
		}
		at = append(at, d)
	}
	out := make(tensor.Shape, 0, rank)
	for d := range rank {
		if slices.Contains(at, d) {
			out = append(out, 1)
		} else {
			out, s = append(out, s[0]), s[1:]
		}
	}
	return out, nil
}
