package elementwise

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
)

// plain: Neg, Abs (ai.onnx 1 to today), Sign (9 to today) of numbers, where the sign of NaN is NaN; Ceil, Floor (1 to
// today) and Round (11 to today, half to even) of floats; Sqrt and Reciprocal (1 to today).
func plain() engine.Table {
	return table(map[string]function{
		"Neg": {since: 1, loops: plainly(overFloats(neg[float32], neg[float64]).signed(neg[int8], neg[int16], neg[int32], neg[int64]))},
		"Abs": {since: 1, loops: plainly(overFloats(absFloat[float32], absFloat[float64]).signed(abs[int8], abs[int16], abs[int32], abs[int64]).
			unsigned(abs[uint8], abs[uint16], abs[uint32], abs[uint64]))},
		"Sign": {since: 9, loops: plainly(overFloats(sign[float32], sign[float64]).signed(sign[int8], sign[int16], sign[int32], sign[int64]).
			unsigned(sign[uint8], sign[uint16], sign[uint32], sign[uint64]))},
		"Ceil":       {since: 1, loops: plainly(overFloats(ceil[float32], ceil[float64]))},
		"Floor":      {since: 1, loops: plainly(overFloats(floor[float32], floor[float64]))},
		"Round":      {since: 11, loops: plainly(overFloats(round[float32], round[float64]))},
		"Sqrt":       {since: 1, loops: plainly(overFloats(sqrt[float32], sqrt[float64]))},
		"Reciprocal": {since: 1, loops: plainly(overFloats(reciprocal[float32], reciprocal[float64]))},
	})
}

func neg[T float | signed](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = -v
	}
}

func abs[T integer](dst, x []T) {
	for i, v := range x[:len(dst)] {
		if v < 0 {
			v = -v
		}
		dst[i] = v
	}
}

func absFloat[T float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = T(math.Abs(float64(v)))
	}
}

func sign[T number](dst, x []T) {
	for i, v := range x[:len(dst)] {
		switch {
		case v > 0:
			v = 1
		case v < 0:
			v = 0
			v--
		}
		dst[i] = v
	}
}

func ceil[T float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = T(math.Ceil(float64(v)))
	}
}

func floor[T float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = T(math.Floor(float64(v)))
	}
}

func round[T float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = T(math.RoundToEven(float64(v)))
	}
}

func sqrt[T float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = T(math.Sqrt(float64(v)))
	}
}

func reciprocal[T float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = 1 / v
	}
}
