package ensemble

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

// stump is one test and two leaves.
func stump() Lists {
	return Lists{TreeIDs: []int64{0, 0, 0}, NodeIDs: []int64{0, 1, 2}, Features: []int64{1, 0, 0}, True: []int64{1, 0, 0}, False: []int64{2, 0, 0},
		Values: []float64{0.5, 0, 0}, Modes: []string{"BRANCH_LEQ", "LEAF", "LEAF"}, WeightTrees: []int64{0, 0}, WeightNodes: []int64{1, 2},
		WeightTargets: []int64{0, 0}, Weights: []float64{1, 2}, Targets: 1}
}

func TestReadRefusesWhatIsNoForest(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *Lists)
		reason string
	}{
		"a circle":             {func(l *Lists) { l.True[0] = 0 }, "two branches lead to node 0"},
		"a shared leaf":        {func(l *Lists) { l.True[0] = 2 }, "two branches lead to node 2"},
		"a dangling branch":    {func(l *Lists) { l.False[0] = 9 }, "leads to nodes 1 and 9"},
		"a node twice":         {func(l *Lists) { l.NodeIDs[2] = 1 }, "has node 1 twice"},
		"an unknown mode":      {func(l *Lists) { l.Modes[0] = "BRANCH_MAYBE" }, `the mode "BRANCH_MAYBE"`},
		"a negative feature":   {func(l *Lists) { l.Features[0] = -1 }, "tests feature -1"},
		"a weight of no node":  {func(l *Lists) { l.WeightNodes[1] = 7 }, "node 7 of tree 0, which does not exist"},
		"a target too many":    {func(l *Lists) { l.WeightTargets[1] = 1 }, "adds to 1 of 1"},
		"a weight that is NaN": {func(l *Lists) { l.Weights[1] = math.NaN() }, "weight 1 is NaN"},
		"lists of two lengths": {func(l *Lists) { l.Values = l.Values[:2] }, "2 nodes_values beside 3 tree ids"},
		"no tree":              {func(l *Lists) { *l = Lists{Targets: 1} }, "no tree"},
		"no target": {func(l *Lists) {
			l.Targets, l.WeightTrees, l.WeightNodes, l.WeightTargets, l.Weights = 0, nil, nil, nil, nil
		}, "0 targets"},
	} {
		l := stump()
		c.change(&l)
		if _, err := Read(l); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, wanted an error with %q", name, err, c.reason)
		}
	}
}

// member is a node that tests membership in {1, 3}, with leaves of 10 and 20.
func member() Tensors {
	return Tensors{Roots: []int64{0}, Features: []int64{0}, True: []int64{0}, TrueLeaf: []int64{1}, False: []int64{1}, FalseLeaf: []int64{1},
		Modes: []uint8{6}, Values: []float64{0}, Sets: []float64{1, 3, math.NaN()}, LeafTargets: []int64{0, 0}, LeafWeights: []float64{10, 20}, Targets: 1}
}

func TestReadTensorsRefusesWhatIsNoForest(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *Tensors)
		reason string
	}{
		"a set without an end": {func(t *Tensors) { t.Sets = t.Sets[:2] }, "no end"},
		"values left over":     {func(t *Tensors) { t.Sets = append(t.Sets, 1) }, "1 membership values more"},
		"a leaf too many":      {func(t *Tensors) { t.True[0] = 2 }, "leaf 2 of 2"},
		"a circle":             {func(t *Tensors) { t.TrueLeaf[0] = 0 }, "two branches lead to node 0"},
		"a mode too many":      {func(t *Tensors) { t.Modes[0] = 7 }, "mode 7"},
		"a root too many":      {func(t *Tensors) { t.Roots[0] = 1 }, "node 1 of 1"},
	} {
		in := member()
		c.change(&in)
		if _, err := ReadTensors(in); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, wanted an error with %q", name, err, c.reason)
		}
	}
}

