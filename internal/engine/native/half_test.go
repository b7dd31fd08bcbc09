package native_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// A product with weights that are halves is that of the same numbers as F32, rounded once.
func TestProductsOfHalvesAreThoseOfF32(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	flag := func(name string) map[string]graph.Attr {
		return map[string]graph.Attr{name: {Kind: graph.AttrInt, Int: 1}}
	}
	for _, c := range []struct {
		op    string
		attrs map[string]graph.Attr
		a, b  tensor.Shape
		c     tensor.Shape
	}{
		{"MatMul", nil, tensor.Shape{1, 64}, tensor.Shape{64, 48}, nil},
		{"MatMul", nil, tensor.Shape{5, 70}, tensor.Shape{70, 33}, nil},
		{"MatMul", nil, tensor.Shape{2, 3, 70}, tensor.Shape{70, 33}, nil},
		{"MatMul", nil, tensor.Shape{2, 3, 17}, tensor.Shape{2, 17, 9}, nil},
		{"MatMul", nil, tensor.Shape{17}, tensor.Shape{17}, nil},
		{"MatMul", nil, tensor.Shape{0, 4}, tensor.Shape{4, 3}, nil},
		{"Gemm", nil, tensor.Shape{3, 40}, tensor.Shape{40, 17}, tensor.Shape{17}},
		{"Gemm", flag("transB"), tensor.Shape{1, 64}, tensor.Shape{48, 64}, tensor.Shape{48}},
		{"Gemm", flag("transB"), tensor.Shape{7, 65}, tensor.Shape{47, 65}, tensor.Shape{7, 47}},
		{"Gemm", flag("transA"), tensor.Shape{40, 3}, tensor.Shape{40, 17}, nil},
	} {
		for _, half := range []tensor.DType{tensor.F16, tensor.BF16} {
			t.Run(fmt.Sprint(c.op, c.a, c.b, half), func(t *testing.T) {
				narrow, wide := tensor.Named{}, tensor.Named{}
				weights := [2]map[string]*graph.Weight{{}, {}}
				for name, shape := range map[string]tensor.Shape{"a": c.a, "b": c.b, "c": c.c} {
					if shape == nil {
						continue
					}
					h, w := tensor.New(half, shape...), tensor.New(tensor.F32, shape...)
					for i := range tensor.Of[float32](w) {
						tensor.Of[float32](w)[i] = float32(rng.NormFloat64())
					}
					kernel.Narrow(tensor.Of[uint16](h), tensor.Of[float32](w), half)
					kernel.Widen(tensor.Of[float32](w), tensor.Of[uint16](h), half)
					if name == "a" {
						narrow[name], wide[name] = h, w
						continue
					}
					for i, x := range []*tensor.Tensor{h, w} {
						weights[i][name] = &graph.Weight{Name: name, DType: x.DType(), Shape: x.Shape(), Data: x.Bytes()}
					}
				}
				in := []string{"a", "b"}
				if c.c != nil {
					in = append(in, "c")
				}
				run := func(given tensor.Named, weights map[string]*graph.Weight) *tensor.Tensor {
					v := graph.Value{Name: "a", DType: given["a"].DType(), Ranked: true}
					for _, n := range given["a"].Shape() {
						v.Dims = append(v.Dims, graph.Dim{Size: n})
					}
					p, err := native.New().Compile(&graph.Graph{Name: "m", Opsets: map[string]int64{"": 17}, Weights: weights, Inputs: []graph.Value{v},
						Nodes: []*graph.Node{{Name: "n", Op: c.op, Attrs: c.attrs, Inputs: in, Outputs: []string{"y"}}}, Outputs: []graph.Value{{Name: "y"}}}, nil)
					if err != nil {
						t.Fatal(err)
					}
					out, err := p.Run(t.Context(), given, nil)
					if err != nil {
						t.Fatal(err)
					}
					return out["y"]
				}
				got, sums := run(narrow, weights[0]), run(wide, weights[1])
				want := tensor.New(half, sums.Shape()...)
				kernel.Narrow(tensor.Of[uint16](want), tensor.Of[float32](sums), half)
				if !got.Shape().Equal(want.Shape()) || !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Errorf("%v, wanted %v", got, want)
				}
			})
		}
	}
}

// BenchmarkHalfWeights times a layer of one row with weights that come from memory, as F16 and as F32 turn by turn.
func BenchmarkHalfWeights(b *testing.B) {
	const n, k = 4096, 4096
	var programs [2]engine.Program
	var given [2]tensor.Named
	for i, d := range []tensor.DType{tensor.F16, tensor.F32} {
		w, x := tensor.New(d, n, k), tensor.New(d, 1, k)
		g := &graph.Graph{Name: "m", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{"w": {Name: "w", DType: d, Shape: w.Shape(), Data: w.Bytes()}},
			Inputs:  []graph.Value{{Name: "x", DType: d, Ranked: true, Dims: []graph.Dim{{Size: 1}, {Size: k}}}},
			Nodes:   []*graph.Node{{Name: "n", Op: "Gemm", Attrs: map[string]graph.Attr{"transB": {Kind: graph.AttrInt, Int: 1}}, Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
			Outputs: []graph.Value{{Name: "y"}}}
		p, err := native.New().Compile(g, nil)
		if err != nil {
			b.Fatal(err)
		}
		programs[i], given[i] = p, tensor.Named{"x": x}
	}
	var took [2]time.Duration
	for b.Loop() {
		for i, p := range programs {
			began := time.Now()
			if _, err := p.Run(b.Context(), given[i], nil); err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "x-float32")
}
