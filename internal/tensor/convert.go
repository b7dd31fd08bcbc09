package tensor

import (
	"fmt"
	"math"
)

// ConvertError says which element a conversion cannot represent.
type ConvertError struct {
	From, To DType
	Index    int // -1 when the dtypes themselves cannot be converted
	Value    string
}

// Error names the dtypes and the element.
func (e *ConvertError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("cannot convert %v to %v", e.From, e.To)
	}
	return fmt.Sprintf("cannot convert %v to %v: element %d is %s, which %v cannot hold exactly", e.From, e.To, e.Index, e.Value, e.To)
}

// Convert returns t in dtype to: t itself when it has it already, else a fresh tensor of the same shape.
//
// To a floating-point dtype every number is rounded once, to nearest with ties to even, as a C cast does; what is too large
// becomes infinite, NaN stays NaN. To an integer dtype or Bool only values that it holds exactly are accepted (1.0 becomes 1;
// 1.5, NaN, -1 to unsigned are a *ConvertError; -0 becomes 0). String converts to nothing else.
func Convert(t *Tensor, to DType) (*Tensor, error) {
	if t.dtype == to {
		return t, nil
	}
	if t.dtype.Size() == 0 || to.Size() == 0 {
		return nil, &ConvertError{From: t.dtype, To: to, Index: -1}
	}
	if t.n > math.MaxInt/8-8 {
		return nil, fmt.Errorf("cannot convert %v to %v: too large", t, to)
	}
	out := New(to, t.shape...)
	if convertFast(t, out) {
		return out, nil
	}
	if bad := convertElements(out, t); bad >= 0 {
		return nil, &ConvertError{From: t.dtype, To: to, Index: bad, Value: elementText(t, bad)}
	}
	return out, nil
}

// convertFast covers the pairs that inputs commonly need.
func convertFast(t, out *Tensor) bool {
	switch [2]DType{t.dtype, out.dtype} {
	case [2]DType{F64, F32}:
		dst := Of[float32](out)
		for i, v := range Of[float64](t) {
			dst[i] = float32(v)
		}
	case [2]DType{F32, F64}:
		dst := Of[float64](out)
		for i, v := range Of[float32](t) {
			dst[i] = float64(v)
		}
	case [2]DType{I64, F32}:
		dst := Of[float32](out)
		for i, v := range Of[int64](t) {
			dst[i] = float32(v)
		}
	case [2]DType{F16, F32}:
		dst := Of[float32](out)
		for i, v := range Of[uint16](t) {
			dst[i] = F16ToF32(v)
		}
	case [2]DType{F32, F16}:
		dst := Of[uint16](out)
		for i, v := range Of[float32](t) {
			dst[i] = F32ToF16(v)
		}
	default:
		return false
	}
	return true
}

// number is any element without loss: an integer as magnitude and sign, or else a float64.
type number struct {
	whole bool
	neg   bool
	mag   uint64
	f     float64
}

func signed[T int8 | int16 | int32 | int64](v T) number {
	if v < 0 {
		return number{whole: true, neg: true, mag: -uint64(v)}
	}
	return number{whole: true, mag: uint64(v)}
}

func reader(t *Tensor) func(i int) number {
	switch t.dtype {
	case I8:
		v := Of[int8](t)
		return func(i int) number { return signed(v[i]) }
	case I16:
		v := Of[int16](t)
		return func(i int) number { return signed(v[i]) }
	case I32:
		v := Of[int32](t)
		return func(i int) number { return signed(v[i]) }
	case I64:
		v := Of[int64](t)
		return func(i int) number { return signed(v[i]) }
	case U16:
		v := Of[uint16](t)
		return func(i int) number { return number{whole: true, mag: uint64(v[i])} }
	case U32:
		v := Of[uint32](t)
		return func(i int) number { return number{whole: true, mag: uint64(v[i])} }
	case U64:
		v := Of[uint64](t)
		return func(i int) number { return number{whole: true, mag: v[i]} }
	case F16:
		v := Of[uint16](t)
		return func(i int) number { return number{f: float64(F16ToF32(v[i]))} }
	case BF16:
		v := Of[uint16](t)
		return func(i int) number { return number{f: float64(BF16ToF32(v[i]))} }
	case F32:
		v := Of[float32](t)
		return func(i int) number { return number{f: float64(v[i])} }
	case F64:
		v := Of[float64](t)
		return func(i int) number { return number{f: v[i]} }
	}
	v := t.data // Bool, U8
	return func(i int) number { return number{whole: true, mag: uint64(v[i])} }
}

