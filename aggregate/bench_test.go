package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// against times work and the reference by turns, in one run, and reports work's share of the reference's time. The
// least time of each counts: what other processes take away only adds.
func against(b *testing.B, bytes int, work, reference func()) {
	own, other := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	work()
	reference()
	for b.Loop() {
		start := time.Now()
		work()
		mid := time.Now()
		reference()
		own = min(own, mid.Sub(start))
		other = min(other, time.Since(mid))
	}
	b.ReportMetric(float64(own)/float64(other), "×reference")
	b.ReportMetric(float64(bytes)/own.Seconds()/1e9, "GB/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSum adds 64 partials of 1 MB, against the plain loop in the same order into one slice, and against copying
// the same bytes once.
func BenchmarkSum(b *testing.B) {
	const n, width = 64, 1 << 18
	rng := rand.New(rand.NewPCG(1, 1))
	for _, acc := range []tensor.DType{tensor.F32, tensor.F64} {
		partials := make([]Partial, n)
		raw := make([][]float32, n)
		for i := range partials {
			raw[i] = normals32(rng, width)
			partials[i] = value(f32s(b, raw[i], width))
		}
		m := manifest.Merge{Kind: manifest.MergeSum, Acc: acc, DType: tensor.F32}
		work := func() { inOrder(b, m, 16, nil, partials, nil) }
		b.Run(fmt.Sprintf("acc=%v/against=loop", acc), func(b *testing.B) {
			against(b, n*width*4, work, func() {
				total := make([]float32, width)
				for _, p := range raw {
					for i, v := range p {
						total[i] += v
					}
				}
			})
		})
		b.Run(fmt.Sprintf("acc=%v/against=copy", acc), func(b *testing.B) {
			dst := make([]float32, width)
			against(b, n*width*4, work, func() {
				for _, p := range raw {
					copy(dst, p)
				}
			})
		})
	}
}

// BenchmarkOrderedSum adds the leaf values of 1024 rows and 2000 trees in 8 shards, against the libraries' loop.
func BenchmarkOrderedSum(b *testing.B) {
	const rows, columns, shards = 1024, 2000, 8
	rng := rand.New(rand.NewPCG(1, 1))
	v := normals32(rng, rows*columns)
	bounds := make([]int, shards+1)
	for i := range bounds {
		bounds[i] = i * columns / shards
	}
	partials := cut(b, tensor.F32, v, rows, bounds)
	for _, outputs := range []int{1, 10} {
		to := make([]int32, columns)
		init := make([]string, outputs)
		for c := range to {
			to[c] = int32(c % outputs)
		}
		for k := range init {
			init[k] = manifest.HexF32(0.5)
		}
		m := manifest.Merge{Kind: manifest.MergeOrderedSum, Acc: tensor.F32, DType: tensor.F32, Init: init}
		var tb Tables
		if outputs > 1 {
			m.Table, tb = "to", tables{"to": i32s(b, to, columns)}
		}
		b.Run(fmt.Sprintf("outputs=%d", outputs), func(b *testing.B) {
			against(b, rows*columns*4, func() { inOrder(b, m, 16, tb, partials, nil) }, func() {
				sums := make([]float32, rows*outputs)
				for r := range rows {
					for c := range columns {
						sums[r*outputs+int(to[c])] += v[r*columns+c]
					}
				}
			})
		})
	}
}

// BenchmarkConcat puts 16 column parts of 1 MB side by side, against copying the same bytes in one piece.
func BenchmarkConcat(b *testing.B) {
	const rows, columns, shards = 1024, 4096, 16
	rng := rand.New(rand.NewPCG(1, 1))
	v := normals32(rng, rows*columns)
	bounds := make([]int, shards+1)
	for i := range bounds {
		bounds[i] = i * columns / shards
	}
	partials := cut(b, tensor.F32, v, rows, bounds)
	m := manifest.Merge{Kind: manifest.MergeConcat, DType: tensor.F32, Dim: 1, Bounds: bounds}
	against(b, rows*columns*4, func() { inOrder(b, m, 16, nil, partials, nil) }, func() { copy(make([]float32, len(v)), v) })
}
