package plan

import (
	"math"
	"testing"

	"github.com/shardwise/shardwise/splitter/sharding"
)

// normed is a perceptron of a hidden layer that is normalised.
func normed(rows, in, width, out int) *model {
	m := newModel()
	m.g.Opsets[""] = 17
	m.g.Inputs = append(m.g.Inputs, m.value("x", rows, in))
	h := m.node("MatMul", "first", []int{rows, width}, "x", m.weight("w1", in, width))
	h = m.node("Add", "h", []int{rows, width}, h, m.weight("b1", width))
	h = m.node("LayerNormalization", "norm", []int{rows, width}, h, m.weight("scale", width), m.weight("bias", width))
	h = m.node("Relu", "relu", []int{rows, width}, h)
	y := m.node("MatMul", "second", []int{rows, out}, h, m.weight("w2", width, out))
	m.g.Outputs = append(m.g.Outputs, m.values[y])
	return m
}

// The shards normalise by moments where that saves more than the moments take, and nowhere else.
func TestMomentsAreUsedOnlyWhereTheySave(t *testing.T) {
	for _, c := range []struct {
		rows, shards, mb, coordinatorMB int
		moments                         bool
	}{{1, 16, 1769, 1769, true}, {512, 8, 1769, 1769, true}, {512, 16, 1769, 512, true}, {512, 8, 512, 10240, false}, {64, 4, 1024, 5307, false}} {
		p := New(normed(c.rows, 1024, 4096, 1024).prepared(), Options{MemoryMB: c.mb, CoordinatorMB: c.coordinatorMB})
		best := map[bool]float64{false: math.Inf(1), true: math.Inf(1)}
		list := p.Candidates(c.shards)
		for i := range list {
			if list[i].Kind == Tensor {
				at := normalises(list[i].Plan)
				best[at] = min(best[at], list[i].Estimate.WarmMS)
			}
		}
		t.Logf("%d rows, %d shards of %d MB: %.3f ms with moments, %.3f without; %s of %d rounds", c.rows, c.shards, c.mb, best[true], best[false], list[0].Kind, len(list[0].Plan.Stages))
		if math.IsInf(best[true], 1) || math.IsInf(best[false], 1) || (best[true] < best[false]) != c.moments {
			t.Errorf("%d rows, %d shards of %d MB: %v ms with moments, %v without; wanted the lesser with moments: %v", c.rows, c.shards, c.mb, best[true], best[false], c.moments)
		}
		if got := normalises(list[0].Plan); got && !c.moments {
			t.Errorf("%d rows, %d shards of %d MB: the chosen plan has moments", c.rows, c.shards, c.mb)
		}
	}
}

// A normalisation of which others read the result, or whose input the coordinator makes, is the coordinator's.
func TestMomentsNeedPartsInFrontAndBehind(t *testing.T) {
	m := normed(512, 1024, 4096, 1024)
	m.g.Outputs = append(m.g.Outputs, m.values["norm"])
	if g := m.prepared(); count(g) != 0 {
		t.Errorf("%d normalisations can be the shards' though one is an output", count(g))
	}
	m = normed(512, 1024, 4096, 1024)
	m.g.Nodes[2].Outputs = append(m.g.Nodes[2].Outputs, "mean")
	m.value("mean", 512, 1)
	if g := m.prepared(); count(g) != 0 {
		t.Errorf("%d normalisations can be the shards' though one yields its mean", count(g))
	}
	m = normed(-1, 1024, 4096, 1024)
	if g := m.prepared(); count(g) == 0 {
		t.Error("the normalisation of any number of rows can not be the shards'")
	}
}

// count are the normalisations in front of regions.
func count(g *sharding.Graph) int {
	n := 0
	for _, r := range g.Regions() {
		n += len(g.Behind(r))
	}
	return n
}
