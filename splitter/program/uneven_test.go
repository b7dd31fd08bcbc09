package program

import (
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// pooled is a look-up of several rows that become one, and a second table beside it.
func pooled(t *testing.T, op string) *maker {
	rng := seeded(t)
	m := newMaker(rng, 17)
	ids := tensor.New(tensor.I64, 3, 4)
	for i := range tensor.Of[int64](ids) {
		tensor.Of[int64](ids)[i] = int64(rng.IntN(50))
	}
	attrs := map[string]graph.Attr{"keepdims": intAttr(0)}
	in := []string{m.node("Gather", nil, "lookup", m.w("table", 50, 12), m.input("ids", ids))}
	if op == "ReduceMean" {
		attrs["axes"] = intsAttr(1)
	} else {
		in = append(in, m.ints("axes", 1))
	}
	m.output(m.node("Relu", nil, "out", m.node(op, attrs, "pool", in...)))
	return m
}

func TestPoolingStaysInTheShardsOfATable(t *testing.T) {
	for _, op := range []string{"ReduceSum", "ReduceMean"} {
		checkRegions(t, pooled(t, op), "50 lookup pool -> pool Partial(sum)", "12 lookup pool out -> out Shard(1)")
	}
}

// Bounds may be uneven, and a shard whose two bounds are equal has no part.
func TestUnevenAndEmptyBoundsYieldTheSame(t *testing.T) {
	g, all := prepare(t, pooled(t, "ReduceSum"))
	for _, r := range g.Regions() {
		u := r.Units
		for _, bounds := range [][]int{{0, 1, u}, {0, u, u}, {0, 0, u}, {0, 0, 1, 1, u}, {0, u - 1, u - 1, u - 1, u, u}, {0, 2, 3, u}} {
			checkBounds(t, g, all, r, bounds)
		}
	}
	whole := g.Cut(0, 0, 0, nil)
	if columns := g.Cut(0, 0, 1, whole.Nodes); columns == nil || !slices.Equal(columns.Nodes, whole.Nodes) || columns.Units != 12 {
		t.Errorf("the columns of the table within %v: %+v", whole.Nodes, columns)
	}
	if r := g.Cut(2, 0, 0, nil); r != nil && len(r.Nodes) == 0 {
		t.Errorf("a cut without nodes: %+v", r)
	}
}
