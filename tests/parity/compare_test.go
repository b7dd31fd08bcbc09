package parity

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

// tolerance says how far got may lie from want: by abs, plus rel of want itself, plus scale of the largest |want|. Zero
// means the same bits.
type tolerance struct{ abs, rel, scale float64 }

var (
	sameBits    = tolerance{}
	transformed = tolerance{rel: 1e-6}   // XGBoost's sigmoid, softmax, exp
	reordered   = tolerance{scale: 1e-5} // sums of products in another order
)

// compare describes how got differs from want beyond the tolerance, or returns nil.
func compare(got, want *tensor.Tensor, tol tolerance) error {
	if got == nil {
		return fmt.Errorf("is missing, want %v", want)
	}
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return fmt.Errorf("is %v, want %v", got, want)
	}
	if want.Len() == 0 {
		return fmt.Errorf("is %v: there is nothing to compare", want)
	}
	if want.DType() == tensor.String {
		return compareStrings(got, want)
	}
	if tol == sameBits || !want.DType().Float() {
		if bytes.Equal(got.Bytes(), want.Bytes()) {
			return nil
		}
		tol = sameBits
	}
	g, w := floats(got), floats(want)
	largest := 0.0
	for _, v := range w {
		largest = math.Max(largest, math.Abs(v))
	}
	count, worst, excess := 0, 0, 0.0
	for i := range w {
		if same(g[i], w[i]) {
			continue
		}
		over := math.Abs(g[i]-w[i]) - tol.abs - tol.rel*math.Abs(w[i]) - tol.scale*largest
		if over > 0 || math.IsNaN(over) || tol == sameBits {
			if count == 0 || over > excess || math.IsNaN(over) {
				worst, excess = i, over
			}
			count++
		}
	}
	if count == 0 {
		return nil
	}
	return fmt.Errorf("differs in %d of %d values; element %d is %v, want %v", count, len(w), worst, g[worst], w[worst])
}

func compareStrings(got, want *tensor.Tensor) error {
	for i := range want.Len() {
		if got.StringAt(i) != want.StringAt(i) {
			return fmt.Errorf("differs: element %d is %q, want %q", i, got.StringAt(i), want.StringAt(i))
		}
	}
	return nil
}

// same says whether two values have the same bits, or are both not numbers.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// floats widens the elements; every dtype that a case holds fits.
func floats(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	switch t.DType() {
	case tensor.F32:
		for i, v := range tensor.Of[float32](t) {
			out[i] = float64(v)
		}
	case tensor.U8:
		for i, v := range tensor.Of[uint8](t) {
			out[i] = float64(v)
		}
	case tensor.Bool:
		for i, v := range tensor.Of[bool](t) {
			if v {
				out[i] = 1
			}
		}
	case tensor.F64:
		copy(out, tensor.Of[float64](t))
	case tensor.I32:
		for i, v := range tensor.Of[int32](t) {
			out[i] = float64(v)
		}
	case tensor.I64:
		for i, v := range tensor.Of[int64](t) {
			out[i] = float64(v)
		}
	default:
		panic("a dtype that no case holds: " + t.DType().String())
	}
	return out
}

// TestComparisonNotices is what keeps the parity tests able to fail.
func TestComparisonNotices(t *testing.T) {
	f32 := func(values ...float32) *tensor.Tensor {
		a, err := tensor.FromSlice(tensor.F32, values, len(values))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	i32, err := tensor.FromSlice(tensor.I32, []int32{1, 2}, 2)
	if err != nil {
		t.Fatal(err)
	}
	words := func(values ...string) *tensor.Tensor {
		a, err := tensor.FromStrings(tensor.Shape{len(values)}, values)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	nan := float32(math.NaN())
	next := math.Nextafter32(1, 2)
	cases := []struct {
		name      string
		got, want *tensor.Tensor
		tol       tolerance
		equal     bool
	}{
		{"same", f32(1, nan, 3), f32(1, nan, 3), sameBits, true},
		{"one bit", f32(next), f32(1), sameBits, false},
		{"sign of zero", f32(float32(math.Copysign(0, -1))), f32(0), sameBits, false},
		{"within rel", f32(next), f32(1), transformed, true},
		{"beyond rel", f32(1.00001), f32(1), transformed, false},
		{"rel is of the value itself", f32(100, 1.00001), f32(100, 1), transformed, false},
		{"within scale", f32(100, 1.0001), f32(100, 1), reordered, true},
		{"beyond scale", f32(100, 1.01), f32(100, 1), reordered, false},
		{"within abs", f32(100.01), f32(100), tolerance{abs: 0.02}, true},
		{"beyond abs", f32(100.03), f32(100), tolerance{abs: 0.02}, false},
		{"not a number", f32(nan), f32(1), reordered, false},
		{"a number", f32(1), f32(nan), reordered, false},
		{"infinite", f32(float32(math.Inf(1))), f32(1), reordered, false},
		{"missing", nil, f32(1), reordered, false},
		{"empty", f32(), f32(), reordered, false},
		{"shape", f32(1, 2), f32(1), reordered, false},
		{"dtype", f32(1, 2), i32, reordered, false},
		{"integers", i32, i32, reordered, true},
		{"strings", words("a", ""), words("a", ""), reordered, true},
		{"another string", words("a", "b"), words("a", ""), reordered, false},
	}
	for _, c := range cases {
		if err := compare(c.got, c.want, c.tol); (err == nil) != c.equal {
			t.Errorf("%s: compare says %v, equal should be %v", c.name, err, c.equal)
		}
	}
}
