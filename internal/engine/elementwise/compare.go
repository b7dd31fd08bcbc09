package elementwise

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// comparisons: Equal (ai.onnx 1 to today) of numbers, booleans and strings, Greater and Less (1 to today),
// GreaterOrEqual and LessOrEqual (12 to today) of numbers, with a boolean result. A comparison with NaN is false.
func comparisons() engine.Table {
	equals := decides(equal[float32], equal[float64], equal[int8], equal[int16], equal[int32], equal[int64],
		equal[uint8], equal[uint16], equal[uint32], equal[uint64])
	equals[tensor.Bool] = pair(tensor.Bool, equal[bool])
	equals[tensor.String] = equalStrings
	above := decides(greater[float32], greater[float64], greater[int8], greater[int16], greater[int32], greater[int64],
		greater[uint8], greater[uint16], greater[uint32], greater[uint64])
	below := decides(less[float32], less[float64], less[int8], less[int16], less[int32], less[int64],
		less[uint8], less[uint16], less[uint32], less[uint64])
	notBelow := decides(atLeast[float32], atLeast[float64], atLeast[int8], atLeast[int16], atLeast[int32], atLeast[int64],
		atLeast[uint8], atLeast[uint16], atLeast[uint32], atLeast[uint64])
	notAbove := decides(atMost[float32], atMost[float64], atMost[int8], atMost[int16], atMost[int32], atMost[int64],
		atMost[uint8], atMost[uint16], atMost[uint32], atMost[uint64])
	return engine.Table{
		{Op: "Equal"}:          equals.operators(1, true),
		{Op: "Greater"}:        above.operators(1, true),
		{Op: "Less"}:           below.operators(1, true),
		{Op: "GreaterOrEqual"}: notBelow.operators(12, true),
		{Op: "LessOrEqual"}:    notAbove.operators(12, true),
	}
}

// rule is a loop with a boolean result.
type rule[T any] func(dst []bool, a, b []T)

func decides(f32 rule[float32], f64 rule[float64], i8 rule[int8], i16 rule[int16], i32 rule[int32], i64 rule[int64],
	u8 rule[uint8], u16 rule[uint16], u32 rule[uint32], u64 rule[uint64]) pairs {
	return pairs{tensor.F32: pair(tensor.Bool, f32), tensor.F64: pair(tensor.Bool, f64),
		tensor.I8: pair(tensor.Bool, i8), tensor.I16: pair(tensor.Bool, i16),
		tensor.I32: pair(tensor.Bool, i32), tensor.I64: pair(tensor.Bool, i64),
		tensor.U8: pair(tensor.Bool, u8), tensor.U16: pair(tensor.Bool, u16),
		tensor.U32: pair(tensor.Bool, u32), tensor.U64: pair(tensor.Bool, u64)}
}

func equal[T comparable](dst []bool, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] == b[i]
	}
}

func greater[T number](dst []bool, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] > b[i]
	}
}

func less[T number](dst []bool, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] < b[i]
	}
}

func atLeast[T number](dst []bool, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] >= b[i]
	}
}

func atMost[T number](dst []bool, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] <= b[i]
	}
}

func equalStrings(c *engine.Call, a, b *tensor.Tensor, shape tensor.Shape) (*tensor.Tensor, error) {
	out := c.New(tensor.Bool, shape...)
	dst := tensor.Of[bool](out)
	l := strided.Broadcast(shape, a.Shape(), b.Shape())
	for ok := l.Start(); ok; ok = l.Next() {
		for i := range l.Run {
			dst[l.Out+i] = a.StringAt(l.At[0]+i*l.Inner[0]) == b.StringAt(l.At[1]+i*l.Inner[1])
		}
	}
	return out, nil
}

// tests: IsNaN (ai.onnx 9 to today), and IsInf (10 to today) with detect_negative and detect_positive, of floats.
func tests() engine.Table {
	floats := []engine.Types{engine.Floats()}
	return engine.Table{
		{Op: "IsNaN"}: {{Since: 9, Build: isNaN, In: floats, Half: true}},
		{Op: "IsInf"}: {{Since: 10, Build: isInf, In: floats, Half: true}},
	}
}

func isNaN(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	return decided(s, loops{tensor.F32: over(nan[float32]), tensor.F64: over(nan[float64])})
}

func isInf(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("detect_negative", "detect_positive"); err != nil {
		return nil, err
	}
	neg, pos := s.Node.Int("detect_negative", 1) != 0, s.Node.Int("detect_positive", 1) != 0
	return decided(s, loops{tensor.F32: over(infinite[float32](neg, pos)), tensor.F64: over(infinite[float64](neg, pos))})
}

func decided(s *engine.Site, l loops) (engine.Kernel, error) {
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		loop := l[c.In[0].DType()]
		if loop == nil {
			return fmt.Errorf("input is %v, wanted one of %v", c.In[0], l.types())
		}
		c.Out[0] = c.New(tensor.Bool, c.In[0].Shape()...)
		loop(c.Out[0], c.In[0])
		return nil
	}), nil
}

func nan[T float](dst []bool, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = v != v
	}
}

func infinite[T float](neg, pos bool) func(dst []bool, x []T) {
	return func(dst []bool, x []T) {
		for i, v := range x[:len(dst)] {
			// Only infinities and NaN differ from themselves by something else than 0.
			dst[i] = v-v != 0 && (v > 0 && pos || v < 0 && neg)
		}
	}
}
