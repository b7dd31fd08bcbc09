package onnx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	onnximport "github.com/shardwise/shardwise/splitter/onnx"
)

// random is a random perceptron: any widths, both orientations, with and without biases, any activations.
func random(rng *rand.Rand) (*graph.Graph, int) {
	g := &graph.Graph{Name: "random", Opsets: map[string]int64{"": 20}, Weights: map[string]*graph.Weight{}}
	width := 1 + rng.IntN(40)
	in := width
	g.Inputs = []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "rows"}, {Size: width}}}}
	last := "x"
	weight := func(name string, shape ...int) string {
		n, _ := tensor.Shape(shape).Elements()
		w := tensor.New(tensor.F32, shape...)
		for i := range n {
			tensor.Of[float32](w)[i] = float32(rng.NormFloat64() / math.Sqrt(float64(width)))
		}
		g.Weights[name] = &graph.Weight{Name: name, DType: tensor.F32, Shape: shape, Data: w.Bytes()}
		return name
	}
	add := func(op string, attrs map[string]graph.Attr, in ...string) {
		out := fmt.Sprintf("v%d", len(g.Nodes))
		g.Nodes = append(g.Nodes, &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
		last = out
	}
	for i := range 1 + rng.IntN(6) {
		next := 1 + rng.IntN(40)
		name := fmt.Sprintf("w%d", i)
		switch rng.IntN(3) {
		case 0:
			add("MatMul", nil, last, weight(name, width, next))
		case 1:
			add("Gemm", map[string]graph.Attr{"transB": {Kind: graph.AttrInt, Int: 1}, "alpha": {Kind: graph.AttrFloat, Float: 0.75}}, last, weight(name, next, width))
		case 2:
			add("Gemm", map[string]graph.Attr{"beta": {Kind: graph.AttrFloat, Float: 1.5}}, last, weight(name, width, next), weight(name+"c", next))
		}
		width = next
		if rng.IntN(2) == 0 {
			add("Add", nil, last, weight(name+"b", width))
		}
		if ops := []string{"Relu", "Tanh", "Sigmoid", "Gelu", "Softplus", ""}; rng.IntN(4) > 0 {
			if op := ops[rng.IntN(len(ops))]; op != "" {
				add(op, nil, last)
			}
		}
		if before := last; rng.IntN(4) == 0 {
			add("Sigmoid", nil, before)
			add("Mul", nil, before, last)
		}
	}
	if rng.IntN(2) == 0 {
		add("Softmax", nil, last)
	}
	g.Outputs = []graph.Value{{Name: last, DType: tensor.F32}}
	return g, in
}

// Whatever the perceptron and the number of shards, sharded equals unsharded within the rule, and bits repeat.
func TestRandomPerceptronsShardedEqualUnsharded(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 25 {
		g, width := random(rng)
		data, err := onnx.Encode(g)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "model.onnx")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		model, err := onnximport.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		n := 1 + rng.IntN(model.Info().MaxShards)
		if err := model.Close(); err != nil {
			t.Fatal(err)
		}
		x := tensor.New(tensor.F32, 7, width)
		for i := range x.Len() {
			tensor.Of[float32](x)[i] = float32(rng.NormFloat64())
		}
		in := tensor.Named{"x": x}
		dir, m := split(t, path, n)
		e := open(t, dir, m)
		got, out := e.run(in), g.Outputs[0].Name
		compare(t, fmt.Sprintf("%d shards of %d nodes", n, len(g.Nodes)), got[out], reference(t, dir, m, in)[out], manifest.Rule{Scale: 1e-5})
		compare(t, "the second run", e.run(in)[out], got[out], manifest.Rule{Exact: true})
	}
}
