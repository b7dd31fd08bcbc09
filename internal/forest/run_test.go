package forest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// runAll computes all results.
func runAll(t *testing.T, f *Forest, x []float32, rows, columns int) Results {
	t.Helper()
	r := Results{LeafValues: make([]float32, rows*f.LeafColumns()), MarginSum: make([]float64, rows*f.Outputs()), LeafNode: make([]int32, rows*f.Trees())}
	if err := f.Run(context.Background(), x, rows, columns, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWalkEqualsReferenceRule(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	shapes := map[string]shapeOf{
		"stumps":       {trees: 9, depth: 1, features: 3, outputs: 1},
		"single leafs": {trees: 5, depth: 0, features: 1, outputs: 2},
		"full":         {trees: 37, depth: 6, features: 20, outputs: 3},
		"uneven":       {trees: 21, depth: 30, features: 5, outputs: 1, stop: 0.4},
		"categorical":  {trees: 18, depth: 5, features: 6, outputs: 2, categorical: 0.4, stop: 0.1},
		"vector":       {trees: 17, depth: 4, features: 6, outputs: 3, categorical: 0.1, vector: true},
		"many columns": {trees: 30, depth: 8, features: 4000, outputs: 1},
	}
	for name, s := range shapes {
		for _, wide := range []bool{false, true} {
			g := grow(rng, s)
			f, p := pack(t, g, s.outputs, wide)
			for _, rows := range []int{0, 1, 7, 8, 9, 64, 150} {
				x := values(rng, rows*s.features)
				check(t, name, g, f, p, runAll(t, f, x, rows, s.features), x, rows)
			}
		}
	}
}

// check compares every leaf, value and sum with the reference rule.
func check(t *testing.T, name string, g grown, f *Forest, p Packed, r Results, x []float32, rows int) {
	t.Helper()
	columns := 0
	if rows > 0 {
		columns = len(x) / rows
	}
	for row := range rows {
		sums := make([]float64, f.Outputs())
		column := 0
		for i := range g.trees {
			tree := &g.trees[i]
			n := reference(tree, x[row*columns:(row+1)*columns])
			if got := p.Original[r.LeafNode[row*f.Trees()+i]]; got != tree.Original[n] {
				t.Fatalf("%s: row %d tree %d ends in leaf %d, want %d", name, row, i, got, tree.Original[n])
			}
			k := len(g.infos[i].Outputs)
			for j, o := range g.infos[i].Outputs {
				want := tree.Values[int(n)*k+j]
				if got := r.LeafValues[row*f.LeafColumns()+column]; math.Float32bits(got) != math.Float32bits(want) {
					t.Fatalf("%s: row %d tree %d leaf value %d is %v, want %v", name, row, i, j, got, want)
				}
				sums[o] += float64(want)
				column++
			}
		}
		for o, want := range sums {
			if got := r.MarginSum[row*f.Outputs()+o]; got != want {
				t.Fatalf("%s: row %d sum of output %d is %v, want %v", name, row, o, got, want)
			}
		}
	}
}

func TestRowsDoNotDependOnEachOther(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	s := shapeOf{trees: 50, depth: 6, features: 10, outputs: 2, categorical: 0.1, stop: 0.1}
	f, _ := pack(t, grow(rng, s), s.outputs, false)
	const rows = 200
	x := values(rng, rows*s.features)
	all := runAll(t, f, x, rows, s.features)
	for row := range rows {
		one := runAll(t, f, x[row*s.features:(row+1)*s.features], 1, s.features)
		for o, want := range one.MarginSum {
			if got := all.MarginSum[row*2+o]; got != want {
				t.Fatalf("row %d output %d: %v in a batch, %v alone", row, o, got, want)
			}
		}
	}
}

func TestRunComputesOnlyWhatIsWantedAndEndsWithTheContext(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	s := shapeOf{trees: 10, depth: 3, features: 4, outputs: 1}
	f, _ := pack(t, grow(rng, s), 1, false)
	x := values(rng, 4*20)
	all := runAll(t, f, x, 20, 4)
	only := Results{MarginSum: make([]float64, 20)}
	for i := range only.MarginSum {
		only.MarginSum[i] = 99 // overwritten, not added to
	}
	if err := f.Run(context.Background(), x, 20, 4, only); err != nil {
		t.Fatal(err)
	}
	for i := range only.MarginSum {
		if only.MarginSum[i] != all.MarginSum[i] {
			t.Fatalf("row %d: sum %v alone, %v with the other results", i, only.MarginSum[i], all.MarginSum[i])
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Run(ctx, x, 20, 4, only); !errors.Is(err, context.Canceled) {
		t.Errorf("run under a cancelled context: %v, want context.Canceled", err)
	}
}

func TestKeysOrderLikeFloats(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	for range 200000 {
		a, b := math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32())
		if rng.IntN(4) == 0 {
			a, b = hardFloat(rng), hardFloat(rng)
		}
		if a != a || b != b {
			continue
		}
		if (a < b) != (key(a) < key(b)) || (a == b) != (key(a) == key(b)) {
			t.Fatalf("keys of %v and %v are %d and %d", a, b, key(a), key(b))
		}
		if key(a) <= keyLeft || key(a) >= keyRight {
			t.Fatalf("key of %v is %d, a missing value's", a, key(a))
		}
	}
}
