package forest

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDamagedTablesAreRefusedOrHarmless(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	refused := 0
	for _, s := range []shapeOf{{trees: 4, depth: 3, features: 3, outputs: 2, categorical: 0.3}, {trees: 3, depth: 3, features: 3, outputs: 2, vector: true}} {
		g := grow(rng, s)
		plan, err := NewPlan(g.infos, func(f int) int { return f })
		if err != nil {
			t.Fatal(err)
		}
		for range 3000 {
			if damage(t, rng, g, plan, s) {
				refused++
			}
		}
	}
	if refused < 1000 {
		t.Errorf("only %d of 6000 damaged tables were refused", refused)
	}
}

// damage packs the trees, changes one entry of one table, and opens and walks the result. It reports whether it was refused.
func damage(t *testing.T, rng *rand.Rand, g grown, plan *Plan, s shapeOf) bool {
	t.Helper()
	packer := plan.NewPacker()
	var p Packed
	for i := range g.trees {
		if err := packer.Pack(&g.trees[i], &p); err != nil {
			t.Fatal(err)
		}
	}
	tab := tables(plan, p, s.outputs)
	tab.Slots, tab.Starts = append([]uint32(nil), tab.Slots...), append([]int64(nil), tab.Starts...)
	tab.First, tab.Columns = append([]int32(nil), tab.First...), append([]int32(nil), tab.Columns...)
	bit := rng.IntN(64)
	switch rng.IntN(7) {
	case 0:
		tab.Slots[rng.IntN(len(tab.Slots))] ^= 1 << (bit % 32)
	case 1:
		tab.Starts[rng.IntN(len(tab.Starts))] ^= 1 << bit
	case 2:
		tab.First[rng.IntN(len(tab.First))] ^= 1 << (bit % 32)
	case 3:
		tab.Columns[rng.IntN(len(tab.Columns))] ^= 1 << (bit % 32)
	case 4:
		tab.Values = tab.Values[:len(tab.Values)/2]
	case 5:
		if n := len(tab.Categories); n > 0 {
			tab.Categories[rng.IntN(n)] ^= 1 << (bit % 32)
		}
	default:
		tab.Nodes[rng.IntN(len(tab.Nodes))] ^= 1 << bit
	}
	return tryTables(t, tab)
}

// tryTables opens tables and, when that succeeds, walks them. It reports whether they were refused.
func tryTables(t *testing.T, tab Tables) bool {
	t.Helper()
	f, err := OpenPacked(tab)
	if err != nil {
		var packed *PackedError
		if !errors.As(err, &packed) {
			t.Fatalf("error %v is not a *PackedError", err)
		}
		return true
	}
	if f.Features() > 1<<16 {
		return false // sound, but the row would be large
	}
	x := make([]float32, 9*max(f.Features(), 1))
	r := Results{LeafValues: make([]float32, 9*f.LeafColumns()), MarginSum: make([]float64, 9*f.Outputs()), LeafNode: make([]int32, 9*f.Trees())}
	if err := f.Run(context.Background(), x, 9, max(f.Features(), 1), r); err != nil {
		t.Fatal(err)
	}
	return false
}

func TestStartsThatOverflowAreRefused(t *testing.T) {
	tab := Tables{Wide: true, Nodes: []uint64{0, 0}, Slots: []uint32{leafEntry}, Starts: []int64{0, math.MaxInt64, math.MinInt64, -1, 1},
		First: []int32{0, 1, 2, 3, 4}, Columns: make([]int32, 4), Outputs: 1}
	if !tryTables(t, tab) {
		t.Error("offsets that wrap around were accepted")
	}
}

func FuzzOpenPacked(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := shapeOf{trees: 1, depth: 3, features: 3, outputs: 1, categorical: 0.3}
	_, p := pack(f, grow(rng, s), 1, false)
	seed := func(wide bool, slots uint8, nodes []uint64) {
		var b []byte
		for _, n := range nodes {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		f.Add(wide, slots, b)
	}
	seed(false, 12, p.Nodes)
	seed(true, 12, p.Nodes)
	seed(false, 1, nil)
	seed(false, 2, []uint64{narrowNode(0, 1, 0)})
	seed(true, 2, []uint64{0, 1 << 32})
	f.Fuzz(func(t *testing.T, wide bool, slots uint8, raw []byte) {
		tab := Tables{Wide: wide, Slots: []uint32{leafEntry}, First: []int32{0, 1}, Columns: []int32{0}, Categories: []uint32{1, 5, 0}, Outputs: 1}
		for i := range slots {
			tab.Slots = append(tab.Slots, uint32(NewTest(int32(i), i >= slots/2, i%2 == 0)))
		}
		for ; len(raw) >= 8; raw = raw[8:] {
			tab.Nodes = append(tab.Nodes, binary.LittleEndian.Uint64(raw))
		}
		n := int64(len(tab.Nodes))
		if wide {
			n /= 2
		}
		tab.Starts = []int64{0, n}
		tryTables(t, tab)
	})
}

func TestPackRefusesATreeThatThePlanDoesNotKnow(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	g := grow(rng, shapeOf{trees: 2, depth: 3, features: 3, outputs: 1})
	plan, err := NewPlan(g.infos[:1], func(f int) int { return f })
	if err != nil {
		t.Fatal(err)
	}
	var p Packed
	packer := plan.NewPacker()
	small := grow(rng, shapeOf{trees: 1, depth: 1, features: 3, outputs: 1})
	if err := packer.Pack(&small.trees[0], &p); err == nil {
		t.Error("a tree of another size was packed")
	}
	other := g.trees[0]
	other.Feature = append([]int32(nil), other.Feature...)
	for i := range other.Feature {
		other.Feature[i] += 50
	}
	if err := plan.NewPacker().Pack(&other, &p); err == nil {
		t.Error("a tree that tests other features was packed")
	}
	p.Reset()
	if err := packer.Pack(&g.trees[0], &p); err != nil {
		t.Fatal(err)
	}
	if err := packer.Pack(&g.trees[1], &p); err == nil {
		t.Error("a second tree was packed by a plan of one")
	}
}
