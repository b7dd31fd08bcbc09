package onnx_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// normalised is a perceptron whose hidden layer is normalised by the nodes, which read h and yield y. Weights s and b are the scale and the bias.
func normalised(t *testing.T, rng *rand.Rand, opset int64, nodes ...*graph.Node) string {
	t.Helper()
	const in, width, out = 256, 4096, 256
	g := &graph.Graph{Name: "normalised", Opsets: map[string]int64{"": opset}, Weights: map[string]*graph.Weight{},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: in}}}},
		Outputs: []graph.Value{{Name: "out", DType: tensor.F32}}}
	enter := func(name string, v *tensor.Tensor) { g.Weights[name] = weightOf(name, v) }
	enter("w1", normal(rng, in, width))
	enter("s", normal(rng, width))
	enter("b", normal(rng, width))
	enter("w2", normal(rng, width, out))
	for name, v := range map[string]float32{"two": 2, "epsilon": 1e-3, "width": width} {
		one := tensor.New(tensor.F32)
		tensor.Of[float32](one)[0] = v
		enter(name, one)
	}
	last := tensor.New(tensor.I64, 1)
	tensor.Of[int64](last)[0] = -1
	enter("last", last)
	g.Nodes = append(g.Nodes, plain("MatMul", "h", "x", "w1"))
	g.Nodes = append(g.Nodes, nodes...)
	g.Nodes = append(g.Nodes, plain("Relu", "relu", "y"), plain("MatMul", "out", "relu", "w2"))
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func plain(op, out string, in ...string) *graph.Node {
	return &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}}
}

// averaged is a ReduceMean over the last axis.
func averaged(out, in string) *graph.Node {
	n := plain("ReduceMean", out, in)
	n.Attrs = map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: []int64{-1}}}
	return n
}

// summed is a ReduceSum over the last axis, which version 17 takes from an input.
func summed(out, in string) *graph.Node { return plain("ReduceSum", out, in, "last") }

// A normalised layer between two that are cut is normalised by the shards, in both forms in which exporters write it, and by the root of mean squares.
func TestNormalisedLayersMergeTheirMoments(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, c := range []struct{ name, merge, path string }{
		{"one operator", manifest.MergeMoments, normalised(t, rng, 17, plain("LayerNormalization", "y", "h", "s", "b"))},
		{"as nine operators", manifest.MergeMoments, normalised(t, rng, 14, averaged("m", "h"), plain("Sub", "d", "h", "m"), plain("Pow", "q", "d", "two"), averaged("v", "q"),
			plain("Add", "e", "v", "epsilon"), plain("Sqrt", "r", "e"), plain("Div", "n", "d", "r"), plain("Mul", "scaled", "n", "s"), plain("Add", "y", "scaled", "b"))},
		{"root of mean squares", manifest.MergeSum, normalised(t, rng, 23, plain("RMSNormalization", "y", "h", "s"))},
		{"root of mean squares in operators", manifest.MergeSum, normalised(t, rng, 14, plain("Pow", "q", "h", "two"), averaged("v", "q"),
			plain("Add", "e", "v", "epsilon"), plain("Sqrt", "r", "e"), plain("Div", "n", "h", "r"), plain("Mul", "y", "n", "s"))},
		{"root of sums of squares", manifest.MergeSum, normalised(t, rng, 17, plain("Mul", "q", "h", "h"), summed("v", "q"), plain("Div", "u", "v", "width"),
			plain("Add", "e", "u", "epsilon"), plain("Sqrt", "r", "e"), plain("Reciprocal", "c", "r"), plain("Mul", "n", "h", "c"), plain("Mul", "y", "s", "n"))},
	} {
		for _, n := range []int{3, 8} {
			t.Run(fmt.Sprintf("%s/shards=%d", c.name, n), func(t *testing.T) {
				dir, m, err := trySplit(t, c.path, layout.Options{Shards: n, Plan: "tensor"})
				if err != nil {
					t.Fatal(err)
				}
				merges := []string{}
				for _, s := range m.Steps {
					if s.Local != nil {
						t.Errorf("the coordinator computes %s", s.Name)
					}
					for i := 0; s.Stage != nil && i < len(s.Stage.Outputs); i++ {
						merges = append(merges, s.Stage.Outputs[i].Merge.Kind)
					}
				}
				if wide := slices.Index(merges, manifest.MergeConcat); wide < 0 || wide == len(merges)-1 || merges[wide+1] != c.merge {
					t.Errorf("merged by %v, wanted %s behind %s", merges, c.merge, manifest.MergeConcat)
				}
				in := tensor.Named{"x": normal(rng, 5, 256)}
				got, want := open(t, dir, m).run(in), reference(t, dir, m, in)
				compare(t, "out", got["out"], want["out"], m.Signature.Outputs[0].Rules["sum"])
				if again := open(t, dir, m).run(in); !bytes.Equal(again["out"].Bytes(), got["out"].Bytes()) {
					t.Error("the bits do not repeat")
				}
			})
		}
	}
}
