package elementwise

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/single"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// powers: Pow (ai.onnx 1 to today). The result has the base's type, a float, I32 or I64; the exponent may be of another
// type (since 12). An integer base to an integer power is exact and wraps around, and truncates when the exponent is
// negative; to a float power it is computed in float64 and truncated.
func powers() engine.Table {
	in := []engine.Types{engine.Floats() | engine.TypesOf(tensor.I32, tensor.I64), engine.Numbers()}
	loops := map[[2]tensor.DType]pairRun{}
	for d := tensor.Invalid; d <= tensor.String; d++ {
		for base, run := range map[tensor.DType]pairRun{tensor.F32: floatPower[float32](tensor.F32, d), tensor.F64: floatPower[float64](tensor.F64, d),
			tensor.I32: wholePower[int32](tensor.I32, d), tensor.I64: wholePower[int64](tensor.I64, d)} {
			loops[[2]tensor.DType{base, d}] = run
		}
	}
	return engine.Table{{Op: "Pow"}: binaryOperators(1, true, in, func(c *engine.Call, a, b *tensor.Tensor) (*tensor.Tensor, error) {
		run := loops[[2]tensor.DType{a.DType(), b.DType()}]
		if run == nil {
			return nil, fmt.Errorf("base is %v and exponent %v, wanted a base of F32, F64, I32 or I64 and a number", a, b)
		}
		shape, err := strided.BroadcastShape(a.Shape(), b.Shape())
		if err != nil {
			return nil, err
		}
		return run(c, a, b, shape)
	})}
}

func floatPower[T float](base, exponent tensor.DType) pairRun {
	switch exponent {
	case tensor.F32:
		if base == tensor.F32 {
			return pair(base, pow32)
		}
		return pair(base, pow[T, float32])
	case tensor.F64:
		return pair(base, pow[T, float64])
	case tensor.I8:
		return pair(base, pow[T, int8])
	case tensor.I16:
		return pair(base, pow[T, int16])
	case tensor.I32:
		return pair(base, pow[T, int32])
	case tensor.I64:
		return pair(base, pow[T, int64])
	case tensor.U8:
		return pair(base, pow[T, uint8])
	case tensor.U16:
		return pair(base, pow[T, uint16])
	case tensor.U32:
		return pair(base, pow[T, uint32])
	case tensor.U64:
		return pair(base, pow[T, uint64])
	}
	return nil
}

func wholePower[T int32 | int64](base, exponent tensor.DType) pairRun {
	switch exponent {
	case tensor.F32:
		return pair(base, truncatedPow[T, float32])
	case tensor.F64:
		return pair(base, truncatedPow[T, float64])
	case tensor.I8:
		return pair(base, wholePow[T, int8])
	case tensor.I16:
		return pair(base, wholePow[T, int16])
	case tensor.I32:
		return pair(base, wholePow[T, int32])
	case tensor.I64:
		return pair(base, wholePow[T, int64])
	case tensor.U8:
		return pair(base, wholePow[T, uint8])
	case tensor.U16:
		return pair(base, wholePow[T, uint16])
	case tensor.U32:
		return pair(base, wholePow[T, uint32])
	case tensor.U64:
		return pair(base, wholePow[T, uint64])
	}
	return nil
}

// pow treats the exponents that models use most without the general function; the results are the same but for the last
// bit of a float64.
func pow[T float, U number](dst, a []T, b []U) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		v, e := float64(x), float64(b[i])
		switch e {
		case 2:
			v *= v
		case 0.5:
			if v = math.Sqrt(v + 0); math.IsInf(float64(x), -1) { // the root of -0 is 0 here, and that of -Inf is Inf
				v = math.Inf(1)
			}
		case 3:
			v = v * v * v
		default:
			v = math.Pow(v, e)
		}
		dst[i] = T(v)
	}
}

// pow32 is pow for the pair that models have.
func pow32(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		switch e := b[i]; e {
		case 2:
			dst[i] = float32(float64(x) * float64(x))
		case 0.5, 3:
			pow(dst[i:i+1], a[i:i+1], b[i:i+1])
		default:
			dst[i] = float32(single.Pow(x, float64(e)))
		}
	}
}

func truncatedPow[T int32 | int64, U float](dst, a []T, b []U) {
	for i, x := range a {
		dst[i] = T(math.Pow(float64(x), float64(b[i])))
	}
}

func wholePow[T int32 | int64, U integer](dst, a []T, b []U) {
	for i, x := range a {
		e := b[i]
		if e < 0 {
			dst[i] = inversePow(x, e&1 != 0)
			continue
		}
		r := T(1)
		for ; e != 0; e >>= 1 {
			if e&1 != 0 {
				r *= x
			}
			x *= x
		}
		dst[i] = r
	}
}

// inversePow is x to a negative power, truncated: 0 but for 1 and -1. The inverse of 0 is the least number, to which
// processors convert an infinity.
func inversePow[T int32 | int64](x T, odd bool) T {
	switch {
	case x == 1, x == -1 && !odd:
		return 1
	case x == -1:
		return -1
	case x == 0:
		least := T(1)
		for least > 0 {
			least <<= 1
		}
		return least
	}
	return 0
}
