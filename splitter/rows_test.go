package splitter_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// seeded prints the seed of a random test.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// served is a split model whose shards run in this process.
type served struct {
	*manifest.Manifest
	cluster *shardtest.Cluster
	c       *coordinator.Coordinator
}

func serve(t *testing.T, model string, o layout.Options) *served {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	m, err := splitter.Split(t.Context(), model, dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{Manifest: m, cluster: shardtest.New(t, dir)}
	if s.c, err = coordinator.Open(dir, coordinator.Options{Invoker: s.cluster}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.c.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask predicts all outputs.
func (s *served) ask(t *testing.T, in tensor.Named) coordinator.Result {
	t.Helper()
	var names []string
	for _, o := range s.Signature.Outputs {
		names = append(names, o.Name)
	}
	r, err := s.c.Run(t.Context(), coordinator.Request{Inputs: in, Outputs: names})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sameBits(t *testing.T, what string, got, want tensor.Named) {
	t.Helper()
	for name, w := range want {
		g := got[name]
		if g == nil || g.DType() != w.DType() || !g.Shape().Equal(w.Shape()) || !bytes.Equal(g.Bytes(), w.Bytes()) {
			t.Fatalf("%s: %s is %v and differs from %v", what, name, g, w)
		}
	}
}

// features are random rows, with missing values where they are legal and codes where columns are categories.
func features(rng *rand.Rand, in *manifest.Input, rows int) tensor.Named {
	width := in.Shape[1].Size
	x := tensor.New(tensor.F32, rows, width)
	v := tensor.Of[float32](x)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * 20)
		if len(in.Features) > 0 && in.Features[i%width].Kind == "categorical" {
			v[i] = float32(rng.IntN(2))
		}
		if in.Missing && rng.IntN(8) == 0 {
			v[i] = float32(math.NaN())
		}
	}
	return tensor.Named{in.Name: x}
}

// However many shards share out the rows, in whatever order they answer and whatever has to be repeated, every row has the bits that it has in one shard.
func TestRowsHaveTheSameBitsOnWhicheverShard(t *testing.T) {
	rng := seeded(t)
	for _, example := range []string{"digits-mlp/model.onnx", "diabetes-xgboost/model.ubj", "digits-xgboost/model.json", "vote-xgboost/model.json"} {
		path := filepath.Join("..", "examples", example)
		one := serve(t, path, layout.Options{Shards: 1})
		for _, n := range []int{2, 2 + rng.IntN(6)} {
			s := serve(t, path, layout.Options{Shards: n, Plan: "rows"})
			for _, rows := range []int{0, 1, n - 1, n, n + 1, 1 + rng.IntN(60)} {
				in := features(rng, &one.Signature.Inputs[0], rows)
				want := one.ask(t, in).Outputs
				s.cluster.Arrive()
				if rows >= n {
					s.cluster.Arrive(rng.Perm(n)...)
				}
				before := len(s.cluster.Calls())
				sameBits(t, example, s.ask(t, in).Outputs, want)
				s.checkShares(t, rows, s.cluster.Calls()[before:])
				s.cluster.Arrive()
				s.cluster.Fail(rng.IntN(manifest.RowShards(rows, n)), shard.Throttled)
				sameBits(t, example, s.ask(t, in).Outputs, want)
			}
		}
	}
}

// checkShares looks at who was asked for what: every shard with a share once, no other.
func (s *served) checkShares(t *testing.T, rows int, calls []shardtest.Call) {
	t.Helper()
	n := len(s.Shards)
	if len(calls) != manifest.RowShards(rows, n) {
		t.Fatalf("%d rows over %d shards took %d calls", rows, n, len(calls))
	}
	slices.SortFunc(calls, func(a, b shardtest.Call) int { return a.Shard - b.Shard })
	for i, c := range calls {
		if c.Shard != i || c.Row != 0 {
			t.Fatalf("%d rows over %d shards: call %d is %+v", rows, n, i, c)
		}
	}
}

// wide is a graph of few operations and rows of so many numbers, with a second input that has no rows.
func wide(t *testing.T, columns int) string {
	t.Helper()
	value := func(name string, first graph.Dim) graph.Value {
		return graph.Value{Name: name, DType: tensor.F32, Ranked: true, Dims: []graph.Dim{first, {Size: columns}}}
	}
	rows := graph.Dim{Size: -1, Symbol: "n"}
	data, err := onnx.Encode(&graph.Graph{Name: "wide", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{},
		Inputs: []graph.Value{value("x", rows), value("bias", graph.Dim{Size: 1})}, Outputs: []graph.Value{value("y", rows)},
		Nodes: []*graph.Node{{Name: "add", Op: "Add", Inputs: []string{"x", "bias"}, Outputs: []string{"sum"}}, {Name: "relu", Op: "Relu", Inputs: []string{"sum"}, Outputs: []string{"y"}}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "wide.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A block has as many rows as its shards' messages take together.
func TestBlocksOfSharedRowsFitIntoMessages(t *testing.T) {
	rng := seeded(t)
	const columns, rows, n = 100_000, 37, 3
	s := serve(t, wide(t, columns), layout.Options{Shards: n, Plan: "rows"})
	in := tensor.Named{"x": tensor.New(tensor.F32, rows, columns), "bias": tensor.New(tensor.F32, 1, columns)}
	for _, x := range in {
		for i := range tensor.Of[float32](x) {
			tensor.Of[float32](x)[i] = float32(rng.NormFloat64())
		}
	}
	got := s.ask(t, in)
	for i, y := range tensor.Of[float32](got.Outputs["y"]) {
		if want := max(tensor.Of[float32](in["x"])[i]+tensor.Of[float32](in["bias"])[i%columns], 0); y != want {
			t.Fatalf("element %d is %v, wanted %v", i, y, want)
		}
	}
	// A row takes 400 kB each way, of which 16 MiB hold 20; a message of 4.7 MB holds 10 beside the bias, and so three shards' take 20 together.
	if got.Report.BlockRows != 20 || got.Report.Blocks != 2 || len(got.Report.Attempts) != 2*n {
		t.Errorf("%d blocks of at most %d rows in %d calls", got.Report.Blocks, got.Report.BlockRows, len(got.Report.Attempts))
	}
	for _, a := range got.Report.Attempts {
		if a.RequestBytes > 6_291_456 || a.ReplyBytes > 6_291_556 {
			t.Errorf("shard %d: %d bytes there, %d back", a.Shard, a.RequestBytes, a.ReplyBytes)
		}
	}
}

func TestPlansByRowsAreRefusedWhereThereAreNone(t *testing.T) {
	examples := filepath.Join("..", "examples")
	fixed := filepath.Join("..", "internal", "local", "testdata", "total.onnx")
	for name, c := range map[string]struct {
		model string
		o     layout.Options
		want  string
	}{
		"one shard":           {filepath.Join(examples, "digits-mlp", "model.onnx"), layout.Options{Shards: 1, Plan: "rows"}, "2 or more"},
		"mixed rows":          {fixed, layout.Options{Shards: 2, Plan: "rows"}, "do not stand for themselves"},
		"a small memory":      {filepath.Join(examples, "digits-mlp", "model.onnx"), layout.Options{MemoryMB: 50, Plan: "rows"}, "50 MB"},
		"trees by columns":    {filepath.Join(examples, "digits-xgboost", "model.json"), layout.Options{Shards: 2, Plan: "tensor"}, "ranges of trees"},
		"trees in one shard":  {filepath.Join(examples, "digits-xgboost", "model.json"), layout.Options{Shards: 1, Plan: "rows"}, "2 or more"},
		"trees, small memory": {filepath.Join(examples, "digits-xgboost", "model.json"), layout.Options{MemoryMB: 40, Plan: "rows"}, "40 MB"},
	} {
		_, err := splitter.Split(t.Context(), c.model, filepath.Join(t.TempDir(), "parts"), c.o, nil)
		if _, ok := errors.AsType[*layout.RefusalError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, wanted a refusal with %q", name, err, c.want)
		}
	}
}
