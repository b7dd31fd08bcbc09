package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// identity is Identity (ai.onnx 1 to today) of tensors.
func identity(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		c.Out[0] = c.In[0]
		return nil
	}), nil
}

// reshapeAttr is Reshape (ai.onnx 1 to 4), whose shape is an attribute.
func reshapeAttr(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("shape", "consumed_inputs"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	want := s.Node.Attrs["shape"].Ints
	return engine.KernelFunc(func(c *engine.Call) error { return reshapeTo(c, want, false) }), nil
}

// reshape is Reshape (ai.onnx 5 to today): 0 copies a dimension unless allowzero (since 14), one -1 is inferred.
func reshape(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("allowzero"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	list, err := s.Ints(1)
	if err != nil {
		return nil, err
	}
	allowZero := s.Node.Int("allowzero", 0) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		want, _, err := list.At(c)
		if err != nil {
			return err
		}
		return reshapeTo(c, want, allowZero)
	}), nil
}

func reshapeTo(c *engine.Call, want []int64, allowZero bool) error {
	var few [8]int
	shape, err := reshaped(few[:0], c.In[0].Shape(), want, allowZero)
	if err != nil {
		return err
	}
	return c.View(0, c.In[0], shape...)
}

// reshaped is the result's shape, appended to out.
func reshaped(out, from tensor.Shape, want []int64, allowZero bool) (tensor.Shape, error) {
	for range want {
		out = append(out, 0)
	}
	total, err := from.Elements()
	if err != nil {
		return nil, err
	}
	infer, known := -1, 1
	for i, d := range want {
		switch {
		case d == -1 && infer < 0:
			infer = i
			continue
		case d == 0 && !allowZero:
			if i >= len(from) {
				return nil, fmt.Errorf("shape %v copies dimension %d of %v, which does not exist", want, i, from)
			}
			out[i] = from[i]
		case d < 0:
			return nil, fmt.Errorf("shape %v has a negative dimension, or more than one -1", want)
		default:
			out[i] = int(d)
		}
		if known != 0 && out[i] > (1<<62)/known {
			return nil, fmt.Errorf("shape %v is too large", want)
		}
		known *= out[i]
	}
	if infer >= 0 {
		if known == 0 || total%known != 0 {
			return nil, fmt.Errorf("%v does not fit into shape %v", from, want)
		}
		out[infer] = total / known
	}
	return out, nil
}

// flatten is Flatten (ai.onnx 1 to today): a matrix, cut before axis (default 1).
func flatten(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	attr := s.Node.Int("axis", 1)
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		// The axis may be the rank itself: everything is in the first dimension then.
		axis, ok := engine.Axis(attr, x.Rank())
		if !ok && attr != int64(x.Rank()) {
			return fmt.Errorf("axis %d does not lie in %v", attr, x)
		}
		rows, columns := 1, 1
		for d, n := range x.Shape() {
			if d < axis {
				rows *= n
			} else {
				columns *= n
			}
		}
		return c.View(0, x, rows, columns)
	}), nil
}

// shapeOf is Shape (ai.onnx 1 to today): the dimensions [start, end) (since 15) as I64.
func shapeOf(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("start", "end"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		rank := int64(c.In[0].Rank())
		bound := func(v int64) int64 {
			if v < 0 {
				v += rank
			}
			return max(0, min(v, rank))
		}
		lo, hi := bound(s.Node.Int("start", 0)), bound(s.Node.Int("end", rank))
		dims := c.In[0].Shape()[lo:max(lo, hi)]
		c.Out[0] = c.New(tensor.I64, len(dims))
		for i, d := range dims {
			tensor.Of[int64](c.Out[0])[i] = int64(d)
		}
		return nil
	}), nil
}

// sizeOf is Size (ai.onnx 1 to today): the number of elements as a scalar I64.
func sizeOf(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		c.Out[0] = c.New(tensor.I64)
		tensor.Of[int64](c.Out[0])[0] = int64(c.In[0].Len())
		return nil
	}), nil
}
