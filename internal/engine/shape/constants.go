package shape

import (
	"fmt"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

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

// constantOfShape is ConstantOfShape (ai.onnx 9 to today): a tensor of the shape that the input names, filled with the
// one element of value (default the F32 0).
func constantOfShape(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("value"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	value := tensor.New(tensor.F32, 1)
	if a, ok := s.Node.Attrs["value"]; ok {
		if a.Kind != graph.AttrTensor {
			return nil, s.Refuse("its value is not a tensor")
		}
		v, err := engine.Inline(a.Tensor)
		if err != nil {
			return nil, s.Refuse("%v", err)
		}
		value = v
	}
	if value.Len() != 1 || value.DType() == tensor.String {
		return nil, s.Refuse("its value is %v, wanted one number or boolean", value)
	}
	dims, err := s.Ints(0)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		list, _, err := dims.At(c)
		if err != nil {
			return err
		}
		shape, err := shapeOfList(list)
		if err != nil {
			return err
		}
		c.Out[0] = c.New(value.DType(), shape...)
		repeat(c.Out[0].Bytes(), value.Bytes())
		return nil
	}), nil
}

// shapeOfList makes a list of integers a shape, or fails.
func shapeOfList(list []int64) (tensor.Shape, error) {
	shape := make(tensor.Shape, len(list))
	for i, d := range list {
		if d < 0 || d > math.MaxInt32*int64(math.MaxInt16) {
			return nil, fmt.Errorf("shape %v has a dimension of %d", list, d)
		}
		shape[i] = int(d)
	}
	n, err := shape.Elements()
	if err == nil && n > math.MaxInt/8-8 {
		err = fmt.Errorf("shape %v is too large", list)
	}
	return shape, err
}

// repeat fills dst with copies of the pattern.
func repeat(dst, pattern []byte) {
	for n := copy(dst, pattern); n < len(dst) && n > 0; n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// eyeLike is EyeLike (ai.onnx 9 to today): zeros of the matrix's shape with ones on the diagonal k (default 0, positive
// above it), of type dtype or the input's.
func eyeLike(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("dtype", "k"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	k, number := s.Node.Int("k", 0), s.Node.Int("dtype", 0)
	to, ok := onnx.DTypeOf(number)
	if (!ok || to == tensor.String) && number != 0 {
		return nil, s.Refuse("type number %d is not covered", number)
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x, to := c.In[0], to
		if number == 0 {
			to = x.DType()
		}
		if x.Rank() != 2 || to == tensor.String {
			return fmt.Errorf("input is %v, wanted a matrix of numbers", x)
		}
		one, err := convert(c, ones(), to)
		if err != nil {
			return err
		}
		c.Out[0] = c.New(to, x.Shape()...)
		dst, size := c.Out[0].Bytes(), to.Size()
		clear(dst)
		for i := range x.Dim(0) {
			if j := int64(i) + k; j >= 0 && j < int64(x.Dim(1)) {
				copy(dst[(i*x.Dim(1)+int(j))*size:], one.Bytes())
			}
		}
		return nil
	}), nil
}

func ones() *tensor.Tensor {
	t := tensor.New(tensor.F32)
	tensor.Of[float32](t)[0] = 1
	return t
}
