package local_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// mixture is a layer of four experts over rows of 64 columns, written out in ai.onnx: each row has the two best of a softmax.
func mixture(rng *rand.Rand) *graph.Graph {
	g := &graph.Graph{Name: "mixture", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: 64}}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: 64}}}}}
	weight := func(name string, t *tensor.Tensor) string {
		g.Weights[name] = &graph.Weight{Name: name, DType: t.DType(), Shape: t.Shape(), Data: t.Bytes()}
		return name
	}
	floats := func(name string, shape ...int) string {
		t := tensor.New(tensor.F32, shape...)
		for i := range tensor.Of[float32](t) {
			tensor.Of[float32](t)[i] = float32(rng.NormFloat64()) / 8
		}
		return weight(name, t)
	}
	whole := func(name string, v int64) string {
		t := tensor.New(tensor.I64, 1)
		tensor.Of[int64](t)[0] = v
		return weight(name, t)
	}
	op := func(op, out string, attrs map[string]graph.Attr, in ...string) string {
		g.Nodes = append(g.Nodes, &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
		return out
	}
	op("Softmax", "scores", nil, op("MatMul", "logits", nil, "x", floats("router", 64, 4)))
	g.Nodes = append(g.Nodes, &graph.Node{Name: "top", Op: "TopK", Inputs: []string{"scores", whole("k", 2)}, Outputs: []string{"best", "chosen"}})
	var parts []string
	for e := range 4 {
		name := func(s string) string { return fmt.Sprintf("e%d.%s", e, s) }
		hit := op("Cast", name("hit"), map[string]graph.Attr{"to": {Kind: graph.AttrInt, Int: 1}}, op("Equal", name("is"), nil, "chosen", whole(name("number"), int64(e))))
		gate := op("ReduceSum", name("gate"), nil, op("Mul", name("weights"), nil, "best", hit), whole(name("axis"), -1))
		h := op("Relu", name("relu"), nil, op("MatMul", name("up"), nil, "x", floats(name("w1"), 64, 1024)))
		parts = append(parts, op("Mul", name("part"), nil, gate, op("MatMul", name("down"), nil, h, floats(name("w2"), 1024, 64))))
	}
	op("Add", "y", nil, op("Add", "two", nil, parts[0], parts[1]), op("Add", "others", nil, parts[2], parts[3]))
	return g
}

// Through real processes a mixture of experts answers as the unsharded graph does, and a shard none of whose experts a row has is not asked.
func TestRoutedExpertsAnswerAsTheWholeModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := mixture(rng)
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mixture.onnx")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "parts")
	m, err := splitter.Split(t.Context(), file, dir, layout.Options{Shards: 4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(m.Steps, func(s manifest.Step) bool { return s.Stage != nil && len(s.Stage.Routes) == 1 }) {
		t.Fatalf("no step of %+v is routed", m.Steps)
	}
	whole, err := native.New().Compile(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, load(t, dir))
	for _, rows := range []int{1, 17} {
		x := tensor.New(tensor.F32, rows, 64)
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
		scale := 0.0
		for _, v := range tensor.Of[float32](want["y"]) {
			scale = max(scale, math.Abs(float64(v)))
		}
		for i, v := range tensor.Of[float32](got.Outputs["y"]) {
			if w := tensor.Of[float32](want["y"])[i]; math.Abs(float64(v-w)) > 1e-5*scale {
				t.Fatalf("%d rows: element %d is %v, wanted %v", rows, i, v, w)
			}
		}
		asked := len(got.Report.Attempts)
		if asked+len(got.Report.Spared) != 4 || rows == 1 && asked != 2 {
			t.Errorf("%d rows: %d shards asked and %+v spared", rows, asked, got.Report.Spared)
		}
	}
}
