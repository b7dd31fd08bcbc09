package local_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// randomPerceptron has random widths and weights; its rows are called "n".
func randomPerceptron(rng *rand.Rand) *graph.Graph {
	g := &graph.Graph{Name: "perceptron", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}}
	value := func(name string, width int) graph.Value {
		return graph.Value{Name: name, DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "n"}, {Size: width}}}
	}
	width, last := 1+rng.IntN(20), "x"
	g.Inputs = []graph.Value{value("x", width)}
	for i := range 1 + rng.IntN(3) {
		next := 1 + rng.IntN(70)
		w := tensor.New(tensor.F32, width, next)
		for k := range tensor.Of[float32](w) {
			tensor.Of[float32](w)[k] = float32(rng.NormFloat64())
		}
		name := fmt.Sprint("w", i)
		g.Weights[name] = &graph.Weight{Name: name, DType: tensor.F32, Shape: w.Shape(), Data: w.Bytes()}
		product, out := fmt.Sprint("product", i), fmt.Sprint("h", i)
		g.Nodes = append(g.Nodes, &graph.Node{Name: product, Op: "MatMul", Inputs: []string{last, name}, Outputs: []string{product}},
			&graph.Node{Name: out, Op: "Tanh", Inputs: []string{product}, Outputs: []string{out}})
		width, last = next, out
	}
	g.Outputs = []graph.Value{value(last, width)}
	return g
}

// Processes that share out the rows answer with the bits of the graph that runs whole, for any number of rows.
func TestProcessesShareOutRows(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := randomPerceptron(rng)
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	file, dir := filepath.Join(t.TempDir(), "perceptron.onnx"), filepath.Join(t.TempDir(), "parts")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	n := 2 + rng.IntN(3)
	if _, err := splitter.Split(t.Context(), file, dir, layout.Options{Shards: n, Plan: "rows"}, nil); err != nil {
		t.Fatal(err)
	}
	whole, err := native.New().Compile(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, load(t, dir))
	out := g.Outputs[0].Name
	for _, rows := range []int{1, n - 1, n + 1, 50 + rng.IntN(100), 0} {
		x := tensor.New(tensor.F32, rows, g.Inputs[0].Dims[1].Size)
		for i := range tensor.Of[float32](x) {
			tensor.Of[float32](x)[i] = float32(rng.NormFloat64())
		}
		want, err := whole.Run(t.Context(), tensor.Named{"x": x}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Predict(t.Context(), tensor.Named{"x": x}, local.Request{})
		if err != nil {
			t.Fatal(err)
		}
		if !got.Outputs[out].Shape().Equal(want[out].Shape()) || !bytes.Equal(got.Outputs[out].Bytes(), want[out].Bytes()) {
			t.Errorf("%d rows over %d shards: %v differs from %v", rows, n, got.Outputs[out], want[out])
		}
	}
	if p := d.Processes(); len(p) != n+1 {
		t.Errorf("processes of %v, wanted the coordinator's and %d shards'", p, n)
	}
}
