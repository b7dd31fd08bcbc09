package program

import (
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/sharding"
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

// checkBounds compares what the shards with these bounds yield together with the uncut model's values.
func checkBounds(t *testing.T, g *sharding.Graph, all tensor.Named, r *sharding.Region, bounds []int) {
	t.Helper()
	n := len(bounds) - 1
	shards := make([]int, n)
	for i := range shards {
		shards[i] = i
	}
	s := NewStage("stage", g, shards, []Piece{{Region: r, Bounds: bounds}})
	merged := map[string][]*tensor.Tensor{}
	for p := range n {
		program := s.Program(p, inMemory(t))
		if (program == nil) != (bounds[p] == bounds[p+1]) {
			t.Fatalf("%s, shard %d of %v: it has a program: %v", describe(g, r), p, bounds, program != nil)
		}
		if program == nil {
			continue
		}
		compiled, err := native.New().Compile(program, nil)
		if err != nil {
			t.Fatalf("%s, shard %d of %d: %v", describe(g, r), p, n, err)
		}
		in := tensor.Named{}
		for _, i := range s.Inputs() {
			v := all[i.Value]
			if i.Placement.Kind == sharding.Shard {
				v = cutTensor(v, i.Placement.Dim, i.Bounds[p], i.Bounds[p+1])
			}
			in[i.Name] = v
		}
		out, err := compiled.Run(t.Context(), in, nil)
		if err != nil {
			t.Fatalf("%s, shard %d of %d: %v", describe(g, r), p, n, err)
		}
		for name, v := range out {
			merged[name] = append(merged[name], v)
		}
	}
	for i := range s.outputs {
		o := &s.outputs[i]
		got := merge(o.Placement, merged[o.Name])
		if o.Once >= 0 {
			got = addOnce(t, g, o, got)
		}
		if err := close(all[o.Of], got); err != nil {
			t.Errorf("%s at %d shards: %s: %v", describe(g, r), n, o.Of, err)
		}
	}
}
