package compare

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// value is one number: as float64 for distances, and as a key that orders the dtype's values, so that the keys of
// neighbouring floats differ by one. Integers beyond 2^53 lose distance, not equality, in f.
type value struct {
	f     float64
	key   int64
	float int // bits of the floating-point dtype, 0 for integers
	text  string
}

// ulps counts the representable values between two floats; -0 and +0 are one apart.
func (v value) ulps(w value) uint64 {
	if v.float == 0 {
		return 0
	}
	if v.key > w.key {
		return uint64(v.key) - uint64(w.key)
	}
	return uint64(w.key) - uint64(v.key)
}

// String is the shortest text that reads back as the same value.
func (v value) String() string {
	switch v.float {
	case 0:
		return v.text
	case 64:
		return strconv.FormatFloat(v.f, 'g', -1, 64)
	}
	return strconv.FormatFloat(v.f, 'g', -1, 32)
}

// read returns a function that yields element i of a tensor that is not of strings.
func read(t *tensor.Tensor) (func(i int) value, error) {
	switch t.DType() {
	case tensor.F32:
		v := tensor.Of[float32](t)
		return func(i int) value {
			return value{f: float64(v[i]), key: ordered(uint64(math.Float32bits(v[i])), 32), float: 32}
		}, nil
	case tensor.F64:
		v := tensor.Of[float64](t)
		return func(i int) value { return value{f: v[i], key: ordered(math.Float64bits(v[i]), 64), float: 64} }, nil
	case tensor.F16, tensor.BF16:
		return readHalf(t)
	case tensor.I64:
		return integers[int64](t), nil
	case tensor.I32:
		return integers[int32](t), nil
	case tensor.I16:
		return integers[int16](t), nil
	case tensor.I8:
		return integers[int8](t), nil
	case tensor.U32:
		return integers[uint32](t), nil
	case tensor.U16:
		return integers[uint16](t), nil
	case tensor.U8, tensor.Bool:
		return integers[uint8](t), nil
	case tensor.U64:
		return integers[uint64](t), nil
	}
	return nil, fmt.Errorf("values of dtype %s cannot be compared", t.DType())
}

// readHalf compares 16-bit floats by their own bits, and measures them as float32.
func readHalf(t *tensor.Tensor) (func(i int) value, error) {
	wide, err := tensor.Convert(t, tensor.F32)
	if err != nil {
		return nil, err
	}
	bits, v := tensor.Of[uint16](t), tensor.Of[float32](wide)
	return func(i int) value {
		return value{f: float64(v[i]), key: ordered(uint64(bits[i]), 16), float: 16}
	}, nil
}

func integers[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](t *tensor.Tensor) func(i int) value {
	v := tensor.Of[T](t)
	return func(i int) value { return value{f: float64(v[i]), key: int64(v[i]), text: fmt.Sprint(v[i])} }
}

// ordered maps the bits of a float of that width to a key in the order of the values: negative floats to negative keys,
// -0 to -1, +0 to 0.
func ordered(bits uint64, width int) int64 {
	sign := uint64(1) << (width - 1)
	if bits&sign == 0 {
		return int64(bits)
	}
	return -1 - int64(bits&^sign)
}

// RuleText says a rule in words.
func RuleText(r manifest.Rule) string {
	if r.Exact {
		return "bit for bit"
	}
	var parts []string
	if r.Rel != 0 {
		parts = append(parts, fmt.Sprintf("%.3g relative", r.Rel))
	}
	if r.Abs != 0 {
		parts = append(parts, fmt.Sprintf("%.3g absolute", r.Abs))
	}
	if r.Scale != 0 {
		parts = append(parts, fmt.Sprintf("%.3g of the largest value", r.Scale))
	}
	if len(parts) == 0 {
		return "equal values"
	}
	return "within " + strings.Join(parts, " + ")
}
