package xgboost

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"strings"
	"testing"
)

// TestLogfHasTheBitsOfTheCLibrary compares with values that glibc 2.36 gave, among them every 2^16th float as one hash.
// The hash was made by this C program, and equals over all positive floats too (checked when the port was made):
//
//	for (uint64_t b = 1; b < 0x7f800000; b += 0x10001) hash(logf(x with bits b));
func TestLogfHasTheBitsOfTheCLibrary(t *testing.T) {
	for in, want := range map[uint32]uint32{0x00000001: 0xc2ce8ed0, 0x00800000: 0xc2aeac50, 0x3f000000: 0xbf317218, 0x3f7fffff: 0xb3800000, 0x3f800001: 0x33ffffff, 0x3f332fff: 0xbeb6a741, 0x3f333000: 0xbeb6a73e, 0x40490fdb: 0x3f928683, 0x7f7fffff: 0x42b17218, 0x3f180530: 0xbf056afb, 0x3f9a1234: 0x3e3dd54b, 0x007fffff: 0xc2aeac50} {
		if got := math.Float32bits(logf(math.Float32frombits(in))); got != want {
			t.Errorf("logf of bits %08x is %08x, the C library's is %08x", in, got, want)
		}
	}
	h := fnv.New64a()
	var word [4]byte
	for b := uint64(1); b < 0x7f800000; b += 0x10001 {
		binary.LittleEndian.PutUint32(word[:], math.Float32bits(logf(math.Float32frombits(uint32(b)))))
		h.Write(word[:])
	}
	if got, want := h.Sum64(), uint64(0x3f80ab053349ee6a); got != want {
		t.Errorf("hash of the logarithms %x, the C library's %x", got, want)
	}
	for in, want := range map[float32]float64{0: math.Inf(-1), 1: 0, float32(math.Inf(1)): math.Inf(1)} {
		if got := logf(in); float64(got) != want {
			t.Errorf("logf(%v) is %v, want %v", in, got, want)
		}
	}
	if got := logf(-1); got == got {
		t.Errorf("logf(-1) is %v, want NaN", got)
	}
}

func TestMarginsOfBaseScores(t *testing.T) {
	for _, c := range []struct {
		objective, text string
		outputs         int
		want            []uint32
	}{
		{"binary:logistic", "6.274165E-1", 1, []uint32{0x3f056a0b}},
		{"binary:logistic", "[6.274165E-1]", 2, []uint32{0x3f056a0b, 0x3f056a0b}},
		{"binary:logistic", "5E-1", 1, []uint32{0x80000000}},
		{"binary:logitraw", "5E-1", 1, []uint32{0x3f000000}},
		{"reg:squarederror", "[1E0,-2.5E0]", 2, []uint32{0x3f800000, 0xc0200000}},
		{"count:poisson", "1E0", 1, []uint32{0}},
		{"multi:softprob", "5E-1", 3, []uint32{0x3f000000, 0x3f000000, 0x3f000000}},
	} {
		scores, err := baseScore(c.text, c.outputs)
		if err != nil {
			t.Fatal(err)
		}
		if err := margins(c.objective, scores); err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if got := math.Float32bits(scores[i]); got != want {
				t.Errorf("%s %s: margin %d is %08x (%v), want %08x", c.objective, c.text, i, got, scores[i], want)
			}
		}
	}
}

func TestImpossibleBaseScoresAreErrors(t *testing.T) {
	for objective, text := range map[string]string{"binary:logistic": "1", "reg:logistic": "0", "count:poisson": "0", "reg:gamma": "-1"} {
		scores, err := baseScore(text, 1+strings.Count(text, ","))
		if err != nil {
			t.Fatal(err)
		}
		if err := margins(objective, scores); err == nil {
			t.Errorf("%s with base_score %s gave margins %v", objective, text, scores)
		}
	}
	for _, text := range []string{"", "x", "[1", "[1,2,3]", "NaN", "inf", "1e99", "[]"} {
		if scores, err := baseScore(text, 2); err == nil {
			t.Errorf("base_score %q gave %v", text, scores)
		}
	}
}
