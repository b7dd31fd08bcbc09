package aggregate

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

var seedFlag = flag.Uint64("seed", 0, "seed of random tests, 0 for a fresh one")

// random returns a source whose seed is printed.
func random(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (repeat with -seed)", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func f32s(t testing.TB, v []float32, shape ...int) *tensor.Tensor {
	return made(t)(tensor.FromSlice(tensor.F32, v, shape...))
}

func f64s(t testing.TB, v []float64, shape ...int) *tensor.Tensor {
	return made(t)(tensor.FromSlice(tensor.F64, v, shape...))
}

func i64s(t testing.TB, v []int64, shape ...int) *tensor.Tensor {
	return made(t)(tensor.FromSlice(tensor.I64, v, shape...))
}

func i32s(t testing.TB, v []int32, shape ...int) *tensor.Tensor {
	return made(t)(tensor.FromSlice(tensor.I32, v, shape...))
}

func made(t testing.TB) func(*tensor.Tensor, error) *tensor.Tensor {
	return func(v *tensor.Tensor, err error) *tensor.Tensor {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// value is a partial with one component.
func value(v *tensor.Tensor) Partial { return Partial{manifest.RoleValue: v} }

func normals32(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func normals64(rng *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	return v
}

// tables is a Tables made of a map.
type tables map[string]*tensor.Tensor

func (t tables) Weight(name string) (*tensor.Tensor, error) {
	if w, ok := t[name]; ok {
		return w, nil
	}
	return nil, &MergeError{Merge: "test", Reason: "no tensor " + name}
}

// inOrder merges the partials in the given order of arrival, or by position when order is nil.
func inOrder(t testing.TB, m manifest.Merge, radix int, tb Tables, partials []Partial, order []int) *tensor.Tensor {
	t.Helper()
	g, err := New(m, len(partials), radix, tb)
	if err != nil {
		t.Fatal(err)
	}
	for k := range partials {
		i := k
		if order != nil {
			i = order[k]
		}
		if err := g.Add(i, partials[i]); err != nil {
			t.Fatal(err)
		}
	}
	return made(t)(g.Result())
}

// sameBits reports whether two tensors agree in dtype, shape and every bit.
func sameBits(a, b *tensor.Tensor) bool {
	return a.DType() == b.DType() && a.Shape().Equal(b.Shape()) && string(a.Bytes()) == string(b.Bytes())
}

// wantF32 compares with equal bits, NaN being equal to NaN.
func wantF32(t *testing.T, got *tensor.Tensor, shape tensor.Shape, want ...float32) {
	t.Helper()
	if got.DType() != tensor.F32 || !got.Shape().Equal(shape) {
		t.Fatalf("result %v, want F32%v", got, shape)
	}
	for i, v := range tensor.Of[float32](got) {
		if math.Float32bits(v) != math.Float32bits(want[i]) && !(v != v && want[i] != want[i]) {
			t.Errorf("element %d is %v, want %v", i, v, want[i])
		}
	}
}

// near compares F64 results with a relative tolerance; NaN and infinities must match.
func near(t *testing.T, got *tensor.Tensor, rel float64, want []float64) {
	t.Helper()
	values := tensor.Of[float64](made(t)(tensor.Convert(got, tensor.F64)))
	if len(values) != len(want) {
		t.Fatalf("%v, want %d elements", got, len(want))
	}
	for i, v := range values {
		if v == want[i] || math.IsNaN(v) && math.IsNaN(want[i]) {
			continue
		}
		if !(math.Abs(v-want[i]) <= rel*math.Abs(want[i])) {
			t.Errorf("element %d is %v, want %v", i, v, want[i])
		}
	}
}
