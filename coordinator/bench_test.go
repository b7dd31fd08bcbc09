package coordinator_test

import (
	"context"
	"testing"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
)

// BenchmarkRun64 runs the mini model's two stages over 64 shards in one process and reports, beside the time, how much of
// it the shards' own handlers took: the rest is the coordinator's.
func BenchmarkRun64(b *testing.B) {
	r := newRig(b, minimodel.Options{Shards: 64, Features: 256, Hidden: 256}, quick())
	in := normal(b, newRand(b), 1, r.model.Features)
	var shards, all int64
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
		if err != nil {
			b.Fatal(err)
		}
		all += time.Since(start).Nanoseconds()
		for _, a := range got.Report.Attempts {
			shards += 1000 * a.TotalUS
		}
	}
	b.ReportMetric(float64(all-shards)/float64(b.N)/128, "ns/call-beside-shards")
}
