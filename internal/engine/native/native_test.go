package native

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func f32(t testing.TB, values []float32, shape ...int) *tensor.Tensor {
	t.Helper()
	x, err := tensor.FromSlice(tensor.F32, values, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func weight(x *tensor.Tensor) *graph.Weight {
	return &graph.Weight{DType: x.DType(), Shape: x.Shape(), Data: x.Bytes()}
}

func value(name string, d tensor.DType, dims ...int) graph.Value {
	v := graph.Value{Name: name, DType: d, Ranked: true}
	for _, n := range dims {
		dim := graph.Dim{Size: n}
		if n < 0 {
			dim.Symbol = "batch"
		}
		v.Dims = append(v.Dims, dim)
	}
	return v
}

// perceptron is x -> Gemm -> Relu -> h -> MatMul -> y, with a second output z = Identity(x).
func perceptron(t testing.TB) *graph.Graph {
	return &graph.Graph{Name: "perceptron", Opsets: map[string]int64{"": 17},
		Inputs:  []graph.Value{value("x", tensor.F32, -1, 2)},
		Outputs: []graph.Value{value("y", tensor.F32, -1, 1), value("h", tensor.F32, -1, 2), value("z", tensor.F32, -1, 2)},
		Nodes: []*graph.Node{
			{Name: "gemm", Op: "Gemm", Inputs: []string{"x", "w", "b"}, Outputs: []string{"g"}, Attrs: map[string]graph.Attr{"transB": {Kind: graph.AttrInt, Int: 1}}},
			{Name: "relu", Op: "Relu", Inputs: []string{"g"}, Outputs: []string{"h"}},
			{Name: "mul", Op: "MatMul", Inputs: []string{"h", "v"}, Outputs: []string{"y"}},
			{Name: "id", Op: "Identity", Inputs: []string{"x"}, Outputs: []string{"z"}},
		},
		Weights: map[string]*graph.Weight{
			"w": weight(f32(t, []float32{1, 2, 3, -4}, 2, 2)), "b": weight(f32(t, []float32{0.5, 1}, 2)), "v": weight(f32(t, []float32{2, 10}, 2, 1))},
	}
}

func compile(t testing.TB, g *graph.Graph, w engine.Weights) engine.Program {
	t.Helper()
	p, err := New().Compile(g, w)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRunComputesTheWantedOutputs(t *testing.T) {
	p := compile(t, perceptron(t), nil)
	in := tensor.Named{"x": f32(t, []float32{1, 1, 2, -1}, 2, 2)}
	all, err := p.Run(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float32{"y": {7, 111}, "h": {3.5, 0, 0.5, 11}, "z": {1, 1, 2, -1}}
	if len(all) != 3 {
		t.Errorf("%d outputs, wanted 3", len(all))
	}
	for name, values := range want {
		got, err := p.Run(t.Context(), in, []string{name})
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, error %v", name, got, err)
		}
		for i, v := range values {
			if a, b := tensor.Of[float32](all[name])[i], tensor.Of[float32](got[name])[i]; a != v || b != v {
				t.Errorf("%s[%d]: %v and %v, wanted %v", name, i, a, b, v)
			}
		}
	}
}

// fileWeights counts what is fetched.
type fileWeights struct {
	mu      sync.Mutex
	tensors tensor.Named
	fetched map[string]int
}

func (w *fileWeights) Weight(name string) (*tensor.Tensor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fetched[name]++
	if t, ok := w.tensors[name]; ok {
		return t, nil
	}
	return nil, errors.New("no such weight")
}

func TestWeightsAreFetchedWhenARunNeedsThem(t *testing.T) {
	g := perceptron(t)
	w := &fileWeights{tensors: tensor.Named{}, fetched: map[string]int{}}
	for name, x := range g.Weights {
		inline, err := engine.Inline(x)
		if err != nil {
			t.Fatal(err)
		}
		w.tensors[name] = inline
		x.Location, x.Length, x.Data = "weights.safetensors", int64(len(x.Data)), nil
	}
	p := compile(t, g, w)
	in := tensor.Named{"x": f32(t, []float32{1, 1}, 1, 2)}
	for _, step := range []struct {
		want    string
		fetched int
	}{{"z", 0}, {"h", 2}, {"y", 3}, {"y", 3}} {
		if _, err := p.Run(t.Context(), in, []string{step.want}); err != nil {
			t.Fatal(err)
		}
		if len(w.fetched) != step.fetched {
			t.Errorf("after %s: fetched %v, wanted %d weights", step.want, w.fetched, step.fetched)
		}
	}
	w.tensors["v"] = f32(t, []float32{1}, 1, 1)
	if _, err := compile(t, g, w).Run(t.Context(), in, nil); err == nil || !strings.Contains(err.Error(), "declares") {
		t.Errorf("a weight of another shape: error %v", err)
	}
}

func TestOutputsBelongToTheCallerAndInputsAreUntouched(t *testing.T) {
	p := compile(t, perceptron(t), nil)
	data := []float32{1, 1}
	in := tensor.Named{"x": f32(t, data, 1, 2)}
	first, err := p.Run(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range first {
		for i := range tensor.Of[float32](o) {
			tensor.Of[float32](o)[i] = 99
		}
	}
	if data[0] != 1 || data[1] != 1 {
		t.Errorf("writing to outputs changed the input: %v", data)
	}
	second, err := p.Run(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tensor.Of[float32](second["y"])[0]; got != 7 {
		t.Errorf("writing to outputs changed a later run: %v", got)
	}
}

func TestWrongInputsAreInputErrors(t *testing.T) {
	p := compile(t, perceptron(t), nil)
	good := f32(t, []float32{1, 1}, 1, 2)
	for name, in := range map[string]tensor.Named{
		"missing": {},
		"unknown": {"x": good, "other": good},
		"dtype":   {"x": tensor.New(tensor.F64, 1, 2)},
		"columns": {"x": tensor.New(tensor.F32, 1, 3)},
		"rank":    {"x": tensor.New(tensor.F32, 2)},
	} {
		var input *engine.InputError
		if _, err := p.Run(t.Context(), in, nil); !errors.As(err, &input) {
			t.Errorf("%s: error %v, wanted an *engine.InputError", name, err)
		}
	}
	var input *engine.InputError
	if _, err := p.Run(t.Context(), tensor.Named{"x": good}, []string{"nope"}); !errors.As(err, &input) {
		t.Errorf("unknown output: error %v", err)
	}
}

func TestCancelledRunsStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := compile(t, perceptron(t), nil).Run(ctx, tensor.Named{"x": f32(t, []float32{1, 1}, 1, 2)}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestCompileRefusesByName(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*graph.Graph)
		want   string
	}{
		"operator":       {func(g *graph.Graph) { g.Nodes[1].Op = "Frobnicate" }, "Frobnicate"},
		"attribute":      {func(g *graph.Graph) { g.Nodes[1].Attrs = map[string]graph.Attr{"x": {Kind: graph.AttrInt}} }, `"x"`},
		"old version":    {func(g *graph.Graph) { g.Nodes[1].Op, g.Opsets[""] = "HardSwish", 13 }, "version 13"},
		"future version": {func(g *graph.Graph) { g.Opsets[""] = 99 }, "99"},
		"no domain":      {func(g *graph.Graph) { g.Nodes[1].Domain, g.Nodes[1].Op = "ai.onnx.ml", "Binarizer" }, "ai.onnx.ml"},
		"undefined":      {func(g *graph.Graph) { g.Nodes[2].Inputs[0] = "nothing" }, "nothing"},
		"order":          {func(g *graph.Graph) { g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0] }, "topological"},
		"twice":          {func(g *graph.Graph) { g.Nodes[1].Outputs[0] = "g" }, "twice"},
		"output":         {func(g *graph.Graph) { g.Outputs[0].Name = "nowhere" }, "nowhere"},
		"inputs":         {func(g *graph.Graph) { g.Nodes[2].Inputs = g.Nodes[2].Inputs[:1] }, "input 1"},
	} {
		g := perceptron(t)
		c.change(g)
		if _, err := New().Compile(g, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted one with %q", name, err, c.want)
		}
	}
}

// deep is a random stack of layers with every kind of elementwise node between.
func deep(t testing.TB, rng *rand.Rand, widths ...int) *graph.Graph {
	g := &graph.Graph{Name: "deep", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{},
		Inputs: []graph.Value{value("v0", tensor.F32, -1, widths[0])}}
	last := "v0"
	add := func(op string, attrs map[string]graph.Attr, in ...string) {
		out := last + op
		g.Nodes = append(g.Nodes, &graph.Node{Name: out, Op: op, Inputs: append([]string{last}, in...), Outputs: []string{out}, Attrs: attrs})
		last = out
	}
	for i := 1; i < len(widths); i++ {
		w, b := make([]float32, widths[i-1]*widths[i]), make([]float32, widths[i])
		for j := range w {
			w[j] = float32(rng.NormFloat64() / math.Sqrt(float64(widths[i-1])))
		}
		name := last + "w"
		if i%2 == 0 {
			g.Weights[name] = weight(f32(t, w, widths[i-1], widths[i]))
			add("MatMul", nil, name)
			g.Weights[name+"b"] = weight(f32(t, b, widths[i]))
			add("Add", nil, name+"b")
		} else {
			g.Weights[name] = weight(f32(t, w, widths[i], widths[i-1]))
			add("Gemm", map[string]graph.Attr{"transB": {Kind: graph.AttrInt, Int: 1}}, name)
		}
		add([]string{"Relu", "Tanh", "Sigmoid", "Elu"}[i%4], nil)
	}
	add("Softmax", nil)
	g.Outputs = []graph.Value{value(last, tensor.F32, -1, widths[len(widths)-1])}
	return g
}

// Whatever rows a row travels with, and however many runs go on at once, it has the same bits.
func TestARowsBitsDependOnNothingElse(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const rows, width = 33, 37
	g := deep(t, rng, width, 300, 65, 129, 10)
	p := compile(t, g, nil)
	data := make([]float32, rows*width)
	for i := range data {
		data[i] = float32(rng.NormFloat64())
	}
	out := g.Outputs[0].Name
	whole, err := p.Run(t.Context(), tensor.Named{"v0": f32(t, data, rows, width)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := tensor.Of[float32](whole[out])
	var wg sync.WaitGroup
	for range 40 {
		lo := rng.IntN(rows)
		n := 1 + rng.IntN(rows-lo)
		wg.Go(func() {
			got, err := p.Run(t.Context(), tensor.Named{"v0": f32(t, data[lo*width:(lo+n)*width], n, width)}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			for i, v := range tensor.Of[float32](got[out]) {
				if v != want[lo*10+i] {
					t.Errorf("rows %d to %d: element %d is %v, in the whole batch %v", lo, lo+n, i, v, want[lo*10+i])
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestRunsAllocateLittle(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector drops what is pooled")
	}
	rng := rand.New(rand.NewPCG(1, 0))
	p := compile(t, deep(t, rng, 64, 256, 256, 256, 8), nil)
	in := tensor.Named{"v0": tensor.New(tensor.F32, 256, 64)}
	var before, after runtime.MemStats
	const warm, runs = 3, 20
	for i := range warm + runs {
		if i == warm {
			runtime.ReadMemStats(&before)
		}
		if _, err := p.Run(t.Context(), in, nil); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	// The intermediates are 256 KiB each; the output is 8 KiB.
	if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 128<<10 {
		t.Errorf("%d bytes are allocated per run, so intermediates are not used again", got)
	}
}
