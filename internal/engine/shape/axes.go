package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// viewer is Squeeze or Unsqueeze.
type viewer bool

const (
	squeeze   viewer = false
	unsqueeze viewer = true
)

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

// view appends to a shape on its stack, so that a planned run allocates nothing.
func view(c *engine.Call, f viewer, axes []int64) error {
	var few [8]int
	shape, err := tensor.Shape(nil), error(nil)
	if f == unsqueeze {
		shape, err = unsqueezed(few[:0], c.In[0].Shape(), axes)
	} else {
		shape, err = squeezed(few[:0], c.In[0].Shape(), axes)
	}
	if err != nil {
		return err
	}
	return c.View(0, c.In[0], shape...)
}

// squeezed is the shape of Squeeze, appended to out: without the axes, which have size 1; without axes, without every
// dimension of size 1.
func squeezed(out, s tensor.Shape, axes []int64) (tensor.Shape, error) {
	for _, a := range axes {
		if d, ok := engine.Axis(a, len(s)); !ok || s[d] != 1 {
			return nil, fmt.Errorf("axis %d of %v does not exist or is not 1", a, s)
		}
	}
	for d, n := range s {
		if axes == nil && n == 1 || lists(axes, d, len(s)) {
			continue
		}
		out = append(out, n)
	}
	return out, nil
}

// unsqueezed is the shape of Unsqueeze, appended to out: the axes, counted in the result, become dimensions of size 1.
func unsqueezed(out, s tensor.Shape, axes []int64) (tensor.Shape, error) {
	rank := len(s) + len(axes)
	for i, a := range axes {
		if d, ok := engine.Axis(a, rank); !ok || lists(axes[:i], d, rank) {
			return nil, fmt.Errorf("axes %v do not fit a result of %d dimensions", axes, rank)
		}
	}
	for d := range rank {
		if lists(axes, d, rank) {
			out = append(out, 1)
		} else {
			out, s = append(out, s[0]), s[1:]
		}
	}
	return out, nil
}

// lists reports whether the dimension is among the axes of that rank.
func lists(axes []int64, d, rank int) bool {
	for _, a := range axes {
		if a == int64(d) || a == int64(d-rank) {
			return true
		}
	}
	return false
}
