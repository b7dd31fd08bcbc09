package manifest

import (
	"fmt"
	"math"
	"testing"
)

func TestHexKeepsEveryBit(t *testing.T) {
	for _, bits := range []uint32{0, 1 << 31, 0x3f800000, 0x7f800000, 0xffc00001, 0x7fa00000, 1} {
		v := math.Float32frombits(bits)
		back, err := ParseHexF32(HexF32(v))
		if err != nil || math.Float32bits(back) != bits {
			t.Errorf("%08x came back as %08x (error %v)", bits, math.Float32bits(back), err)
		}
	}
	for _, bits := range []uint64{0, 1 << 63, 0x3ff0000000000000, 0x7ff8000000000001, 1} {
		v := math.Float64frombits(bits)
		back, err := ParseHexF64(HexF64(v))
		if err != nil || math.Float64bits(back) != bits {
			t.Errorf("%016x came back as %016x (error %v)", bits, math.Float64bits(back), err)
		}
	}
	for _, v := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		if back, err := ParseHexI64(fmt.Sprintf("%016x", uint64(v))); err != nil || back != v {
			t.Errorf("%d came back as %d (error %v)", v, back, err)
		}
	}
	if HexF32(1) != "3f800000" || HexF64(1) != "3ff0000000000000" {
		t.Errorf("1 is %s and %s", HexF32(1), HexF64(1))
	}
}

func TestHexRefusesOtherText(t *testing.T) {
	for _, s := range []string{"", "3f80000", "3f8000000", "3F800000", "0x3f8000", "3f80000g", "1.0", " 3f80000"} {
		if v, err := ParseHexF32(s); err == nil {
			t.Errorf("%q is %v, want an error", s, v)
		}
	}
	if v, err := ParseHexF64("3f800000"); err == nil {
		t.Errorf("8 digits as F64 are %v, want an error", v)
	}
}
