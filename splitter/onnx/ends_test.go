package onnx_test

import (
	"fmt"
	"math"
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

func weightOf(name string, t *tensor.Tensor) *graph.Weight {
	return &graph.Weight{Name: name, DType: t.DType(), Shape: t.Shape(), Data: t.Bytes()}
}

func normal(rng *rand.Rand, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.F32, shape...)
	for i := range tensor.Of[float32](t) {
		tensor.Of[float32](t)[i] = float32(rng.NormFloat64())
	}
	return t
}

// wide is a model with a wide output layer and an operator over its width.
func wide(t *testing.T, rng *rand.Rand, opset int64, op string, attrs map[string]graph.Attr, outputs []tensor.DType, more ...*graph.Weight) string {
	t.Helper()
	const width, columns = 8, 23
	g := &graph.Graph{Name: "wide", Opsets: map[string]int64{"": opset}, Weights: map[string]*graph.Weight{"w": weightOf("w", normal(rng, width, columns))},
		Inputs: []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: 3}, {Size: width}}}},
		Nodes:  []*graph.Node{{Name: "product", Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"scores"}}}}
	n := &graph.Node{Name: "end", Op: op, Inputs: []string{"scores"}, Attrs: attrs}
	for _, w := range more {
		g.Weights[w.Name] = w
		n.Inputs = append(n.Inputs, w.Name)
	}
	for i, d := range outputs {
		n.Outputs = append(n.Outputs, fmt.Sprint("y", i))
		g.Outputs = append(g.Outputs, graph.Value{Name: n.Outputs[i], DType: d})
	}
	g.Nodes = append(g.Nodes, n)
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

func axis(a int64) map[string]graph.Attr {
	return map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: a}}
}

func with(m map[string]graph.Attr, name string, v int64) map[string]graph.Attr {
	m[name] = graph.Attr{Kind: graph.AttrInt, Int: v}
	return m
}

// An operator over the dimension that is cut is merged from the shards' parts, and its values are the uncut model's.
func TestOperatorsOverTheCutDimension(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	floats, index := []tensor.DType{tensor.F32}, []tensor.DType{tensor.I64}
	five := tensor.New(tensor.I64, 1)
	tensor.Of[int64](five)[0] = 5
	axes := map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: []int64{-1, 1}}}
	for _, c := range []struct {
		name, merge string
		path        string
	}{
		{"softmax", manifest.MergeSoftmax, wide(t, rng, 17, "Softmax", axis(-1), floats)},
		{"softmax of version 18", manifest.MergeSoftmax, wide(t, rng, 18, "Softmax", axis(2), floats)},
		{"log softmax", manifest.MergeLogSumExp, wide(t, rng, 17, "LogSoftmax", axis(-1), floats)},
		{"log softmax, old", manifest.MergeLogSumExp, wide(t, rng, 12, "LogSoftmax", axis(2), floats)},
		{"arg max", manifest.MergeTopK, wide(t, rng, 17, "ArgMax", axis(-1), index)},
		{"arg max, dropped", manifest.MergeTopK, wide(t, rng, 17, "ArgMax", with(axis(2), "keepdims", 0), index)},
		{"arg max, dropped, old", manifest.MergeTopK, wide(t, rng, 12, "ArgMax", with(axis(2), "keepdims", 0), index)},
		{"top k", manifest.MergeTopK, wide(t, rng, 17, "TopK", axis(-1), append(floats, index...), weightOf("k", five))},
		{"mean", manifest.MergeSum, wide(t, rng, 17, "ReduceMean", axes, floats)},
		{"mean of version 18", manifest.MergeSum, wide(t, rng, 18, "ReduceMean", nil, floats, weightOf("axes", pair(-1, 1)))},
		{"softmax elsewhere", manifest.MergeConcat, wide(t, rng, 17, "Softmax", axis(1), floats)},
	} {
		for _, n := range []int{2, 5, 23} {
			t.Run(fmt.Sprintf("%s/shards=%d", c.name, n), func(t *testing.T) {
				dir, m, err := trySplit(t, c.path, layout.Options{Shards: n, Plan: "tensor"})
				if err != nil {
					t.Fatal(err)
				}
				x := normal(rng, 4, 3, 8)
				if c.merge == manifest.MergeSoftmax { // a part of a row far below the others
					for i := range tensor.Of[float32](x)[:8] {
						tensor.Of[float32](x)[i] *= 60
					}
				}
				in := tensor.Named{"x": x}
				got, want := open(t, dir, m).run(in), reference(t, dir, m, in)
				merges := []string{}
				for _, s := range m.Steps {
					for i := 0; s.Stage != nil && i < len(s.Stage.Outputs); i++ {
						merges = append(merges, s.Stage.Outputs[i].Merge.Kind)
					}
				}
				if !slices.Contains(merges, c.merge) {
					t.Errorf("merged by %v, wanted %s among them", merges, c.merge)
				}
				for _, o := range m.Signature.Outputs {
					compare(t, o.Name, got[o.Name], want[o.Name], o.Rules["sum"])
					for _, v := range tensor.Of[float32](x) {
						if math.IsNaN(float64(v)) {
							t.Fatal("the input has NaN")
						}
					}
				}
			})
		}
	}
}

func pair(a, b int64) *tensor.Tensor {
	t := tensor.New(tensor.I64, 2)
	copy(tensor.Of[int64](t), []int64{a, b})
	return t
}
