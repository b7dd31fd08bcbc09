package experts_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// layerOf is a layer whose experts are products with a matrix each, behind Relu.
func layerOf(matrices []*tensor.Tensor, width int) *graph.Graph {
	n := &graph.Node{Name: "layer", Domain: graph.ShardwiseDomain, Op: experts.Op, Inputs: []string{"rows", "gates"}, Outputs: []string{"y"},
		Attrs: map[string]graph.Attr{experts.AttrWidth: {Kind: graph.AttrInt, Int: int64(width)}}}
	g := &graph.Graph{Name: "g", Opsets: map[string]int64{"": 17, graph.ShardwiseDomain: experts.Version}, Nodes: []*graph.Node{n}, Weights: map[string]*graph.Weight{},
		Inputs: []graph.Value{{Name: "rows", DType: tensor.F32}, {Name: "gates", DType: tensor.F32}}, Outputs: []graph.Value{{Name: "y"}}}
	for i, m := range matrices {
		w := experts.BodyName(i) + ".weight"
		g.Weights[w] = &graph.Weight{Name: w, DType: m.DType(), Shape: m.Shape(), Data: m.Bytes()}
		n.Attrs[experts.BodyName(i)] = graph.Attr{Kind: graph.AttrGraph, Graph: &graph.Graph{Name: w, Inputs: []graph.Value{{Name: w + ".x", DType: tensor.F32}}, Outputs: []graph.Value{{Name: w + ".y"}},
			Nodes: []*graph.Node{{Name: w + ".product", Op: "MatMul", Inputs: []string{w + ".x", w}, Outputs: []string{w + ".z"}}, {Name: w + ".relu", Op: "Relu", Inputs: []string{w + ".z"}, Outputs: []string{w + ".y"}}}}}
	}
	return g
}

func random(rng *rand.Rand, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.F32, shape...)
	for i := range tensor.Of[float32](t) {
		tensor.Of[float32](t)[i] = float32(rng.NormFloat64())
	}
	return t
}

// The layer is the loop over experts and rows that its comment says, and a row's bits do not depend on the rows beside it.
func TestALayerIsTheWeightedSumOfItsExperts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		count, columns, width, rows := 1+rng.IntN(6), 1+rng.IntN(9), 1+rng.IntN(9), rng.IntN(7)
		var matrices []*tensor.Tensor
		for range count {
			matrices = append(matrices, random(rng, columns, width))
		}
		x, gates := random(rng, rows, columns), random(rng, rows, count)
		for i := range tensor.Of[float32](gates) {
			if rng.IntN(2) == 0 {
				tensor.Of[float32](gates)[i] *= 0
			}
		}
		p, err := native.New().Compile(layerOf(matrices, width), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Run(t.Context(), tensor.Named{"rows": x, "gates": gates}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			single, err := p.Run(t.Context(), tensor.Named{"rows": must(x.Rows(r, r+1)), "gates": must(gates.Rows(r, r+1))}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k := range width {
				want, scale := 0.0, 1e-6
				for e, m := range matrices {
					sum, size, gate := 0.0, 0.0, float64(tensor.Of[float32](gates)[r*count+e])
					for c := range columns {
						product := float64(tensor.Of[float32](x)[r*columns+c]) * float64(tensor.Of[float32](m)[c*width+k])
						sum, size = sum+product, size+math.Abs(product)
					}
					want, scale = want+gate*max(sum, 0), scale+math.Abs(gate)*size
				}
				y := tensor.Of[float32](got["y"])[r*width+k]
				if math.Abs(float64(y)-want) > 1e-5*scale {
					t.Errorf("row %d column %d is %v, wanted %v", r, k, y, want)
				}
				if one := tensor.Of[float32](single["y"])[k]; math.Float32bits(one) != math.Float32bits(y) {
					t.Errorf("row %d column %d is %v alone and %v among others", r, k, one, y)
				}
			}
		}
	}
}

func must(t *tensor.Tensor, err error) *tensor.Tensor {
	if err != nil {
		panic(err)
	}
	return t
}

// An expert without weight does not run: its infinities do not reach the row.
func TestAWeightOfZeroKeepsAnExpertOut(t *testing.T) {
	bad := must(tensor.FromSlice(tensor.F32, []float32{float32(math.Inf(1))}, 1, 1))
	good := must(tensor.FromSlice(tensor.F32, []float32{3}, 1, 1))
	p, err := native.New().Compile(layerOf([]*tensor.Tensor{bad, good}, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Named{"rows": must(tensor.FromSlice(tensor.F32, []float32{1, 2, 5}, 3, 1)),
		"gates": must(tensor.FromSlice(tensor.F32, []float32{0, 2, float32(math.Copysign(0, -1)), 1, float32(math.NaN()), 0}, 3, 2))}
	out, err := p.Run(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if y := tensor.Of[float32](out["y"]); y[0] != 6 || y[1] != 6 || !math.IsNaN(float64(y[2])) {
		t.Errorf("found %v", y)
	}
}

func TestLayersThatDoNotFitAreRefused(t *testing.T) {
	m := must(tensor.FromSlice(tensor.F32, []float32{1, 2}, 1, 2))
	for want, change := range map[string]func(n *graph.Node){
		"at least one": func(n *graph.Node) { n.Attrs = map[string]graph.Attr{experts.AttrWidth: {Kind: graph.AttrInt, Int: 1}} },
		"width 0":      func(n *graph.Node) { delete(n.Attrs, experts.AttrWidth) },
		"attribute":    func(n *graph.Node) { n.Attrs["shape"] = graph.Attr{Kind: graph.AttrInt} },
		"is missing":   func(n *graph.Node) { n.Inputs = n.Inputs[:1] },
		"2 outputs, wanted one": func(n *graph.Node) {
			b := n.Attrs[experts.BodyName(0)].Graph
			b.Outputs = append(b.Outputs, b.Outputs[0])
		},
		"is no graph": func(n *graph.Node) { n.Attrs[experts.BodyName(0)] = graph.Attr{Kind: graph.AttrInt} },
		"nothing":     func(n *graph.Node) { n.Attrs[experts.BodyName(0)].Graph.Nodes[0].Inputs[1] = "nothing" },
	} {
		g := layerOf([]*tensor.Tensor{m}, 2)
		change(g.Nodes[0])
		if _, err := native.New().Compile(g, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	p, err := native.New().Compile(layerOf([]*tensor.Tensor{m}, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range [][2][]int{{{2, 1}, {2, 2}}, {{2, 1}, {3, 1}}, {{2, 1}, {1}}, {{2, 2, 1}, {4, 1}}} {
		if _, err := p.Run(t.Context(), tensor.Named{"rows": tensor.New(tensor.F32, shape[0]...), "gates": tensor.New(tensor.F32, shape[1]...)}, nil); err == nil {
			t.Errorf("rows %v with gates %v run", shape[0], shape[1])
		}
	}
}
