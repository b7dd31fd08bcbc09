package plan_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// fastest is the least processor time that a run of a program takes, in seconds: what else the machine does takes time, but no processor time of ours, and
// only a run beside which nothing else used the caches is the least. Short runs are measured together, since the clock ticks in microseconds.
func fastest(b *testing.B, p engine.Program, in tensor.Named) float64 {
	b.Helper()
	run := func(times int) time.Duration {
		began := processorTime(b)
		for range times {
			if _, err := p.Run(b.Context(), in, nil); err != nil {
				b.Fatal(err)
			}
		}
		return processorTime(b) - began
	}
	times := 1
	for took := run(times); took < time.Millisecond && times < 1<<14; took = run(times) {
		times *= 2
	}
	best, spent := time.Duration(math.MaxInt64), time.Duration(0)
	for n := 0; n < 5 || spent < 150*time.Millisecond; n++ {
		took := run(times)
		best, spent = min(best, took), spent+took
	}
	return best.Seconds() / float64(times)
}

// processorTime is what this process has used of processors.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bench times a graph whose input x has the shape; all elements are random.
func bench(b *testing.B, nodes []*graph.Node, x *tensor.Tensor, weights ...*tensor.Tensor) float64 {
	b.Helper()
	g := &graph.Graph{Name: "m", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}, Nodes: nodes}
	v := graph.Value{Name: "x", DType: x.DType(), Ranked: true}
	for _, n := range x.Shape() {
		v.Dims = append(v.Dims, graph.Dim{Size: n})
	}
	g.Inputs, g.Outputs = []graph.Value{v}, []graph.Value{{Name: nodes[len(nodes)-1].Outputs[0]}}
	for i, w := range weights {
		name := string(rune('a' + i))
		g.Weights[name] = &graph.Weight{Name: name, DType: w.DType(), Shape: w.Shape(), Data: w.Bytes()}
	}
	p, err := native.New().Compile(g, nil)
	if err != nil {
		b.Fatal(err)
	}
	return fastest(b, p, tensor.Named{"x": x})
}

func filled(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.F32, shape...)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range tensor.Of[float32](t) {
		tensor.Of[float32](t)[i] = rng.Float32() - 0.5
	}
	return t
}

func chain(op string, n int) []*graph.Node {
	var out []*graph.Node
	last := "x"
	for i := range n {
		name := op + string(rune('0'+i/10)) + string(rune('0'+i%10))
		out = append(out, &graph.Node{Name: name, Op: op, Inputs: []string{last}, Outputs: []string{name}})
		last = name
	}
	return out
}

// BenchmarkConstants measures the compute constants of the cost model on one processor with the native engine, which costmodel.json quotes:
//
//	go test -run '^$' -bench Constants -benchtime 1x ./splitter/plan
func BenchmarkConstants(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for b.Loop() {
		product := []*graph.Node{{Name: "y", Op: "MatMul", Inputs: []string{"x", "a"}, Outputs: []string{"y"}}}
		w := filled(2048, 2048)
		b.ReportMetric(128*2048*2048/bench(b, product, filled(128, 2048), w)/1e9, "gmac/s")
		conv := []*graph.Node{{Name: "y", Op: "Conv", Inputs: []string{"x", "a"}, Outputs: []string{"y"}, Attrs: map[string]graph.Attr{"pads": {Kind: graph.AttrInts, Ints: []int64{1, 1, 1, 1}}}}}
		b.ReportMetric(64*64*9*56*56/bench(b, conv, filled(1, 64, 56, 56), filled(64, 64, 3, 3))/1e9, "conv-gmac/s")
		b.ReportMetric(3*16*16*9*16*16/bench(b, conv, filled(3, 16, 16, 16), filled(16, 16, 3, 3))/1e9, "small-conv-gmac/s")
		b.ReportMetric(3*64*64*9*4*4/bench(b, conv, filled(3, 64, 4, 4), filled(64, 64, 3, 3))/1e9, "narrow-conv-gmac/s")
		large := filled(8192, 4096) // beyond the caches
		b.ReportMetric(float64(len(large.Bytes()))/bench(b, product, filled(1, 8192), large)/1e9, "weights-gb/s")
		b.ReportMetric(10*1e6/bench(b, chain("Relu", 10), filled(1000, 1000))/1e6, "relu-melements/s")
		b.ReportMetric(10*1e6/bench(b, chain("Tanh", 10), filled(1000, 1000))/1e6, "tanh-melements/s")
		norm := []*graph.Node{{Name: "y", Op: "LayerNormalization", Inputs: []string{"x", "a", "b"}, Outputs: []string{"y"}}}
		b.ReportMetric(1e6/bench(b, norm, filled(1000, 1000), filled(1000), filled(1000))/1e6, "layernorm-melements/s")
		wide := []*graph.Node{{Name: "w", Op: "Cast", Inputs: []string{"x"}, Outputs: []string{"w"}, Attrs: map[string]graph.Attr{"to": {Kind: graph.AttrInt, Int: 11}}},
			{Name: "m", Op: "ReduceMean", Inputs: []string{"w"}, Outputs: []string{"m"}, Attrs: map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: []int64{-1}}}},
			{Name: "d", Op: "Sub", Inputs: []string{"w", "m"}, Outputs: []string{"d"}},
			{Name: "y", Op: "ReduceSumSquare", Inputs: []string{"d"}, Outputs: []string{"y"}, Attrs: map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: []int64{-1}}}}}
		b.ReportMetric(1e6/bench(b, wide, filled(1000, 1000))/1e6, "moments-melements/s")
		applied := []*graph.Node{{Name: "d", Op: "Sub", Inputs: []string{"x", "a"}, Outputs: []string{"d"}}, {Name: "r", Op: "Div", Inputs: []string{"d", "a"}, Outputs: []string{"r"}},
			{Name: "s", Op: "Mul", Inputs: []string{"r", "b"}, Outputs: []string{"s"}}, {Name: "y", Op: "Add", Inputs: []string{"s", "b"}, Outputs: []string{"y"}}}
		b.ReportMetric(1e6/bench(b, applied, filled(1000, 1000), filled(1000, 1), filled(1000))/1e6, "normalise-melements/s")
		b.ReportMetric(bench(b, chain("Relu", 90), filled(4))/90*1e6, "us/node")
		const rows, dim, ids = 500_000, 32, 20_000
		table, index := filled(rows, dim), tensor.New(tensor.I64, ids)
		rng := rand.New(rand.NewPCG(2, 2))
		for i := range tensor.Of[int64](index) {
			tensor.Of[int64](index)[i] = rng.Int64N(rows)
		}
		look := []*graph.Node{{Name: "y", Op: "Gather", Inputs: []string{"a", "x"}, Outputs: []string{"y"}}}
		b.ReportMetric(bench(b, look, index, table)/ids*1e6, "us/lookup")
	}
}
