package forest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// BenchmarkForest measures rows per second on one processor, and the ratio to the plain walk of the reference rule over
// the same trees in the same run.
func BenchmarkForest(b *testing.B) {
	for _, trees := range []int{500, 5000} {
		s := shapeOf{trees: trees, depth: 8, features: 64, outputs: 1}
		rng := rand.New(rand.NewPCG(7, 7))
		g := grow(rng, s)
		for i := range g.trees { // keep walks from ending in one branch
			for n := range g.trees[i].Threshold {
				g.trees[i].Threshold[n] = float32(rng.NormFloat64())
			}
		}
		f, _ := pack(b, g, 1, false)
		for _, rows := range []int{1, 4096} {
			x := make([]float32, max(rows, 64)*s.features)
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			b.Run(fmt.Sprintf("trees=%d/batch=%d", trees, rows), func(b *testing.B) { benchmarkRun(b, f, g, x, rows, s) })
		}
	}
}

func benchmarkRun(b *testing.B, f *Forest, g grown, x []float32, rows int, s shapeOf) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := Results{LeafValues: make([]float32, rows*f.LeafColumns())}
	at := 0
	for b.Loop() {
		if err := f.Run(context.Background(), x[at*s.features:], rows, s.features, r); err != nil {
			b.Fatal(err)
		}
		if rows == 1 {
			at = (at + 1) % 64
		}
	}
	perRow := b.Elapsed().Seconds() / float64(b.N*rows)
	b.ReportMetric(1/perRow, "rows/s")
	plain := min(rows, 256)
	start := time.Now()
	count := 0
	for time.Since(start) < 200*time.Millisecond {
		for row := range max(plain, 64) {
			for i := range g.trees {
				n := reference(&g.trees[i], x[row*s.features:(row+1)*s.features])
				r.LeafValues[i] = g.trees[i].Values[n]
			}
		}
		count += max(plain, 64)
	}
	b.ReportMetric(time.Since(start).Seconds()/float64(count)/perRow, "x-plain")
}
