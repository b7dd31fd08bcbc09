package elementwise

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// arithmetic: Add, Sub, Mul, Div (ai.onnx 1 to today) of floats and integers, where integers wrap around and a division
// truncates; Mod (10 to today) with the sign of the divisor, or of the dividend with fmod=1; PRelu (1 to today): x where
// it is at least 0, slope·x elsewhere.
func arithmetic() engine.Table {
	t := engine.Table{}
	for op, p := range map[string]pairs{
		"Add": integers(add[int8], add[int16], add[int32], add[int64], add[uint8], add[uint16], add[uint32], add[uint64]).
			with(floats(add[float32], add[float64])),
		"Sub": integers(sub[int8], sub[int16], sub[int32], sub[int64], sub[uint8], sub[uint16], sub[uint32], sub[uint64]).
			with(floats(sub[float32], sub[float64])),
		"Mul": integers(mul[int8], mul[int16], mul[int32], mul[int64], mul[uint8], mul[uint16], mul[uint32], mul[uint64]).
			with(floats(mul[float32], mul[float64])),
		"Div": divisions(quo[int8], quo[int16], quo[int32], quo[int64], quo[uint8], quo[uint16], quo[uint32], quo[uint64]).
			with(floats(div[float32], div[float64])),
	} {
		t[engine.Key{Op: op}] = p.operators(1, true)
	}
	t[engine.Key{Op: "Mod"}] = []engine.Operator{{Since: 10, Build: buildMod, In: []engine.Types{engine.Numbers()}, Half: true}}
	slope := floats(prelu[float32], prelu[float64]).with(pairs{
		tensor.I32: pair(tensor.I32, prelu[int32]), tensor.I64: pair(tensor.I64, prelu[int64]),
		tensor.U32: pair(tensor.U32, prelu[uint32]), tensor.U64: pair(tensor.U64, prelu[uint64])})
	t[engine.Key{Op: "PRelu"}] = []engine.Operator{
		{Since: 1, Until: 6, Build: buildChannelSlope(slope), In: []engine.Types{slope.types()}, Half: true},
		{Since: 7, Build: buildBinary(slope.run), In: []engine.Types{slope.types()}, Half: true}}
	return t
}

// divisions are an integer division's loops, which fail on a divisor of 0.
func divisions(i8 func(dst, a, b []int8), i16 func(dst, a, b []int16), i32 func(dst, a, b []int32), i64 func(dst, a, b []int64),
	u8 func(dst, a, b []uint8), u16 func(dst, a, b []uint16), u32 func(dst, a, b []uint32), u64 func(dst, a, b []uint64)) pairs {
	return pairs{tensor.I8: divides(tensor.I8, i8), tensor.I16: divides(tensor.I16, i16),
		tensor.I32: divides(tensor.I32, i32), tensor.I64: divides(tensor.I64, i64),
		tensor.U8: divides(tensor.U8, u8), tensor.U16: divides(tensor.U16, u16),
		tensor.U32: divides(tensor.U32, u32), tensor.U64: divides(tensor.U64, u64)}
}

func divides[T integer](d tensor.DType, loop func(dst, a, b []T)) pairRun {
	run := pair(d, loop)
	return func(c *engine.Call, a, b *tensor.Tensor, shape tensor.Shape) (*tensor.Tensor, error) {
		if n, _ := shape.Elements(); n > 0 {
			for i, v := range tensor.Of[T](b) {
				if v == 0 {
					return nil, fmt.Errorf("element %d of the divisor %v is 0, and integers have no infinity", i, b)
				}
			}
		}
		return run(c, a, b, shape)
	}
}

func add[T number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func sub[T number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mul[T number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func div[T float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

func quo[T integer](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

func prelu[T number](dst, x, slope []T) {
	x, slope = x[:len(dst)], slope[:len(dst)]
	for i := range dst {
		dst[i] = x[i]
		if x[i] < 0 {
			dst[i] = x[i] * slope[i]
		}
	}
}

// buildChannelSlope is PRelu of versions 1 to 6: a slope of one element is for all, else it is one for each channel,
// which is dimension 1.
func buildChannelSlope(p pairs) func(s *engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only("consumed_inputs"); err != nil {
			return nil, err
		}
		if err := s.Arity(2, 2, 1); err != nil {
			return nil, err
		}
		return engine.KernelFunc(func(c *engine.Call) (err error) {
			x, slope := c.In[0], c.In[1]
			if slope.Rank() == 1 && slope.Len() != 1 && x.Rank() > 1 {
				if slope, err = alignAt(x, slope, 1); err != nil {
					return err
				}
			}
			if s, err := strided.BroadcastShape(x.Shape(), slope.Shape()); err != nil || !s.Equal(x.Shape()) {
				return fmt.Errorf("the slope %v does not stretch to %v", c.In[1], x)
			}
			c.Out[0], err = p.run(c, x, slope)
			return err
		}), nil
	}
}

// buildMod is Mod (ai.onnx 10 to today). With fmod=1 the result has the dividend's sign, as C's fmod and %; with fmod=0
// the divisor's, as Python's %. A float divisor of 0 gives NaN.
func buildMod(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("fmod"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	p := divisions(modulo[int8], modulo[int16], modulo[int32], modulo[int64], remainder[uint8], remainder[uint16], remainder[uint32], remainder[uint64]).
		with(floats(floatModulo[float32], floatModulo[float64]))
	switch fmod := s.Node.Int("fmod", 0); fmod {
	case 0:
	case 1:
		p.with(divisions(remainder[int8], remainder[int16], remainder[int32], remainder[int64], remainder[uint8], remainder[uint16], remainder[uint32], remainder[uint64])).
			with(floats(fmodulo[float32], fmodulo[float64]))
	default:
		return nil, s.Refuse("fmod is %d, wanted 0 or 1", fmod)
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		c.Out[0], err = p.run(c, c.In[0], c.In[1])
		return err
	}), nil
}

func remainder[T integer](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] % b[i]
	}
}

func modulo[T signed](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		r := a[i] % b[i]
		if r != 0 && (r < 0) != (b[i] < 0) {
			r += b[i]
		}
		dst[i] = r
	}
}

func fmodulo[T float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = T(math.Mod(float64(a[i]), float64(b[i])))
	}
}

func floatModulo[T float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		y := float64(b[i])
		r := math.Mod(float64(a[i]), y)
		switch {
		case r == 0:
			r = math.Copysign(0, y)
		case (r < 0) != (y < 0) && r == r:
			r += y
		}
		dst[i] = T(r)
	}
}
