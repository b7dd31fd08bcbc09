package tensor

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

func one[T Element](t *testing.T, d DType, v T) *Tensor {
	t.Helper()
	x, err := FromSlice(d, []T{v}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestConvert(t *testing.T) {
	f16 := func(v float64) *Tensor { return one(t, F16, F64ToF16(v)) }
	bf16 := func(v float64) *Tensor { return one(t, BF16, F64ToBF16(v)) }
	for _, c := range []struct{ from, want *Tensor }{
		{one(t, F64, 0.1), one(t, F32, float32(0.1))},
		{one(t, F64, 1e300), one(t, F32, float32(math.Inf(1)))},
		{one(t, F64, 1+0x1p-24), one(t, F32, float32(1))},
		{one(t, F64, 1+0x3p-24), one(t, F32, float32(1+0x1p-22))},
		{one(t, F32, float32(0.1)), one(t, F64, float64(float32(0.1)))},
		{one(t, I64, int64(1<<24+1)), one(t, F32, float32(1<<24))},
		// By way of float64 this would become 2^60: the tie goes to even only if the last bit is lost first.
		{one(t, I64, int64(1<<60+1<<36+1)), one(t, F32, math.Float32frombits(0x5d800001))},
		{one(t, U64, uint64(1<<63+1<<39+1)), one(t, F32, math.Float32frombits(0x5f000001))},
		{one(t, I64, int64(-1<<60-1<<52-1)), one(t, BF16, uint16(0xdd81))},
		{one(t, U64, uint64(math.MaxUint64)), one(t, F64, 0x1p64)},
		{one(t, I32, int32(-70000)), f16(math.Inf(-1))},
		{one(t, F64, 1+0x1p-11+0x1p-40), f16(1 + 0x1p-10)},
		{one(t, F64, 1+0x1p-8+0x1p-40), bf16(1 + 0x1p-7)},
		{bf16(-2.5), f16(-2.5)},
		{one(t, Bool, true), one(t, F32, float32(1))},
		{one(t, F32, float32(3)), one(t, I8, int8(3))},
		{one(t, F64, math.Copysign(0, -1)), one(t, U8, uint8(0))},
		{one(t, F64, -0x1p63), one(t, I64, int64(math.MinInt64))},
		{one(t, F64, 0x1p64-2048), one(t, U64, uint64(math.MaxUint64-2047))},
		{one(t, I8, int8(-128)), one(t, I64, int64(-128))},
		{one(t, I16, int16(-1)), one(t, I32, int32(-1))},
		{one(t, U16, uint16(65535)), one(t, U32, uint32(65535))},
		{one(t, U8, uint8(1)), one(t, Bool, true)},
		{f16(65504), one(t, I32, int32(65504))},
	} {
		got, err := Convert(c.from, c.want.DType())
		if err != nil {
			t.Errorf("%v to %v: %v", c.from, c.want, err)
			continue
		}
		if fmt.Sprint(got.Bytes()) != fmt.Sprint(c.want.Bytes()) || !got.Shape().Equal(c.want.Shape()) {
			t.Errorf("%v %x to %v: %x, want %x", c.from, c.from.Bytes(), got, got.Bytes(), c.want.Bytes())
		}
	}
}

func TestConvertRefusesWhatWouldLose(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		from *Tensor
		to   DType
	}{
		{one(t, F64, 1.5), I64}, {one(t, F64, nan), I64}, {one(t, F32, float32(math.Inf(1))), I64}, {one(t, F64, 0x1p63), I64},
		{one(t, F64, 0x1p64), U64}, {one(t, F64, -1.0), U8}, {one(t, I64, int64(128)), I8}, {one(t, I64, int64(-129)), I8},
		{one(t, U64, uint64(1<<63)), I64}, {one(t, U8, uint8(2)), Bool}, {one(t, F32, float32(0.5)), Bool}, {one(t, I8, int8(-1)), U64},
	} {
		_, err := Convert(c.from, c.to)
		var bad *ConvertError
		if !errors.As(err, &bad) || bad.Index != 0 || bad.Value == "" {
			t.Errorf("%v %x to %v: %v", c.from, c.from.Bytes(), c.to, err)
		}
	}
	text, err := FromStrings(Shape{1}, []string{"1"})
	if err != nil {
		t.Fatal(err)
	}
	var bad *ConvertError
	if _, err := Convert(text, F32); !errors.As(err, &bad) || bad.Index != -1 {
		t.Errorf("string to F32: %v", err)
	}
	if _, err := Convert(New(F32, 1), String); !errors.As(err, &bad) || bad.Index != -1 {
		t.Errorf("F32 to string: %v", err)
	}
	if same, err := Convert(text, String); err != nil || same != text {
		t.Errorf("same dtype: %v, %v", same, err)
	}
}

// Every value of a small dtype survives a trip through every dtype that holds it.
func TestConvertThereAndBack(t *testing.T) {
	for _, c := range []struct {
		from DType
		via  []DType
	}{
		{I8, []DType{I16, I32, I64, F16, BF16, F32, F64}}, {U8, []DType{I16, U16, U32, I32, U64, I64, F16, BF16, F32, F64}},
		{I16, []DType{I32, I64, F32, F64}}, {U16, []DType{U32, I32, U64, I64, F32, F64}},
	} {
		size := c.from.Size()
		x := New(c.from, 1<<(8*size))
		for i := range x.Len() {
			x.Bytes()[i*size] = byte(i)
			x.Bytes()[i*size+size-1] = byte(i >> (8 * (size - 1)))
		}
		for _, via := range c.via {
			there, err := Convert(x, via)
			if err != nil {
				t.Fatal(err)
			}
			back, err := Convert(there, c.from)
			if err != nil {
				t.Fatal(err)
			}
			if d, err := Diff(back, x, Tolerance{Exact: true}); err != nil || d.Unequal > 0 {
				t.Errorf("%v via %v: %v, %v", c.from, via, d, err)
			}
		}
	}
}
