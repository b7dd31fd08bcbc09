package plan_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// fastest is the least time of several runs of a program, in seconds: what else the machine does only adds.
func fastest(b *testing.B, p engine.Program, in tensor.Named) float64 {
	b.Helper()
	best, until := math.Inf(1), time.Now().Add(150*time.Millisecond)
	for n := 0; n < 5 || time.Now().Before(until) && n < 2000; n++ {
		began := time.Now()
		if _, err := p.Run(b.Context(), in, nil); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(began).Seconds())
	}
	return best
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
