package onnx_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	onnximport "github.com/shardwise/shardwise/splitter/onnx"
)

// watcher discards what is written and notes the largest heap.
type watcher struct{ peak, written uint64 }

func (w *watcher) Write(b []byte) (int, error) {
	w.written += uint64(len(b))
	if w.written>>23 != (w.written-uint64(len(b)))>>23 { // every 8 MiB: looking stops the world
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.peak = max(w.peak, m.HeapAlloc)
	}
	return len(b), nil
}

// Splitting a model whose weights are far larger than the memory that it takes: columns, rows and both orientations are
// cut by ranges of the file. The file is sparse, so it takes no disk.
func TestSplittingHoldsNoTensor(t *testing.T) {
	const width, count = 2048, 8 // 16 MiB each
	dir := t.TempDir()
	g := &graph.Graph{Name: "large", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{},
		Inputs:  []graph.Value{{Name: "v0", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "n"}, {Size: width}}}},
		Outputs: []graph.Value{{Name: fmt.Sprintf("v%d", count), DType: tensor.F32}}}
	const bytes = 4 * width * width
	for i := range count {
		w := fmt.Sprintf("w%d", i)
		g.Weights[w] = &graph.Weight{DType: tensor.F32, Shape: tensor.Shape{width, width}, Location: "weights.bin", Offset: int64(i) * bytes, Length: bytes}
		n := &graph.Node{Name: w, Op: "MatMul", Inputs: []string{fmt.Sprintf("v%d", i), w}, Outputs: []string{fmt.Sprintf("v%d", i+1)}}
		if i%3 == 0 {
			n.Op, n.Attrs = "Gemm", map[string]graph.Attr{"transB": {Kind: graph.AttrInt, Int: 1}}
		}
		g.Nodes = append(g.Nodes, n)
	}
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "weights.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(count * bytes); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	model, err := onnximport.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	l, err := model.Layout(t.Context(), layout.Options{Shards: 3, Name: "large", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	out := &watcher{}
	for _, f := range l.Files {
		if f.Weights == nil {
			continue
		}
		w, err := shardfile.NewWriter(out, f.Weights.Tensors, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Weights.Tensors {
			if err := w.WriteTensor(func(w io.Writer) error { return f.Weights.Write(t.Context(), i, w) }); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if out.written < count*bytes {
		t.Errorf("%d bytes were written, the model has %d", out.written, count*bytes)
	}
	// The limit is 64 MiB beside the largest tensor; nothing here needs even one tensor.
	if limit := uint64(bytes); out.peak == 0 || out.peak > limit {
		t.Errorf("the heap reached %d bytes, wanted at most %d", out.peak, limit)
	}
	t.Logf("%d MiB of weights, peak heap %.1f MiB", out.written>>20, float64(out.peak)/(1<<20))
}
