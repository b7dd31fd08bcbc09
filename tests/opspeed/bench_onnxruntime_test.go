//go:build onnxruntime && linux

package opspeed

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/tests/clock"
)

var update = flag.Bool("update", false, "write docs/operators-speed.md anew; every entry must be measured")

// BenchmarkOperators times every entry on both engines in one run, on one thread, turn by turn. The metrics are the medians of
// the thread's processor time, which other processes cannot lengthen, and the native engine's over ONNX Runtime's. Before,
// the outputs are compared.
func BenchmarkOperators(b *testing.B) {
	other := onnxruntime.New(os.Getenv("SHARDWISE_ONNXRUNTIME"))
	var results []result
	for _, e := range entries() {
		b.Run(e.name(), func(b *testing.B) { results = append(results, measure(b, e, other)) })
	}
	// Every benchmark runs at least twice, the last time the longest.
	slices.Reverse(results)
	last := map[string]bool{}
	results = slices.DeleteFunc(results, func(r result) bool {
		again := last[r.entry.name()]
		last[r.entry.name()] = true
		return again
	})
	if *update {
		if err := os.WriteFile(filepath.Join("..", "..", "docs", "operators-speed.md"), page(results), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// typed gives the graph's outputs the types and shapes that they have, which ONNX Runtime wants to know.
func typed(g *graph.Graph, out tensor.Named) {
	for i, v := range g.Outputs {
		t := out[v.Name]
		v.DType, v.Ranked = t.DType(), true
		for _, n := range t.Shape() {
			v.Dims = append(v.Dims, graph.Dim{Size: n})
		}
		g.Outputs[i] = v
	}
}

func measure(b *testing.B, e entry, other engine.Engine) result {
	// Here, since package testing sets its own number for each benchmark. Both engines ask when they compile or run.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	g, in := e.graph()
	ours, err := native.New().Compile(g, nil)
	if err != nil {
		b.Fatal(err)
	}
	want, err := ours.Run(b.Context(), in, nil)
	if err != nil {
		b.Fatal(err)
	}
	typed(g, want)
	programs := []engine.Program{ours}
	r := result{entry: e}
	theirs, err := other.Compile(g, nil)
	if err == nil {
		programs = append(programs, theirs)
		err = compare(b, e, theirs, in, want)
	}
	if err != nil {
		if r.refused = err.Error(); len(programs) == 2 {
			b.Errorf("%s: %v", e.name(), err)
		}
		programs = programs[:1]
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	times := make([][]time.Duration, len(programs))
	for b.Loop() {
		for i, p := range programs {
			begin := clock.Thread()
			if _, err := p.Run(b.Context(), in, nil); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], clock.Thread()-begin)
		}
	}
	r.native = clock.Median(times[0])
	b.ReportMetric(r.native.Seconds()*1e3, "native-ms")
	if len(times) == 2 {
		r.other = clock.Median(times[1])
		b.ReportMetric(r.other.Seconds()*1e3, "onnxruntime-ms")
		b.ReportMetric(r.ratio(), "native/onnxruntime")
	}
	return r
}

func compare(b *testing.B, e entry, theirs engine.Program, in, want tensor.Named) error {
	b.Helper()
	out, err := theirs.Run(b.Context(), in, nil)
	if err != nil {
		return err
	}
	for name, w := range want {
		tolerance := tensor.Tolerance{Scale: 1e-5}
		if e.loose > 0 {
			tolerance.Scale = e.loose
		}
		if !w.DType().Float() {
			tolerance = tensor.Tolerance{Abs: float64(e.steps)}
		}
		d, err := tensor.Diff(w, out[name], tolerance)
		if err == nil && d.Beyond > 0 {
			b.Errorf("%s: output %s: %v", e.name(), name, d)
		} else if err != nil {
			b.Errorf("%s: output %s: %v", e.name(), name, err)
		}
	}
	return nil
}
