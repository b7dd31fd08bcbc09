package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// halfValue is the definition of IEEE binary16, in float64.
func halfValue(h uint16) float64 {
	sign := 1 - 2*float64(h>>15)
	exp, frac := int(h>>10&31), float64(h&0x3ff)
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

func TestF16WidensExactlyForAllPatterns(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f, want := F16ToF32(h), halfValue(h)
		bits := math.Float32bits(f)
		switch {
		case want != want:
			if f == f || bits>>31 != uint32(h>>15) || bits&0x400000 == 0 || bits>>13&0x1ff != uint32(h&0x1ff) {
				t.Fatalf("NaN %#04x became %#08x", h, bits)
			}
			if F32ToF16(f) != h|0x200 {
				t.Fatalf("NaN %#04x came back as %#04x", h, F32ToF16(f))
			}
		case float64(f) != want || math.Signbit(float64(f)) != (h>>15 == 1):
			t.Fatalf("%#04x is %g, want %g", h, f, want)
		case F32ToF16(f) != h || F64ToF16(want) != h:
			t.Fatalf("%#04x came back as %#04x and %#04x", h, F32ToF16(f), F64ToF16(want))
		}
	}
}

func TestBF16AllPatterns(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := BF16ToF32(h)
		if math.Float32bits(f) != uint32(h)<<16 {
			t.Fatalf("%#04x widened to %#08x", h, math.Float32bits(f))
		}
		want := h
		if f != f {
			want |= 0x40
		}
		if F32ToBF16(f) != want || F64ToBF16(float64(f)) != want && f == f {
			t.Fatalf("%#04x came back as %#04x and %#04x", h, F32ToBF16(f), F64ToBF16(float64(f)))
		}
	}
}

// Between each two neighbouring values the midpoint goes to the even one, and what is just off it to the nearer.
func TestHalfRoundsToNearestEven(t *testing.T) {
	for _, c := range []struct {
		name     string
		max      uint16 // the greatest finite pattern
		widen    func(uint16) float64
		from32   func(float32) uint16
		from64   func(float64) uint16
		overflow float64 // the value that the next pattern would have
	}{
		{"f16", 0x7bff, halfValue, F32ToF16, F64ToF16, 65536},
		{"bf16", 0x7f7f, func(h uint16) float64 { return float64(BF16ToF32(h)) }, F32ToBF16, F64ToBF16, 0x1p128},
	} {
		for h := range c.max + 1 {
			lo, hi := c.widen(h), c.overflow
			if h < c.max {
				hi = c.widen(h + 1)
			}
			mid, even := lo+(hi-lo)/2, h+h&1
			for _, s := range []struct {
				v    float64
				want uint16
			}{{lo, h}, {mid, even}, {math.Nextafter(mid, lo), h}, {math.Nextafter(mid, hi), h + 1}} {
				if got := c.from64(s.v); got != s.want {
					t.Fatalf("%s: %g became %#04x, want %#04x", c.name, s.v, got, s.want)
				}
				if got := c.from64(-s.v); got != s.want|0x8000 {
					t.Fatalf("%s: %g became %#04x, want %#04x", c.name, -s.v, got, s.want|0x8000)
				}
			}
			for _, s := range []struct {
				v    float32
				want uint16
			}{
				{float32(mid), even},
				{math.Nextafter32(float32(mid), 0), h},
				{math.Nextafter32(float32(mid), float32(math.Inf(1))), h + 1},
			} {
				if float64(float32(mid)) != mid {
					break // below float32's own resolution
				}
				if got := c.from32(s.v); got != s.want {
					t.Fatalf("%s: float32 %g became %#04x, want %#04x", c.name, s.v, got, s.want)
				}
			}
		}
	}
}

func TestOddRoundingOfIntegers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	for range 100_000 {
		v := rng.Uint64() >> rng.IntN(64)
		if rng.IntN(2) == 0 { // near a tie of bfloat16's 8 bits
			v = v&^(v>>9) + uint64(rng.IntN(3)) - 1
		}
		got := F64ToBF16(oddF64(v))
		// The nearest by exact integer arithmetic on the two neighbours.
		if want := nearestBF16(v); got != want {
			t.Fatalf("%d became %#04x, want %#04x", v, got, want)
		}
	}
}

func nearestBF16(v uint64) uint16 {
	shift := 0
	for v>>shift >= 256 {
		shift++
	}
	q, rest := v>>shift, v&(1<<shift-1)
	if shift > 0 {
		half := uint64(1) << (shift - 1)
		if rest > half || rest == half && q&1 == 1 {
			q++
		}
	}
	return uint16(math.Float32bits(float32(math.Ldexp(float64(q), shift))) >> 16)
}

func BenchmarkF16(b *testing.B) {
	src := make([]uint16, 1<<16)
	for i := range src {
		src[i] = uint16(i)
	}
	wide := make([]float32, len(src))
	b.Run("widen", func(b *testing.B) {
		b.SetBytes(int64(4 * len(wide)))
		for b.Loop() {
			for i, h := range src {
				wide[i] = F16ToF32(h)
			}
		}
	})
	b.Run("narrow", func(b *testing.B) {
		b.SetBytes(int64(4 * len(wide)))
		for b.Loop() {
			for i, f := range wide {
				src[i] = F32ToF16(f)
			}
		}
	})
}
