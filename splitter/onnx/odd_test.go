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

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/plan"
)

// Random graphs, cut in every kind of plan at several numbers of shards, compute what they compute unsplit, as the file has it; bits repeat; what is not
// split is refused with a reason.
func TestOddGraphsShardedEqualUnsharded(t *testing.T) {
	seed, trials := rand.Uint64(), 12
	if s := os.Getenv("ODD_SEED"); s != "" {
		v, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed, trials = v, 1
	}
	if s := os.Getenv("ODD_TRIALS"); s != "" {
		trials, _ = strconv.Atoi(s)
	}
	t.Logf("seed %d", seed)
	for i := range trials {
		t.Run(fmt.Sprint("graph=", i), func(t *testing.T) { tryOdd(t, rand.New(rand.NewPCG(seed, uint64(i)))) })
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
	if err != nil {
		t.Fatalf("unsplit: %v", err)
	}
	for _, kind := range append([]string{""}, plan.Kinds()...) {
		for _, n := range []int{1, 2, 3, 4, 5, 7} {
			oddSplit(t, path, layout.Options{Shards: n, Plan: kind}, in, want)
		}
	}
}

func oddSplit(t *testing.T, path string, o layout.Options, in, want tensor.Named) {
	t.Helper()
	what := fmt.Sprintf("%d shards in a plan of the kind %q", o.Shards, o.Plan)
	dir, m, err := trySplit(t, path, o)
	var refused *layout.RefusalError
	if errors.As(err, &refused) && refused.Reason != "" && refused.Remedy != "" && (o.Plan != "" || o.Shards > 1 || strings.Contains(err.Error(), "an input of the model, too")) {
		return
	}
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	e := open(t, dir, m)
	given := tensor.Named{}
	for _, i := range m.Signature.Inputs {
		given[i.Name] = in[i.Name]
	}
	got := e.run(given)
	again := e.run(given)
	for _, name := range slices.Sorted(keys(want)) {
		compare(t, what+": "+name, got[name], want[name], manifest.Rule{Scale: 1e-5})
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
