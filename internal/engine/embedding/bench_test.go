package embedding

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkBag adds up bags of 64 random rows of 128 numbers out of 256 MiB: in blocks of columns, as the operator does, and row by row.
func BenchmarkBag(b *testing.B) {
	const columns, size, bags = 128, 1 << 19, 64
	table, y := make([]float32, size*columns), make([]float32, columns)
	rng := rand.New(rand.NewPCG(1, 1))
	at := make([]int64, bags*4096)
	for i := range at {
		at[i] = int64(rng.IntN(size)) * columns
	}
	for i := range table {
		table[i] = float32(i % 7)
	}
	for name, add := range map[string]func(rows[float32]){
		"blocks": func(r rows[float32]) { total(y, table, r, 1) },
		"rows": func(r rows[float32]) {
			acc := [columns]float64{}
			for _, at := range r.at {
				for i, v := range table[at : at+columns] {
					acc[i] += float64(v)
				}
			}
			for i, v := range acc {
				y[i] = float32(v)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			k := 0
			for b.Loop() {
				add(rows[float32]{at: at[k*bags : (k+1)*bags]})
				k = (k + 1) % 4096
			}
		})
	}
}
