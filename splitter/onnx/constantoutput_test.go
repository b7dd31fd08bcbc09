package onnx_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// A weight that is an output of the model, too, is cut as it would be otherwise.
func TestAConstantThatIsAnOutputIsStillAWeight(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := layers()
	g.Weights["w0"], g.Weights["w1"] = weightOf("w0", normal(rng, 4, 6)), weightOf("w1", normal(rng, 6, 3))
	g.Outputs = append(g.Outputs, graph.Value{Name: "w0", DType: tensor.F32})
	w0 := g.Weights["w0"].Data
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, data)
	for _, n := range []int{1, 2, 3} {
		dir, m, err := trySplit(t, path, layout.Options{Shards: n})
		if err != nil {
			t.Fatal(err)
		}
		in := tensor.Named{"x": normal(rng, 5, 4)}
		got := open(t, dir, m).run(in)
		compare(t, "y", got["y"], reference(t, dir, m, in)["y"], manifest.Rule{Scale: 1e-5})
		if !bytes.Equal(got["w0"].Bytes(), w0) {
			t.Errorf("%d shards: w0 is %v", n, got["w0"])
		}
		if !slices.ContainsFunc(m.Steps, func(s manifest.Step) bool { return s.Stage != nil && len(s.Stage.Shards) == n }) {
			t.Errorf("no step is cut over %d shards", n)
		}
	}
}
