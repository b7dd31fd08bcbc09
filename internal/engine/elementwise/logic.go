package elementwise

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// logic: And, Or, Xor and Not (ai.onnx 1 to today) of booleans.
func logic() engine.Table {
	boolean := func(loop func(dst, a, b []uint8)) []engine.Operator {
		return pairs{tensor.Bool: pair(tensor.Bool, loop)}.operators(1, false)
	}
	return engine.Table{
		{Op: "And"}: boolean(and[uint8]),
		{Op: "Or"}:  boolean(or[uint8]),
		{Op: "Xor"}: boolean(xor[uint8]),
		{Op: "Not"}: function{since: 1, keep: true, loops: plainly(loops{tensor.Bool: over(not)})}.operators(),
	}
}

// bits: BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot (ai.onnx 18 to today) and BitShift (11 to today) of
// integers; signed ones are shifted since version 28.
func bits() engine.Table {
	return engine.Table{
		{Op: "BitwiseAnd"}: integers(and[int8], and[int16], and[int32], and[int64], and[uint8], and[uint16], and[uint32], and[uint64]).operators(18, false),
		{Op: "BitwiseOr"}:  integers(or[int8], or[int16], or[int32], or[int64], or[uint8], or[uint16], or[uint32], or[uint64]).operators(18, false),
		{Op: "BitwiseXor"}: integers(xor[int8], xor[int16], xor[int32], xor[int64], xor[uint8], xor[uint16], xor[uint32], xor[uint64]).operators(18, false),
		{Op: "BitwiseNot"}: function{since: 18, keep: true, loops: plainly(loops{}.signed(inverse[int8], inverse[int16], inverse[int32], inverse[int64]).
			unsigned(inverse[uint8], inverse[uint16], inverse[uint32], inverse[uint64]))}.operators(),
		{Op: "BitShift"}: {{Since: 11, Build: buildShift, In: []engine.Types{engine.Integers()}}},
	}
}

func and[T integer](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] & b[i]
	}
}

func or[T integer](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] | b[i]
	}
}

func xor[T integer](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] ^ b[i]
	}
}

func not(dst, x []bool) {
	for i, v := range x[:len(dst)] {
		dst[i] = !v
	}
}

func inverse[T integer](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = ^v
	}
}

// buildShift is BitShift: x moved by y bits to the side that the attribute direction names. A shift by a negative number
// or by all bits and more leaves nothing but the sign.
func buildShift(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("direction"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	var p pairs
	switch side := s.Node.Text("direction", ""); side {
	case "LEFT":
		p = integers(left[int8], left[int16], left[int32], left[int64], left[uint8], left[uint16], left[uint32], left[uint64])
	case "RIGHT":
		p = integers(right[int8], right[int16], right[int32], right[int64], right[uint8], right[uint16], right[uint32], right[uint64])
	default:
		return nil, s.Refuse("direction is %q, wanted LEFT or RIGHT", side)
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		c.Out[0], err = p.run(c, c.In[0], c.In[1])
		return err
	}), nil
}

// A negative count becomes a huge one.
func left[T integer](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] << uint64(b[i])
	}
}

func right[T integer](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] >> uint64(b[i])
	}
}
