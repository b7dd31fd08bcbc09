package shape

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
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

// dropout is Dropout (ai.onnx 7 to today) at inference: the input itself. The mask is not covered.
func dropout(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("ratio", "seed"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 3, 2); err != nil {
		return nil, err
	}
	if len(s.Node.Outputs) > 1 && s.Node.Outputs[1] != "" {
		return nil, s.Refuse("the mask output is not covered")
	}
	if s.Has(2) {
		training, err := s.Fetch(2)
		if err != nil {
			return nil, err
		}
		if training == nil || training.DType() != tensor.Bool || training.Len() != 1 || training.Bytes()[0] != 0 {
			return nil, s.Refuse("training_mode is not the constant false")
		}
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		c.Out[0] = c.In[0]
		return nil
	}), nil
}

// constant is Constant (ai.onnx 1 to today): value, value_float(s), value_int(s), value_string(s).
func constant(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("value", "value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings"); err != nil {
		return nil, err
	}
	if err := s.Arity(0, 0, 1); err != nil {
		return nil, err
	}
	t, err := constantOf(s.Node)
	if err != nil {
		return nil, s.Refuse("%v", err)
	}
	return always{t}, nil
}

// always implements engine.Constant.
type always struct{ value *tensor.Tensor }

// Value implements engine.Constant.
func (f always) Value() *tensor.Tensor { return f.value }

// Run implements engine.Kernel.
func (f always) Run(c *engine.Call) (err error) {
	if f.value.DType() == tensor.String {
		c.Out[0], err = tensor.StringsFromBytes(f.value.Shape(), slices.Clone(f.value.Offsets()), slices.Clone(f.value.Bytes()))
		return err
	}
	c.Out[0] = c.New(f.value.DType(), f.value.Shape()...)
	copy(c.Out[0].Bytes(), f.value.Bytes())
	return nil
}

func constantOf(n *graph.Node) (*tensor.Tensor, error) {
	if len(n.Attrs) != 1 {
		return nil, fmt.Errorf("%d attributes, wanted exactly one value", len(n.Attrs))
	}
	for _, a := range n.Attrs {
		switch a.Kind {
		case graph.AttrTensor:
			return engine.Inline(a.Tensor)
		case graph.AttrFloat:
			return tensor.FromSlice(tensor.F32, []float32{a.Float})
		case graph.AttrFloats:
			return tensor.FromSlice(tensor.F32, slices.Clone(a.Floats), len(a.Floats))
		case graph.AttrInt:
			return tensor.FromSlice(tensor.I64, []int64{a.Int})
		case graph.AttrInts:
			return tensor.FromSlice(tensor.I64, slices.Clone(a.Ints), len(a.Ints))
		case graph.AttrString:
			return tensor.FromStrings(nil, []string{a.Str})
		case graph.AttrStrings:
			return tensor.FromStrings(tensor.Shape{len(a.Strs)}, a.Strs)
		}
	}
	return nil, fmt.Errorf("its value is of a kind that is not covered")
}

// reshape is Reshape (ai.onnx 5 to today): 0 copies a dimension unless allowzero (since 14), one -1 is inferred.
func reshape(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("allowzero"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	allowZero := s.Node.Int("allowzero", 0) != 0
	list, err := s.Ints(1)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		want, _, err := list.At(c)
		if err != nil {
			return err
		}
		var few [8]int
		shape, err := reshaped(few[:0], c.In[0].Shape(), want, allowZero)
		if err != nil {
			return err
		}
		return c.View(0, c.In[0], shape...)
	}), nil
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
