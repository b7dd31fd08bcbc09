package splitter_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// writeExternal writes a perceptron of square layers of 2,048, its weights in one external file of about so many MiB, and returns
// the model's path and the file's.
func writeExternal(b *testing.B, dir string, mib int) (model, weights string) {
	b.Helper()
	const width, layerMiB = 2048, 16
	weights = filepath.Join(dir, "weights.bin")
	f, err := os.Create(weights)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	rng := rand.NewChaCha8([32]byte{1})
	if _, err := io.CopyN(w, rng, int64(mib/layerMiB)*layerMiB<<20); err != nil {
		b.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	dims := []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: width}}
	g := &graph.Graph{Name: "large", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}, Inputs: []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: dims}}}
	last := "x"
	for i := range mib / layerMiB {
		name := fmt.Sprint("w", i)
		g.Weights[name] = &graph.Weight{Name: name, DType: tensor.F32, Shape: tensor.Shape{width, width}, Location: "weights.bin", Offset: int64(i) * layerMiB << 20, Length: layerMiB << 20}
		product, out := fmt.Sprint("product", i), fmt.Sprint("relu", i)
		g.Nodes = append(g.Nodes, &graph.Node{Name: product, Op: "MatMul", Inputs: []string{last, name}, Outputs: []string{product}},
			&graph.Node{Name: out, Op: "Relu", Inputs: []string{product}, Outputs: []string{out}})
		last = out
	}
	g.Outputs = []graph.Value{{Name: last, DType: tensor.F32, Ranked: true, Dims: dims}}
	data, err := onnx.Encode(g)
	if err != nil {
		b.Fatal(err)
	}
	model = filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(model, data, 0o644); err != nil {
		b.Fatal(err)
	}
	return model, weights
}

// BenchmarkSplitAgainstCopy splits a model with external weights, and in turn copies the weights' file and makes the copy durable. It
// reports the split's speed as a share of the copy's: both read everything once and write it once, the split also hashes both sides.
// SHARDWISE_SPLIT_MIB is the size, 512 by default.
func BenchmarkSplitAgainstCopy(b *testing.B) {
	mib := 512
	if n, err := strconv.Atoi(os.Getenv("SHARDWISE_SPLIT_MIB")); err == nil {
		mib = n
	}
	dir := b.TempDir()
	model, weights := writeExternal(b, dir, mib)
	var split, copied time.Duration
	round := 0
	for b.Loop() {
		out := filepath.Join(dir, fmt.Sprint("parts", round))
		round++
		start := time.Now()
		if _, err := splitter.Split(b.Context(), model, out, layout.Options{Shards: 4}, nil); err != nil {
			b.Fatal(err)
		}
		split += time.Since(start)
		b.StopTimer()
		start = time.Now()
		duplicate(b, weights, filepath.Join(dir, "copy"))
		copied += time.Since(start)
		if err := os.RemoveAll(out); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.SetBytes(int64(mib) << 20)
	b.ReportMetric(float64(copied)/float64(split), "of_copy_speed")
}

func duplicate(b *testing.B, from, to string) {
	b.Helper()
	in, err := os.Open(from)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	// As cp does it: reads and writes of 128 KiB, through no other way of the kernel.
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 128<<10)); err != nil {
		b.Fatal(err)
	}
	if err := out.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
}
