package tensor

import (
	"testing"
	"time"

	"github.com/segmentio/asm/base64"
)

// BenchmarkRequest4MB encodes and decodes a request of 4 MB (frame and base64, both ways) and compares with copying the
// bytes and encoding and decoding base64 with the fastest library, in the same run.
func BenchmarkRequest4MB(b *testing.B) {
	x := New(F32, 1024, 1024)
	for i, v := 0, Of[float32](x); i < len(v); i++ {
		v[i] = float32(i)
	}
	n := Named{"features": x}
	var frame, text, decoded []byte
	ours := func() {
		var err error
		if frame, err = AppendFrame(frame[:0], n, nil); err != nil {
			b.Fatal(err)
		}
		text = AppendBase64(text[:0], frame)
		if decoded, err = DecodeBase64Into(decoded, text); err != nil {
			b.Fatal(err)
		}
		got, _, err := ParseFrame(decoded, Limits{})
		if err != nil || got["features"].Len() != x.Len() {
			b.Fatal(err)
		}
	}
	raw, rawText := make([]byte, len(x.Bytes())), make([]byte, Base64Size(len(x.Bytes())))
	back := make([]byte, len(raw)+3)
	reference := func() {
		copy(raw, x.Bytes())
		base64.StdEncoding.Encode(rawText, raw)
		if _, err := base64.StdEncoding.Decode(back, rawText); err != nil {
			b.Fatal(err)
		}
	}
	ours()
	reference()
	b.SetBytes(int64(len(x.Bytes())))
	b.ReportAllocs()
	var mine, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		ours()
		mine += time.Since(start)
		b.StopTimer()
		start = time.Now()
		reference()
		theirs += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(mine.Seconds()/theirs.Seconds(), "x-copy+base64")
}

// What the codec allocates beyond its buffers does not depend on the number of elements.
func TestFrameAllocationsDoNotGrowWithElements(t *testing.T) {
	measure := func(elements int) float64 {
		n := Named{"a": New(F32, elements), "b": New(Bool, elements)}
		plan, err := PlanFrame(n, nil)
		if err != nil {
			t.Fatal(err)
		}
		size := plan.Size()
		frame, decoded := make([]byte, 0, size), Aligned(size)
		text := make([]byte, 0, Base64Size(size))
		return testing.AllocsPerRun(20, func() {
			out, err := AppendFrame(frame, n, nil)
			if err != nil {
				t.Fatal(err)
			}
			buf, err := DecodeBase64Into(decoded, AppendBase64(text, out))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := ParseFrame(buf, Limits{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	// The longer numbers in the header may cost a few of its bytes, and so a growth or two.
	if small, large := measure(10), measure(1_000_000); large > small+4 {
		t.Fatalf("%v allocations for 10 elements, %v for 1,000,000", small, large)
	}
}
