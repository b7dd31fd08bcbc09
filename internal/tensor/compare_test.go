package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

func f32s(t *testing.T, v ...float32) *Tensor {
	t.Helper()
	x, err := FromSlice(F32, v, len(v))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestDiff(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	other := math.Float32frombits(0xffc00001) // a NaN with other bits
	up := math.Nextafter32(1, 2)
	for _, c := range []struct {
		name      string
		got, want *Tensor
		tol       Tolerance
		unequal   int
		ulp       uint64
		beyond    int
		nans      int
	}{
		{"equal", f32s(t, 1, nan, inf), f32s(t, 1, nan, inf), Tolerance{Exact: true}, 0, 0, 0, 0},
		{"any NaN equals any", f32s(t, other, 1), f32s(t, nan, 1), Tolerance{Exact: true}, 0, 0, 0, 0},
		{"one ulp, exact", f32s(t, 5, up), f32s(t, 5, 1), Tolerance{Exact: true}, 1, 1, 1, 0},
		{"one ulp, relative", f32s(t, 5, up), f32s(t, 5, 1), Tolerance{Rel: 1e-6}, 1, 1, 0, 0},
		{"one ulp, too small", f32s(t, 5, up), f32s(t, 5, 1), Tolerance{Rel: 1e-8}, 1, 1, 1, 0},
		{"absolute", f32s(t, 0.5), f32s(t, 0), Tolerance{Abs: 0.5}, 1, 0x3f000000, 0, 0},
		{"scale", f32s(t, 100, 0.5), f32s(t, 100, 0), Tolerance{Scale: 0.005}, 1, 0x3f000000, 0, 0},
		{"scale ignores infinity", f32s(t, inf, 0.5), f32s(t, inf, 0), Tolerance{Scale: 0.005}, 1, 0x3f000000, 1, 0},
		{"signed zeros", f32s(t, float32(math.Copysign(0, -1))), f32s(t, 0), Tolerance{Exact: true}, 1, 0, 1, 0},
		{"across zero", f32s(t, -math.SmallestNonzeroFloat32), f32s(t, math.SmallestNonzeroFloat32), Tolerance{Abs: 1}, 1, 2, 0, 0},
		{"NaN against number", f32s(t, nan), f32s(t, 1), Tolerance{Abs: 1e9}, 1, math.MaxUint64, 1, 1},
		{"number against NaN", f32s(t, 1), f32s(t, nan), Tolerance{Rel: 1e9}, 1, math.MaxUint64, 1, 1},
		{"infinity against number", f32s(t, inf), f32s(t, 1), Tolerance{Rel: 1e9}, 1, 0x40000000, 1, 0},
		{"number against infinity", f32s(t, 1), f32s(t, inf), Tolerance{Rel: 1}, 1, 0x40000000, 1, 0},
		{"infinities", f32s(t, -inf), f32s(t, inf), Tolerance{Rel: 1}, 1, 0xff000000, 1, 0},
		{"integers", one(t, I64, int64(math.MinInt64)), one(t, I64, int64(math.MaxInt64)), Tolerance{}, 1, math.MaxUint64, 1, 0},
		{"integers within", one(t, U8, uint8(3)), one(t, U8, uint8(5)), Tolerance{Abs: 2}, 1, 2, 0, 0},
		{"half", one(t, F16, uint16(0x8001)), one(t, F16, uint16(1)), Tolerance{Exact: true}, 1, 2, 1, 0},
	} {
		d, err := Diff(c.got, c.want, c.tol)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d.Unequal != c.unequal || d.MaxULP != c.ulp || d.Beyond != c.beyond || d.NaN != c.nans {
			t.Errorf("%s: %+v", c.name, d)
		}
		if MaxULP(c.got, c.want) != c.ulp {
			t.Errorf("%s: MaxULP is %d", c.name, MaxULP(c.got, c.want))
		}
	}
	if _, err := Diff(New(F32, 2), New(F32, 2, 1), Tolerance{}); err == nil {
		t.Error("two shapes are compared")
	}
	if MaxULP(New(F32, 1), New(F64, 1)) != math.MaxUint64 {
		t.Error("two dtypes have a distance")
	}
}

func TestDiffSaysWhere(t *testing.T) {
	got, want := f32s(t, 1, 2, 3.5, 4, 5), f32s(t, 1, 2.25, 3, 4, 4.75)
	d, err := Diff(got, want, Tolerance{Abs: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	if d.Elements != 5 || d.Unequal != 3 || d.First != 1 || d.MaxAbs != 0.5 || d.AbsAt != 2 || d.Beyond != 1 || d.BeyondAt != 2 ||
		d.MaxRel != 0.5/3 {
		t.Fatalf("%+v", d)
	}
}

func TestDiffOfStrings(t *testing.T) {
	a, err := FromStrings(Shape{3}, []string{"x", "yy", ""})
	if err != nil {
		t.Fatal(err)
	}
	b, err := FromStrings(Shape{3}, []string{"x", "y", "y"})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Diff(a, b, Tolerance{Abs: 100})
	if err != nil || d.Unequal != 2 || d.Beyond != 2 || d.First != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
}

// n steps of Nextafter are n ULP, in either direction and across zero.
func TestULPCountsNeighbours(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	for range 1000 {
		v := math.Float32frombits(rng.Uint32() & 0x807fffff >> rng.IntN(24))
		w, n := v, rng.IntN(50)
		for range n {
			w = math.Nextafter32(w, float32(math.Inf(1)))
		}
		if got := MaxULP(f32s(t, v), f32s(t, w)); got != uint64(n) {
			t.Fatalf("%g to %g: %d ULP, want %d", v, w, got, n)
		}
		if got := MaxULP(one(t, F64, float64(w)), one(t, F64, math.Nextafter(float64(w), -1e300))); got != 1 {
			t.Fatalf("%g: %d ULP", w, got)
		}
	}
}