// scores are those of all rows.
func scores(t *testing.T, e *Ensemble, x *tensor.Tensor) []float64 {
	t.Helper()
	var out []float64
	if err := e.Score(context.Background(), x, func(_ int, s []float64) { out = append(out, s...) }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMembershipAndMissingValues(t *testing.T) {
	x, err := tensor.FromSlice(tensor.F32, []float32{1, 2, 3, float32(math.NaN())}, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	for missing, last := range map[int64]float64{0: 20, 1: 10} {
		in := member()
		in.Missing = []int64{missing}
		e, err := ReadTensors(in)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{10, 20, 10, last} {
			if got := scores(t, e, x)[i]; got != want {
				t.Errorf("missing values track true %d: row %d is %v, want %v", missing, i, got, want)
			}
		}
	}
}

// random is an ensemble of comparisons by size, with thresholds that rows hit.
func random(rng *rand.Rand, trees, columns, targets int) Lists {
	var l Lists
	l.Targets = targets
	modes := []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"}
	for tree := range int64(trees) {
		const nodes = 63
		for n := range int64(nodes) {
			mode := "LEAF"
			if n < nodes/2 {
				mode = modes[rng.IntN(len(modes))]
			} else {
				l.WeightTrees, l.WeightNodes = append(l.WeightTrees, tree), append(l.WeightNodes, n)
				l.WeightTargets, l.Weights = append(l.WeightTargets, rng.Int64N(int64(targets))), append(l.Weights, rng.NormFloat64())
			}
			l.TreeIDs, l.NodeIDs, l.Features = append(l.TreeIDs, tree), append(l.NodeIDs, n), append(l.Features, rng.Int64N(int64(columns)))
			l.Modes, l.Values, l.Missing = append(l.Modes, mode), append(l.Values, float64(rng.IntN(5)-2)/2), append(l.Missing, rng.Int64N(2))
			l.True, l.False = append(l.True, 2*n+1), append(l.False, 2*n+2)
		}
	}
	return l
}

// The packed walk and the plain one go to the same leaves, whatever the fold and the number of rows.
func TestThePackedWalkEqualsThePlainOne(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	const rows, columns = 300, 6
	values := make([]float32, rows*columns)
	for i := range values {
		values[i] = []float32{-1, -0.5, float32(math.Copysign(0, -1)), 0, 0.5, 1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(rng.NormFloat64())}[rng.IntN(10)]
	}
	x, err := tensor.FromSlice(tensor.F32, values, rows, columns)
	if err != nil {
		t.Fatal(err)
	}
	for fold := Sum; fold <= Max; fold++ {
		l := random(rng, 12, columns, 3)
		l.Fold = fold
		packed, err := Read(l)
		if err != nil {
			t.Fatal(err)
		}
		if packed.packed == nil {
			t.Fatal("an ensemble of comparisons was not packed")
		}
		plain := *packed
		plain.packed = nil
		got, want := scores(t, packed, x), scores(t, &plain, x)
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				t.Fatalf("fold %d: score %d is %v, want %v", fold, i, got[i], want[i])
			}
		}
		one, err := x.Rows(7, 8)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range scores(t, packed, one) {
			if math.Float64bits(v) != math.Float64bits(got[7*3+k]) {
				t.Errorf("fold %d: a row alone has the score %v, among others %v", fold, v, got[7*3+k])
			}
		}
	}
}

// What cannot be told by x < threshold of an F32 takes the plain walk, and is right there.
func TestTestsThatDoNotPack(t *testing.T) {
	x, err := tensor.FromSlice(tensor.F32, []float32{0, float32(math.Inf(1)), 0, float32(math.Nextafter(0.1, 1))}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		mode  string
		value float64
		want  [2]float64
	}{
		"infinite":       {"BRANCH_LEQ", math.Inf(1), [2]float64{1, 1}},
		"finer than F32": {"BRANCH_LT", float64(float32(0.1)) + 1e-12, [2]float64{2, 1}},
		"equal":          {"BRANCH_EQ", float64(float32(0.1)), [2]float64{2, 1}},
		"not equal":      {"BRANCH_NEQ", float64(float32(0.1)), [2]float64{1, 2}},
	} {
		l := stump()
		l.Modes[0], l.Values[0] = c.mode, c.value
		e, err := Read(l)
		if err != nil {
			t.Fatal(err)
		}
		if e.packed != nil {
			t.Errorf("%s: it was packed", name)
		}
		if got := scores(t, e, x); got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// FuzzRead reads lists made of bytes: every ensemble that is accepted has walks that end.
func FuzzRead(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 2, 0, 0, 1, 0, 0, 0, 6, 0, 2, 0, 0, 0, 6}, []byte{0, 1, 0, 5, 0, 2, 0, 6})
	f.Fuzz(func(t *testing.T, nodes, leaves []byte) {
		modes := []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "LEAF"}
		l := Lists{Targets: 2}
		for ; len(nodes) >= 6; nodes = nodes[6:] {
			l.TreeIDs, l.NodeIDs, l.Features = append(l.TreeIDs, int64(nodes[0]%4)), append(l.NodeIDs, int64(nodes[1])), append(l.Features, int64(int8(nodes[2])))
			l.True, l.False = append(l.True, int64(nodes[3])), append(l.False, int64(nodes[4]))
			l.Values, l.Modes = append(l.Values, float64(nodes[2])), append(l.Modes, modes[int(nodes[5])%len(modes)])
		}
		for ; len(leaves) >= 4; leaves = leaves[4:] {
			l.WeightTrees, l.WeightNodes = append(l.WeightTrees, int64(leaves[0]%4)), append(l.WeightNodes, int64(leaves[1]))
			l.WeightTargets, l.Weights = append(l.WeightTargets, int64(int8(leaves[2]))), append(l.Weights, float64(leaves[3]))
		}
		e, err := Read(l)
		if err != nil {
			return
		}
		if err := e.Score(t.Context(), tensor.New(tensor.F32, 3, max(e.features, 1)), func(int, []float64) {}); err != nil {
			t.Error(err)
		}
	})
}
