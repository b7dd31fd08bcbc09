package local_test

import (
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
	"github.com/shardwise/shardwise/splitter/plan"
	"github.com/shardwise/shardwise/splitter/recommender"
)

const smallRecommender = `{"format": "shardwise-recommender/1", "name": "small", "tables": [
	{"name": "users", "rows": 9001, "dim": 16, "pooling": 5}, {"name": "items", "rows": 2500, "dim": 16, "pooling": 3, "mode": "mean"},
	{"name": "places", "rows": 700, "dim": 16}, {"name": "days", "rows": 7, "dim": 16}],
	"dense": {"features": 13, "bottom": [32, 16]}, "interaction": {"kind": "dot"}, "top": [24, 1]}`

// requestFor makes random features, and ids of rows that the tables have.
func requestFor(g *graph.Graph, rng *rand.Rand, rows int) tensor.Named {
	in := tensor.Named{}
	for _, v := range g.Inputs {
		shape := tensor.Shape{rows}
		for _, n := range v.Dims[1:] {
			shape = append(shape, n.Size)
		}
		x := tensor.New(v.DType, shape...)
		for i := range x.Len() {
			if v.DType == tensor.F32 {
				tensor.Of[float32](x)[i] = float32(rng.NormFloat64())
			} else {
				tensor.Of[int64](x)[i] = rng.Int64N(int64(g.Weights[v.Name[:len(v.Name)-len("_ids")]+".weight"].Shape[0]))
			}
		}
		in[v.Name] = x
	}
	return in
}

// A recommender whose largest table is on several shards and whose others are whole on one each answers as the unsharded graph does.
func TestTablesOnUnevenShardsAnswerAsTheWholeModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	d, err := recommender.Parse([]byte(smallRecommender))
	if err != nil {
		t.Fatal(err)
	}
	g, _ := d.Build()
	for _, w := range g.Weights {
		if w.Data == nil {
			x := tensor.New(w.DType, w.Shape...)
			for i := range tensor.Of[float32](x) {
				tensor.Of[float32](x)[i] = float32(rng.NormFloat64()) / 4
			}
			w.Data, w.Location, w.Length = x.Bytes(), "", 0
		}
	}
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "small.onnx")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	const rows = 9
	in := requestFor(g, rng, rows)
	whole, err := native.New().Compile(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := whole.Run(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{plan.TablesByRows, plan.TablesByColumns} {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "parts")
			m, err := splitter.Split(t.Context(), file, dir, layout.Options{Shards: 4, Plan: kind}, nil)
			if err != nil {
				t.Fatal(err)
			}
			some := false
			for _, s := range m.Steps {
				if s.Stage != nil {
					some = some || slices.ContainsFunc(s.Stage.Outputs, func(o manifest.StageOutput) bool { return len(o.From) > 0 && len(o.From) < 4 })
				}
			}
			if !some {
				t.Error("every value comes from every shard")
			}
			got, err := start(t, load(t, dir)).Predict(t.Context(), in, local.Request{})
			if err != nil {
				t.Fatal(err)
			}
			a, b := tensor.Of[float32](want["score"]), tensor.Of[float32](got.Outputs["score"])
			if len(a) != rows || len(b) != rows {
				t.Fatalf("%d scores, wanted %d", len(b), len(a))
			}
			for i := range a {
				if math.Abs(float64(a[i]-b[i])) > 1e-5 {
					t.Errorf("row %d: %v, wanted %v", i, b[i], a[i])
				}
			}
		})
	}
}
