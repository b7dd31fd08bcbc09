package onnx_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	onnximport "github.com/shardwise/shardwise/splitter/onnx"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/plan"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// fromEnv is a number of the environment, or the default.
func fromEnv(t *testing.T, name string, def uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// Random graphs, cut in every kind of plan at several numbers of shards, and by regions that no plan takes, compute what they compute unsplit, as the file
// has it; bits repeat; what is not split is refused with a reason. SHARDWISE_ODD_SEED repeats a run, SHARDWISE_ODD_GRAPHS says how many graphs.
func TestOddGraphsShardedEqualUnsharded(t *testing.T) {
	seed, graphs := fromEnv(t, "SHARDWISE_ODD_SEED", rand.Uint64()), fromEnv(t, "SHARDWISE_ODD_GRAPHS", 12)
	t.Logf("seed %d", seed)
	for i := range graphs {
		t.Run(fmt.Sprint("graph=", i), func(t *testing.T) { tryOdd(t, rand.New(rand.NewPCG(seed, i))) })
	}
}

func tryOdd(t *testing.T, rng *rand.Rand) {
	o := oddGraph(rng, 14)
	defer func() {
		if t.Failed() {
			t.Logf("%d rows\n%s", o.count, graphText(o.g))
		}
	}()
	data, err := onnx.Encode(o.g)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	in := o.feed()
	p, err := native.New().Compile(o.g, nil)
	if err != nil {
		t.Fatalf("unsplit: %v", err)
	}
	want, err := p.Run(t.Context(), in, nil)
	if err != nil && o.count == 0 {
		return // a Reshape with -1 cannot say what becomes of nothing
	}
	if err != nil {
		t.Fatalf("unsplit: %v", err)
	}
	model, err := onnximport.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	m, err := model.(interface {
		Partition() (*partition.Model, error)
	}).Partition()
	var refused *layout.RefusalError
	if errors.As(err, &refused) && strings.Contains(refused.Reason, "an input of the model, too") || refused != nil && strings.Contains(refused.Reason, "no output depends on an input") {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	oddRegions(t, rng, m, in, want)
	for _, kind := range []string{"", plan.Rows} {
		p, err := plan.Prepare(m, plan.Options{Kind: kind})
		if err != nil {
			if !errors.As(err, &refused) || kind == "" {
				t.Error(err)
			}
			continue
		}
		w := plan.Wish{Shards: []int{1 + rng.IntN(8)}, MemoryMB: []int{128 << rng.IntN(7)}, Latency: time.Duration(rng.IntN(3)) * 50 * time.Millisecond, MaxCost: float64(rng.IntN(3))}
		if _, err := p.Explore(t.Context(), w); err != nil && (!errors.As(err, &refused) || refused.Reason == "" || refused.Remedy == "") {
			t.Errorf("%+v: %v", w, err)
		}
		for _, n := range []int{1, 2, 3, 4, 5, 7} {
			for _, c := range p.Candidates(n) {
				oddPlan(t, fmt.Sprintf("%d shards in a plan of the kind %q", n, c.Kind), m, c.Plan, in, want)
			}
		}
	}
}

// maxRegions is how many regions of a graph are tried alone.
const maxRegions = 8

// oddRegions cuts some regions of the graph alone, also those that no plan would take, with bounds as uneven as can be; the coordinator has the rest.
func oddRegions(t *testing.T, rng *rand.Rand, m *partition.Model, given, want tensor.Named) {
	t.Helper()
	g := sharding.New(m.Graph, m.Values)
	g.Worth = 0
	list := g.Regions()
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, r := range list[:min(len(list), maxRegions)] {
		n := 1 + rng.IntN(min(r.Units, 7))
		bounds := rng.Perm(r.Units - 1)[:n-1]
		for i := range bounds {
			bounds[i]++
		}
		slices.Sort(bounds)
		piece := program.Piece{Region: r, Bounds: append(append([]int{0}, bounds...), r.Units), Ends: map[string]sharding.End{}}
		for _, o := range r.Outputs {
			if o.End.Kind != sharding.NoEnd {
				piece.Ends[o.Value] = o.End
			}
		}
		shards := make([]int, n)
		for i := range shards {
			shards[i] = i
		}
		p := &partition.Plan{Graph: g, Shards: n, Stages: []partition.Stage{{Shards: shards, Pieces: []program.Piece{piece}}}}
		oddPlan(t, fmt.Sprintf("region %s between %v", r.Key(), piece.Bounds), m, p, given, want)
	}
}

// oddPlan holds a plan against the model unsplit.
func oddPlan(t *testing.T, what string, in *partition.Model, p *partition.Plan, given, want tensor.Named) {
	t.Helper()
	l, err := partition.Lay(in, p, layout.Options{Shards: p.Shards, Name: "model", Version: "1"})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	e := open(t, put(t, l), l.Manifest)
	inputs := tensor.Named{}
	for _, i := range l.Manifest.Signature.Inputs {
		inputs[i.Name] = given[i.Name]
	}
	got, again := e.run(inputs), e.run(inputs)
	for _, name := range slices.Sorted(keys(want)) {
		compare(t, what+": "+name, got[name], want[name], manifest.Rule{Scale: 1e-5, Abs: 1e-6})
		compare(t, what+", the second run: "+name, again[name], got[name], manifest.Rule{Exact: true})
	}
}

func keys(n tensor.Named) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range n {
			if !yield(name) {
				return
			}
		}
	}
}
