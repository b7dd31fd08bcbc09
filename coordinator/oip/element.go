package oip

import (
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

// reader returns the function that reads element i of t from s. t has a fixed-size dtype other than F16 and BF16.
func reader(s *jsonscan.Scanner, t *tensor.Tensor) func(i int) error {
	switch t.DType() {
	case tensor.Bool:
		dst := tensor.Of[bool](t)
		return func(i int) (err error) { dst[i], err = s.Bool(); return err }
	case tensor.F32:
		dst := tensor.Of[float32](t)
		return func(i int) error { v, err := float(s, 32); dst[i] = float32(v); return err }
	case tensor.F64:
		dst := tensor.Of[float64](t)
		return func(i int) (err error) { dst[i], err = float(s, 64); return err }
	case tensor.U8:
		return unsigned(s, tensor.Of[uint8](t), math.MaxUint8)
	case tensor.U16:
		return unsigned(s, tensor.Of[uint16](t), math.MaxUint16)
	case tensor.U32:
		return unsigned(s, tensor.Of[uint32](t), math.MaxUint32)
	case tensor.U64:
		return unsigned(s, tensor.Of[uint64](t), math.MaxUint64)
	case tensor.I8:
		return signed(s, tensor.Of[int8](t), math.MinInt8, math.MaxInt8)
	case tensor.I16:
		return signed(s, tensor.Of[int16](t), math.MinInt16, math.MaxInt16)
	case tensor.I32:
		return signed(s, tensor.Of[int32](t), math.MinInt32, math.MaxInt32)
	}
	return signed(s, tensor.Of[int64](t), math.MinInt64, math.MaxInt64)
}

func signed[T int8 | int16 | int32 | int64](s *jsonscan.Scanner, dst []T, lo, hi int64) func(i int) error {
	return func(i int) error { v, err := s.Int(lo, hi); dst[i] = T(v); return err }
}

func unsigned[T uint8 | uint16 | uint32 | uint64](s *jsonscan.Scanner, dst []T, hi uint64) func(i int) error {
	return func(i int) error {
		text, err := s.Number()
		if err != nil {
			return err
		}
		v, err := strconv.ParseUint(view(text), 10, 64)
		if err != nil || v > hi {
			return fmt.Errorf("wanted an integer from 0 to %d, found %s", hi, clip(string(text)))
		}
		dst[i] = T(v)
		return nil
	}
}

// float reads a number, rounded once to the given width, or a word. What is too large for it is refused: an infinity
// that nobody wrote would be a wrong number.
func float(s *jsonscan.Scanner, bits int) (float64, error) {
	switch c := s.Peek(); c {
	case 'n', 'N', 'I':
		switch {
		case s.Literal("null"), s.Literal("NaN"):
			return math.NaN(), nil
		case s.Literal("Infinity"):
			return math.Inf(1), nil
		}
	case '-':
		if s.Literal("-Infinity") {
			return math.Inf(-1), nil
		}
	}
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(view(text), bits)
	if err != nil {
		return 0, fmt.Errorf("%s does not fit FP%d", clip(string(text)), bits)
	}
	return v, nil
}

// view is b as a string without a copy, for strconv, which does not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
