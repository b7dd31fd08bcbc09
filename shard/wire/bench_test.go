package wire_test

import (
	"testing"
	"time"

	"github.com/segmentio/asm/base64"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

// BenchmarkRequest4MB encodes and decodes a request with a 4 MB tensor, and in the same run copies the same bytes and
// takes them through base64 and back with the fastest library; it reports the ratio of the two.
func BenchmarkRequest4MB(b *testing.B) {
	in := tensor.Named{"features": tensor.New(tensor.F32, 1<<10, 1<<10)}
	r, _, _ := example(b)
	data := in["features"].Bytes()
	for i := range data {
		data[i] = byte(i * 7)
	}
	b.SetBytes(int64(len(data)))
	var ours, floor time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		body, err := wire.EncodeBody(in)
		if err != nil {
			b.Fatal(err)
		}
		request, err := wire.AppendRequest(nil, r, body)
		if err != nil {
			b.Fatal(err)
		}
		back, err := wire.DecodeRequest(request)
		if err != nil {
			b.Fatal(err)
		}
		if out, _, err := tensor.ParseFrame(back.Body, tensor.Limits{}); err != nil || out["features"].Len() != 1<<20 {
			b.Fatal(err)
		}
		ours += time.Since(start)
		b.StopTimer()
		start = time.Now()
		reference(b, data)
		floor += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(floor), "ratio")
}

func reference(b *testing.B, data []byte) {
	clone := make([]byte, len(data))
	copy(clone, data)
	text := make([]byte, base64.StdEncoding.EncodedLen(len(clone)))
	base64.StdEncoding.Encode(text, clone)
	back := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	if n, err := base64.StdEncoding.Decode(back, text); err != nil || n != len(data) {
		b.Fatal(n, err)
	}
}
