package kernel

import (
	"fmt"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

// Products with halves have the bits of products with the same weights widened before.
func TestHalvesGiveTheBitsOfWidenedWeights(t *testing.T) {
	rng := seeded(t)
	var h Half
	var plain Blocked[float32]
	for i := range 300 {
		m, n, k := rng.IntN(9), rng.IntN(90), rng.IntN(90)
		if i%20 == 0 {
			n, k = n+2*packedColumns-40, k+3*packedRows
		}
		if i%3 == 0 {
			m, n, k = min(m, 1), (n+15)/16*16, (k+15)/16*16 // where a row is multiplied with halves as they lie
		}
		half := []tensor.DType{tensor.F16, tensor.BF16}[i%2]
		w, wide := make([]uint16, n*k), make([]float32, n*k)
		Narrow(w, odd(rng, n*k), half)
		Widen(wide, w, half)
		x := at(odd(rng, m*k), 4*rng.IntN(16))
		what := fmt.Sprintf("%s m=%d n=%d k=%d", half, m, n, k)
		got, want := odd(rng, m*n), odd(rng, m*n)
		h.MulT(got, x, w, half, m, n, k)
		plain.MulT(want, x, wide, m, n, k)
		sameBits(t, "MulT "+what, got, want)
		h.Mul(got, x, w, half, m, n, k)
		plain.Mul(want, x, wide, m, n, k)
		sameBits(t, "Mul "+what, got, want)
	}
}

// BenchmarkHalf compares a row times halves from memory with a row times float32.
func BenchmarkHalf(b *testing.B) {
	rng := seeded(b)
	for _, s := range [][3]int{{1, 4096, 4096}, {16, 4096, 4096}} {
		m, n, k := s[0], s[1], s[2]
		x, wide, dst := random[float32](rng, m*k), random[float32](rng, n*k), make([]float32, m*n)
		w := make([]uint16, n*k)
		Narrow(w, wide, tensor.F16)
		var h Half
		var plain Blocked[float32]
		b.Run(fmt.Sprintf("MulT/%dx%dx%d", m, n, k), func(b *testing.B) {
			ratio(b, func() { h.MulT(dst, x, w, tensor.F16, m, n, k) }, func() { plain.MulT(dst, x, wide, m, n, k) }, 2*n*k)
		})
		b.Run(fmt.Sprintf("Mul/%dx%dx%d", m, n, k), func(b *testing.B) {
			ratio(b, func() { h.Mul(dst, x, w, tensor.F16, m, n, k) }, func() { plain.Mul(dst, x, wide, m, n, k) }, 2*n*k)
		})
	}
}
