package plan

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
)

// partitioned is a model without bytes, ready to be laid out.
func partitioned(m *model) *partition.Model {
	return &partition.Model{Graph: m.g, Values: m.values, Engine: native.Name,
		Dims: func(dims []graph.Dim) []manifest.Dim {
			out := make([]manifest.Dim, len(dims))
			for i, d := range dims {
				out[i] = manifest.Dim{Size: d.Size}
				if d.Size < 0 {
					out[i] = manifest.Dim{Name: d.Symbol}
				}
			}
			return out
		},
		Read: func(*graph.Weight) (io.ReaderAt, error) { return nil, errors.New("no bytes") }}
}

func TestNoShardIsEmptyAndTooManyAreRefused(t *testing.T) {
	m := partitioned(perceptron(12, 9, 4))
	most := MaxShards(m)
	if most != 12 {
		t.Errorf("largest count %d, wanted 12: the first layer by rows", most)
	}
	for n := 1; n <= most; n++ {
		l, err := Layout(t.Context(), m, layout.Options{Shards: n, Name: "m", Version: "1"})
		if err != nil {
			t.Fatalf("%d shards: %v", n, err)
		}
		for _, s := range l.Manifest.Steps {
			if s.Stage == nil {
				continue
			}
			cuts := slices.Concat(s.Stage.Inputs[0].Scatter.Bounds, s.Stage.Outputs[0].Merge.Bounds)
			for i := 1; i < len(cuts); i++ {
				if cuts[i] <= cuts[i-1] {
					t.Errorf("%d shards: bounds %v have an empty part", n, cuts)
				}
			}
		}
		if len(l.Manifest.Shards) != n {
			t.Errorf("%d shards, wanted %d", len(l.Manifest.Shards), n)
		}
	}
	_, err := Layout(t.Context(), m, layout.Options{Shards: most + 1, Name: "m", Version: "1"})
	var refused *layout.RefusalError
	if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "12") {
		t.Errorf("13 shards: error %v, wanted a refusal that names 12", err)
	}
}

func TestMemoryTakesTheFewestShardsThatFit(t *testing.T) {
	m := partitioned(perceptron(2048, 4096, 4096, 10)) // 32 + 64 MiB
	last := 1 << 30
	for _, mb := range []int{100, 128, 192, 256, 1024} {
		l, err := Layout(t.Context(), m, layout.Options{MemoryMB: mb, Name: "m", Version: "1"})
		if err != nil {
			t.Fatalf("%d MB: %v", mb, err)
		}
		n := len(l.Manifest.Shards)
		if need := widest(l.Manifest); need > int64(mb)<<20 {
			t.Errorf("%d MB: a function needs %d bytes", mb, need)
		}
		if n > 1 {
			fewer, err := Layout(t.Context(), m, layout.Options{Shards: n - 1, Name: "m", Version: "1"})
			if err != nil {
				t.Fatal(err)
			}
			if widest(fewer.Manifest) <= int64(mb)<<20 {
				t.Errorf("%d MB: %d shards, and %d would do", mb, n, n-1)
			}
		}
		if n > last {
			t.Errorf("%d MB takes %d shards, less memory took %d", mb, n, last)
		}
		last = n
	}
	_, err := Layout(t.Context(), m, layout.Options{MemoryMB: 20, Name: "m", Version: "1"})
	var refused *layout.RefusalError
	if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "MB") {
		t.Errorf("20 MB: error %v, wanted a refusal that says how much is needed", err)
	}
}
