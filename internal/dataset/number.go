package dataset

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unsafe"

	"github.com/shardwise/shardwise/internal/tensor"
)

// element parses text, the whole of one element, and stores it at dst, which has the dtype's size. isMissing tells the
// caller that the text stands for no value (empty, NaN); NaN is stored for dtypes that have it.
func element(dst []byte, d tensor.DType, text []byte) (isMissing bool, err error) {
	text = trim(text)
	if isNaN(text) {
		return true, storeNaN(dst, d)
	}
	if d.Float() {
		return false, float(dst, d, text)
	}
	return false, integer(dst, d, text)
}

// str views text as a string that must not outlive it: strconv takes no bytes.
func str(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

func trim(text []byte) []byte {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
		text = text[1:]
	}
	for len(text) > 0 && (text[len(text)-1] == ' ' || text[len(text)-1] == '\t') {
		text = text[:len(text)-1]
	}
	return text
}

func isNaN(text []byte) bool {
	return len(text) == 0 || len(text) == 3 && strings.EqualFold(str(text), "nan")
}

func storeNaN(dst []byte, d tensor.DType) error {
	switch d {
	case tensor.F16:
		binary.LittleEndian.PutUint16(dst, 0x7e00)
	case tensor.BF16:
		binary.LittleEndian.PutUint16(dst, 0x7fc0)
	case tensor.F32:
		binary.LittleEndian.PutUint32(dst, 0x7fc00000)
	case tensor.F64:
		binary.LittleEndian.PutUint64(dst, 0x7ff8000000000000)
	default:
		return fmt.Errorf("a value is missing, which %v cannot express", d)
	}
	return nil
}

// decimal reports whether text is a decimal number or an infinity. strconv also takes hexadecimal and underscores, which
// no other reader of such files does.
func decimal(text []byte) bool {
	digit := false
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digit = true
		case c == '+' || c == '-' || c == '.' || (c == 'e' || c == 'E') && digit:
		default:
			return i <= 1 && infinite(text)
		}
	}
	return digit
}

func infinite(text []byte) bool {
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	return strings.EqualFold(str(text), "inf") || strings.EqualFold(str(text), "infinity")
}

func notNumber(text []byte, d tensor.DType) error {
	return fmt.Errorf("%s is not a number%s", strconv.Quote(clip(string(text))), wordHint(text, d))
}

// float rounds by way of float64 (see the package comment). A finite text that becomes infinite is an error.
func float(dst []byte, d tensor.DType, text []byte) error {
	if !decimal(text) {
		return notNumber(text, d)
	}
	v, err := strconv.ParseFloat(str(text), 64)
	if err != nil && !math.IsInf(v, 0) {
		return notNumber(text, d)
	}
	inf := err != nil
	switch d {
	case tensor.F64:
		binary.LittleEndian.PutUint64(dst, math.Float64bits(v))
	case tensor.F32:
		f := float32(v)
		inf = inf || math.IsInf(float64(f), 0) && !math.IsInf(v, 0)
		binary.LittleEndian.PutUint32(dst, math.Float32bits(f))
	case tensor.F16:
		h := tensor.F64ToF16(v)
		inf = inf || h&0x7fff == 0x7c00 && !math.IsInf(v, 0)
		binary.LittleEndian.PutUint16(dst, h)
	default:
		h := tensor.F64ToBF16(v)
		inf = inf || h&0x7fff == 0x7f80 && !math.IsInf(v, 0)
		binary.LittleEndian.PutUint16(dst, h)
	}
	if inf {
		return fmt.Errorf("%s is too large for %v", clip(string(text)), d)
	}
	return nil
}

// integer takes whole numbers, also written as 3.0 or 3e2, and for Bool true and false.
func integer(dst []byte, d tensor.DType, text []byte) error {
	neg, mag, ok := wholeNumber(text)
	if d == tensor.Bool && !ok {
		switch {
		case strings.EqualFold(str(text), "true"):
			mag, ok = 1, true
		case strings.EqualFold(str(text), "false"):
			mag, ok = 0, true
		}
	}
	if !ok {
		return fmt.Errorf("%s is not a whole number%s", strconv.Quote(clip(string(text))), wordHint(text, d))
	}
	bits := uint(8 * d.Size())
	above, below := uint64(math.MaxUint64)>>(64-bits), uint64(0)
	switch d {
	case tensor.Bool:
		above = 1
	case tensor.I8, tensor.I16, tensor.I32, tensor.I64:
		above >>= 1
		below = above + 1
	}
	if !neg && mag > above || neg && mag > below {
		return fmt.Errorf("%s does not lie in the range of %v", clip(string(text)), d)
	}
	if neg {
		mag = -mag
	}
	switch d.Size() {
	case 1:
		dst[0] = byte(mag)
	case 2:
		binary.LittleEndian.PutUint16(dst, uint16(mag))
	case 4:
		binary.LittleEndian.PutUint32(dst, uint32(mag))
	default:
		binary.LittleEndian.PutUint64(dst, mag)
	}
	return nil
}

// wholeNumber is the number as sign and magnitude. Integers are exact up to 64 bits; other notations must be exact in
// float64.
func wholeNumber(text []byte) (neg bool, mag uint64, ok bool) {
	digits := text
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		neg, digits = digits[0] == '-', digits[1:]
	}
	if mag, err := strconv.ParseUint(str(digits), 10, 64); err == nil {
		return neg, mag, true
	}
	if !decimal(text) {
		return false, 0, false
	}
	v, err := strconv.ParseFloat(str(digits), 64)
	// Beyond 2^53 a float64 may have swallowed a fraction or a digit.
	if err != nil || v != math.Trunc(v) || v > 1<<53 || v < 0 {
		return false, 0, false
	}
	return neg, uint64(v), true
}

// viewBytes views s as bytes, which must not be written.
func viewBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
