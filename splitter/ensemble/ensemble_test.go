package ensemble_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/ensemble"
)

// The cases are ensembles that scikit-learn trained and asked (tests/reference/ensemble_models.py): values within 1e-5 of the largest, labels the same.
func TestEnsemblesAnswerAsScikitLearn(t *testing.T) {
	for name, r := range references(t) {
		t.Run(name, func(t *testing.T) {
			s := serve(t, filepath.Join(r.dir, "ensemble.json"), r.Members)
			if stages := slices.DeleteFunc(slices.Clone(s.Steps), func(x manifest.Step) bool { return x.Stage == nil }); len(stages) != 1 || len(stages[0].Stage.Shards) != r.Members {
				t.Errorf("%d rounds, wanted one over %d shards", len(stages), r.Members)
			}
			got, want := s.ask(t, r.arrays(t, r.Inputs)), r.arrays(t, r.Outputs)
			for output, w := range want {
				near(t, output, got[output], w)
			}
			if len(got) != len(want) {
				t.Errorf("the outputs are %v, wanted %v", got.Names(), want.Names())
			}
		})
	}
}

func near(t *testing.T, name string, got, want *tensor.Tensor) {
	t.Helper()
	if got == nil || got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) || want.Len() == 0 {
		t.Fatalf("%s is %v, wanted %v", name, got, want)
	}
	if !want.DType().Float() {
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s is %v, wanted %v", name, tensor.Of[int64](got), tensor.Of[int64](want))
		}
		return
	}
	scale := 0.0
	for _, v := range tensor.Of[float32](want) {
		scale = max(scale, math.Abs(float64(v)))
	}
	for i, v := range tensor.Of[float32](want) {
		if d := math.Abs(float64(v) - float64(tensor.Of[float32](got)[i])); !(d <= 1e-5*scale) {
			t.Fatalf("%s: element %d is %v, wanted %v", name, i, tensor.Of[float32](got)[i], v)
		}
	}
}

// trial is a random ensemble with what it should answer, computed from the members' own answers by plain loops.
type trial struct {
	path    string
	graphs  []*graph.Graph
	final   *graph.Graph
	d       ensemble.Description
	in, out int
}

func newTrial(t *testing.T, rng *rand.Rand, combine string) *trial {
	t.Helper()
	dir, n := t.TempDir(), 1+rng.IntN(4)
	x := &trial{in: 1 + rng.IntN(9), out: 2 + rng.IntN(4), d: ensemble.Description{Format: ensemble.Format, Combine: combine, Members: members(n)}}
	opset := []int64{13, 17, 18}
	for i := range n {
		l := layer{input: []string{"x", "features", "in"}[rng.IntN(3)], output: fmt.Sprint("y", rng.IntN(2)), in: x.in, out: x.out, op: []string{"", "Tanh", "Softmax"}[rng.IntN(3)], opset: opset[rng.IntN(3)]}
		x.graphs = append(x.graphs, l.graph(rng))
		save(t, filepath.Join(dir, x.d.Members[i].Model), x.graphs[i])
		if combine == ensemble.WeightedMean || combine == ensemble.Vote {
			w := 0.25 + rng.Float64()
			x.d.Members[i].Weight = &w
		}
	}
	if combine == ensemble.Stack {
		x.d.Passthrough = rng.IntN(2) == 0
		width := n * x.out
		if x.d.Passthrough {
			width += x.in
		}
		x.final = layer{input: "stacked", output: "score", in: width, out: 2, op: "Tanh", opset: opset[rng.IntN(3)]}.graph(rng)
		x.d.Final = &ensemble.Final{Model: "final.onnx"}
		save(t, filepath.Join(dir, "final.onnx"), x.final)
	}
	if combine == ensemble.Vote && rng.IntN(2) == 0 {
		for i := range x.out {
			x.d.Labels = append(x.d.Labels, int64(100-7*i))
		}
	}
	x.path = describe(t, dir, x.d)
	return x
}

func run(t *testing.T, g *graph.Graph, in *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	p, err := native.New().Compile(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(t.Context(), tensor.Named{g.Inputs[0].Name: in}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out[g.Outputs[0].Name]
}

// want is what the ensemble should answer.
func (x *trial) want(t *testing.T, in *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	rows := in.Dim(0)
	answers := make([][]float32, len(x.graphs))
	for i, g := range x.graphs {
		answers[i] = tensor.Of[float32](run(t, g, in))
	}
	weight := func(i int) float64 {
		if w := x.d.Members[i].Weight; w != nil {
			return *w
		}
		return 1
	}
	switch x.d.Combine {
	case ensemble.Vote:
		return x.votes(answers, rows, weight)
	case ensemble.Stack:
		var stacked []float32
		for r := range rows {
			for _, a := range answers {
				stacked = append(stacked, a[r*x.out:(r+1)*x.out]...)
			}
			if x.d.Passthrough {
				stacked = append(stacked, tensor.Of[float32](in)[r*x.in:(r+1)*x.in]...)
			}
		}
		s, err := tensor.FromSlice(tensor.F32, stacked, rows, x.final.Inputs[0].Dims[1].Size)
		if err != nil {
			t.Fatal(err)
		}
		return run(t, x.final, s)
	}
	out := tensor.New(tensor.F32, rows, x.out)
	for e := range tensor.Of[float32](out) {
		sum, total := 0.0, 0.0
		for i, a := range answers {
			term := float64(a[e])
			if x.d.Combine == ensemble.WeightedMean {
				term *= weight(i)
			}
			if total += weight(i); i == 0 {
				sum = term
			} else {
				sum += term
			}
		}
		tensor.Of[float32](out)[e] = float32(sum / total)
	}
	return out
}

func (x *trial) votes(answers [][]float32, rows int, weight func(int) float64) *tensor.Tensor {
	out := tensor.New(tensor.I64, rows)
	for r := range rows {
		counts := make([]float64, x.out)
		for i, a := range answers {
			row := a[r*x.out : (r+1)*x.out]
			counts[slices.Index(row, slices.Max(row))] += weight(i)
		}
		winner := slices.Index(counts, slices.Max(counts))
		tensor.Of[int64](out)[r] = int64(winner)
		if x.d.Labels != nil {
			tensor.Of[int64](out)[r] = x.d.Labels[winner]
		}
	}
	return out
}

// Whatever the members are called inside, whichever version of the operators they have, and in whatever order they answer, the ensemble has the bits of plain
// loops over the members' own answers.
func TestRandomEnsemblesHaveTheBitsOfPlainLoops(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, combine := range []string{ensemble.Mean, ensemble.WeightedMean, ensemble.Vote, ensemble.Stack} {
		for range 4 {
			x := newTrial(t, rng, combine)
			s := serve(t, x.path, len(x.graphs))
			name := s.Signature.Inputs[0].Name
			if first := x.graphs[0].Inputs[0].Name; name != first {
				t.Fatalf("the input is %q, wanted the first member's name %q", name, first)
			}
			for _, rows := range []int{0, 1, 2 + rng.IntN(30)} {
				in := tensor.New(tensor.F32, rows, x.in)
				for i := range tensor.Of[float32](in) {
					tensor.Of[float32](in)[i] = float32(rng.NormFloat64())
				}
				s.cluster.Arrive(rng.Perm(len(x.graphs))...)
				want, got := x.want(t, in), s.ask(t, tensor.Named{name: in})[s.Signature.Outputs[0].Name]
				if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) || !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Fatalf("%s of %d members, %d rows: %v differs from %v", combine, len(x.graphs), rows, got, want)
				}
			}
		}
	}
}
