package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
)

// odd is a vector with what must not be lost: zeros of both signs, subnormal and huge numbers, infinities and NaN.
func odd(rng *rand.Rand, n int) []float32 {
	special := []float32{0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -1e-40, math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	out := random[float32](rng, n)
	for range rng.IntN(3) * n / 64 {
		out[rng.IntN(n)] = special[rng.IntN(len(special))]
	}
	return out
}

// sameBits fails where two results differ; a NaN equals every NaN.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, v := range got {
		if math.Float32bits(v) != math.Float32bits(want[i]) && (v == v || want[i] == want[i]) {
			t.Fatalf("%s: element %d is %v (%#x), gonum's is %v (%#x)", what, i, v, math.Float32bits(v), want[i], math.Float32bits(want[i]))
		}
	}
}

// The vector functions give the bits of gonum's, for every tail, also beyond a block, and write nothing beside their columns.
func TestVectorsGiveGonumsBits(t *testing.T) {
	if !vectors() {
		t.Skip("this processor has no vector functions")
	}
	rng := seeded(t)
	for i := range 600 {
		m, n, k := 1+rng.IntN(22), 1+rng.IntN(70), 1+rng.IntN(90)
		if i%30 == 0 {
			n, k = n+packedColumns-20, k+packedRows
		}
		lo := rng.IntN(n)
		hi := lo + 1 + rng.IntN(n-lo)
		stride := (k + 3) / 4 * 4
		x, w := at(odd(rng, m*stride), 0), at(odd(rng, n*k), 4*rng.IntN(16))
		fresh := func() []float32 {
			return at(append(make([]float32, 0, m*n), odd(rand.New(rand.NewPCG(1, 1)), m*n)...), 4)
		}
		what := fmt.Sprintf("m=%d n=%d k=%d columns %d to %d", m, n, k, lo, hi)

		p := product[float32]{x: x, w: w, m: m, n: n, k: k, stride: stride, row: n, block: n, packed: new(sync.Pool)}
		got, want := fresh(), fresh()
		p.dst = got
		wideDots(&p, lo, hi)
		p.dst = want
		p.dots(0, m, lo, hi)
		sameBits(t, "MulT "+what, got, want)

		p.x, p.stride = x[:m*k], k
		got, want = fresh(), fresh()
		p.dst = got
		wideSums(&p, lo, hi)
		p.dst = want
		for i := range m {
			p.sums(i, lo, hi, 0, k)
		}
		sameBits(t, "Mul "+what, got, want)
	}
}