// convertElements returns the index of the first element that out cannot hold, or -1.
func convertElements(out, t *Tensor) int {
	read, write := reader(t), writer(out)
	for i := range t.n {
		if !write(i, read(i)) {
			return i
		}
	}
	return -1
}

func writer(out *Tensor) func(i int, v number) bool {
	switch out.dtype {
	case F16:
		dst := Of[uint16](out)
		return func(i int, v number) bool { dst[i] = F64ToF16(v.odd()); return true }
	case BF16:
		dst := Of[uint16](out)
		return func(i int, v number) bool { dst[i] = F64ToBF16(v.odd()); return true }
	case F32:
		dst := Of[float32](out)
		return func(i int, v number) bool { dst[i] = v.float32(); return true }
	case F64:
		dst := Of[float64](out)
		return func(i int, v number) bool { dst[i] = v.float64(); return true }
	case I8:
		return integers(Of[int8](out), 1<<7, 1<<7-1)
	case I16:
		return integers(Of[int16](out), 1<<15, 1<<15-1)
	case I32:
		return integers(Of[int32](out), 1<<31, 1<<31-1)
	case I64:
		return integers(Of[int64](out), 1<<63, 1<<63-1)
	case U16:
		return integers(Of[uint16](out), 0, math.MaxUint16)
	case U32:
		return integers(Of[uint32](out), 0, math.MaxUint32)
	case U64:
		return integers(Of[uint64](out), 0, math.MaxUint64)
	case Bool:
		return integers(out.data, 0, 1)
	}
	return integers(out.data, 0, math.MaxUint8)
}

// integers writes whole numbers from -below to above.
func integers[T uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64](dst []T, below, above uint64) func(int, number) bool {
	return func(i int, v number) bool {
		mag, neg, ok := v.integer()
		if !ok || !neg && mag > above || neg && mag > below {
			return false
		}
		if neg {
			mag = -mag
		}
		dst[i] = T(mag)
		return true
	}
}

// integer is the value as sign and magnitude when it is a whole number of at most 64 bits.
func (v number) integer() (mag uint64, neg, ok bool) {
	if v.whole {
		return v.mag, v.neg, true
	}
	a := math.Abs(v.f)
	if !(a < 1<<64) || a != math.Trunc(a) {
		return 0, false, false
	}
	return uint64(a), v.f < 0, true
}

func (v number) float64() float64 { return v.pick(float64(v.mag)) }

// float32 rounds once: an integer directly, not by way of float64.
func (v number) float32() float32 {
	if !v.whole {
		return float32(v.f)
	}
	f := float32(v.mag)
	if v.neg {
		return -f
	}
	return f
}

// odd is a float64 that a further rounding to few bits treats like the number itself.
func (v number) odd() float64 { return v.pick(oddF64(v.mag)) }

func (v number) pick(mag float64) float64 {
	switch {
	case !v.whole:
		return v.f
	case v.neg:
		return -mag
	}
	return mag
}

func elementText(t *Tensor, i int) string {
	v := reader(t)(i)
	switch {
	case !v.whole:
		return fmt.Sprint(v.f)
	case v.neg:
		return fmt.Sprintf("-%d", v.mag)
	}
	return fmt.Sprint(v.mag)
}
