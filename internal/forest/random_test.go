package forest

import (
	"math"
	"math/rand/v2"
	"testing"
)

// grown is a random ensemble with its trees in memory.
type grown struct {
	infos []TreeInfo
	trees []Tree
}

// shapeOf says what random trees look like.
type shapeOf struct {
	trees, depth, features, outputs int
	categorical                     float64 // share of inner nodes
	stop                            float64 // chance that a node above the depth is a leaf
	vector                          bool
}

func grow(rng *rand.Rand, s shapeOf) grown {
	var g grown
	for i := range s.trees {
		t, info := growTree(rng, s, i)
		g.trees, g.infos = append(g.trees, t), append(g.infos, info)
	}
	return g
}

func growTree(rng *rand.Rand, s shapeOf, index int) (Tree, TreeInfo) {
	var t Tree
	info := TreeInfo{Outputs: []int{index % s.outputs}}
	if s.vector {
		info.Outputs = nil
		for k := range s.outputs {
			info.Outputs = append(info.Outputs, k)
		}
	}
	tests := map[Test]bool{}
	var add func(depth int) int32
	add = func(depth int) int32 {
		n := len(t.Left)
		info.Depth = max(info.Depth, depth)
		t.Left, t.Right = append(t.Left, -1), append(t.Right, -1)
		t.Feature, t.Threshold = append(t.Feature, 0), append(t.Threshold, 0)
		t.Default, t.Category = append(t.Default, false), append(t.Category, nil)
		t.Original = append(t.Original, int32(3*n+1))
		for range info.Outputs {
			t.Values = append(t.Values, float32(rng.NormFloat64()))
		}
		if depth == s.depth || rng.Float64() < s.stop {
			info.Leaves++
			return int32(n)
		}
		t.Feature[n], t.Default[n] = int32(rng.IntN(s.features)), rng.IntN(2) == 0
		if rng.Float64() < s.categorical {
			t.Category[n] = make([]uint32, 1+rng.IntN(3))
			for w := range t.Category[n] {
				t.Category[n][w] = rng.Uint32()
			}
			info.Categories += CategoryWords(t.Category[n])
		} else {
			t.Threshold[n] = hardFloat(rng)
		}
		tests[NewTest(t.Feature[n], t.Category[n] != nil, t.Default[n])] = true
		left := add(depth + 1)
		t.Left[n], t.Right[n] = left, add(depth+1)
		return int32(n)
	}
	add(0)
	for test := range tests {
		info.Tests = append(info.Tests, test)
	}
	info.Tests, info.Nodes = distinct(info.Tests), len(t.Left)
	return t, info
}

// hardFloat prefers the values at which comparisons go wrong.
func hardFloat(rng *rand.Rand) float32 {
	hard := []float32{0, float32(math.Copysign(0, -1)), 1, -1, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32,
		math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), 1.0000001, 16777216, 31, 32, 63, 64}
	if rng.IntN(3) == 0 {
		return hard[rng.IntN(len(hard))]
	}
	return float32(rng.NormFloat64())
}

// values are random rows; one value in ten is missing, some are category codes.
func values(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch rng.IntN(10) {
		case 0:
			x[i] = float32(math.NaN())
		case 1, 2:
			x[i] = float32(rng.IntN(100)) + float32(rng.IntN(2))/2
		default:
			x[i] = hardFloat(rng)
		}
	}
	return x
}

// reference is the decision rule, written down as the library documents it.
func reference(t *Tree, x []float32) int32 {
	n := int32(0)
	for t.Left[n] >= 0 {
		v := x[t.Feature[n]]
		left := false
		switch set := t.Category[n]; {
		case v != v:
			left = t.Default[n]
		case set == nil:
			left = v < t.Threshold[n]
		case v < 0 || v >= 16777216:
			left = true
		default:
			c := int(v)
			left = c/32 >= len(set) || set[c/32]>>(c%32)&1 == 0
		}
		if left {
			n = t.Left[n]
		} else {
			n = t.Right[n]
		}
	}
	return n
}

// pack lays the trees out and opens them; wide forces two words a node.
func pack(t testing.TB, g grown, outputs int, wide bool) (*Forest, Packed) {
	t.Helper()
	plan, err := NewPlan(g.infos, func(f int) int { return f })
	if err != nil {
		t.Fatal(err)
	}
	plan.Wide = plan.Wide || wide
	packer := plan.NewPacker()
	var p Packed
	for i := range g.trees {
		if err := packer.Pack(&g.trees[i], &p); err != nil {
			t.Fatal(err)
		}
	}
	f, err := OpenPacked(tables(plan, p, outputs))
	if err != nil {
		t.Fatal(err)
	}
	return f, p
}

func tables(plan *Plan, p Packed, outputs int) Tables {
	return Tables{Nodes: p.Nodes, Wide: plan.Wide, Slots: plan.Slots, Starts: plan.Starts, First: plan.First, Columns: plan.Columns,
		Values: p.Values, Categories: p.Categories, Outputs: outputs}
}
