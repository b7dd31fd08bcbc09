package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// cast is Cast (ai.onnx 1 to today) between all dtypes. Floats round to the nearest float and truncate to an integer,
// where one that does not fit is an error (ONNX leaves it undefined). Integers keep the low bits of those that do not
// fit. Everything but 0 casts to true. Numbers are written as strings with as many digits as tell them apart, and read
// from the usual notations, NaN and INF among them. Until version 5 the type is given by name.
func cast(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("to", "saturate", "round_mode"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	number := s.Node.Int("to", 0)
	if s.Opset < 6 {
		number = typeNumber(s.Node.Text("to", ""))
	}
	to, ok := onnx.DTypeOf(number)
	if !ok {
		return nil, s.Refuse("casting to type number %d is not covered", number)
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		c.Out[0], err = convert(c, c.In[0], to)
		return err
	}), nil
}

// typeNumber is the number of TensorProto's type of that name, 0 when there is none.
func typeNumber(name string) int64 {
	return map[string]int64{"FLOAT": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7, "STRING": 8,
		"BOOL": 9, "FLOAT16": 10, "DOUBLE": 11, "UINT32": 12, "UINT64": 13, "BFLOAT16": 16}[name]
}

// castLike is CastLike (ai.onnx 15 to today): Cast to the dtype of the second input.
func castLike(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("saturate", "round_mode"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		c.Out[0], err = convert(c, c.In[0], c.In[1].DType())
		return err
	}), nil
}

// bitCast is BitCast (ai.onnx 26 to today): the same bytes as elements of another type of the same size.
func bitCast(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("to"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	to, ok := onnx.DTypeOf(s.Node.Int("to", 0))
	if !ok || to == tensor.String {
		return nil, s.Refuse("casting to type number %d is not covered", s.Node.Int("to", 0))
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.DType().Size() != to.Size() {
			return fmt.Errorf("input is %v, and elements of %s have another size", x, to)
		}
		t, err := tensor.FromBytes(to, x.Shape(), x.Bytes())
		if err != nil {
			return err
		}
		c.Out[0] = t
		return t.Validate()
	}), nil
}

// convert is x in the dtype: x itself when it has it.
func convert(c *engine.Call, x *tensor.Tensor, to tensor.DType) (*tensor.Tensor, error) {
	from := x.DType()
	switch {
	case from == to:
		return x, nil
	case from == tensor.String:
		return parseAll(c, x, to)
	case from == tensor.F16 || from == tensor.BF16:
		wide := c.New(tensor.F32, x.Shape()...)
		kernel.Widen(tensor.Of[float32](wide), tensor.Of[uint16](x), from)
		return convert(c, wide, to)
	case to == tensor.String:
		return formatAll(x)
	case (to == tensor.F16 || to == tensor.BF16) && from == tensor.F32:
		out := c.New(to, x.Shape()...)
		kernel.Narrow(tensor.Of[uint16](out), tensor.Of[float32](x), to)
		return out, nil
	case to == tensor.F16 || to == tensor.BF16:
		return tensor.Convert(x, to) // rounds once, from every type
	}
	return convertNumbers(c, x, to)
}
