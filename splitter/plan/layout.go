package plan

import (
	"context"
	"fmt"
	"maps"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Layout plans the model and lays it out: into exactly o.Shards shards, or into the fewest whose functions, and the coordinator's, stay within
// o.MemoryMB; with a latency or a cost, into the plan that Explore picks for them. A wish that cannot be met is a *layout.RefusalError.
func Layout(ctx context.Context, m *partition.Model, o layout.Options) (*layout.Layout, error) {
	if err := check(m, o.Shards == 1); err != nil {
		return nil, err
	}
	if o.Latency > 0 || o.MaxCost > 0 {
		p, err := prepare(m, Options{Kind: o.Plan, Symbols: map[string]int{manifest.Batch: max(o.Rows, 1)}})
		if err != nil {
			return nil, err
		}
		return byWish(ctx, m, p, o)
	}
	if o.Shards > 0 {
		p, err := prepare(m, Options{Kind: o.Plan})
		if err != nil {
			return nil, err
		}
		best, err := p.Best(o.Shards)
		if err != nil {
			return nil, err
		}
		return partition.Lay(m, best.Plan, o)
	}
	p, err := prepare(m, Options{Kind: o.Plan, MemoryMB: o.MemoryMB, CoordinatorMB: o.MemoryMB, Fit: true})
	if err != nil {
		return nil, err
	}
	return fit(ctx, m, p, o)
}

// maxNodes is the size of graphs up to which plans are searched; larger ones stay whole.
const maxNodes = 20000

// check refuses what has no plan: unknown types, and, unless it stays whole, a graph that is too large.
func check(m *partition.Model, whole bool) error {
	if len(m.Graph.Nodes) > maxNodes && !whole {
		return &layout.RefusalError{Subject: "the model", Reason: fmt.Sprintf("its graph has %d nodes, and plans are searched for up to %d", len(m.Graph.Nodes), maxNodes),
			Remedy: "use one shard (--shards 1)"}
	}
	return checkTypes(m)
}

// Prepare is New of a model whose types are all known; otherwise the error is a *layout.RefusalError.
func Prepare(m *partition.Model, o Options) (*Planner, error) {
	if err := check(m, false); err != nil {
		return nil, err
	}
	return prepare(m, o)
}

// prepare makes the planner of a model whose types are known, which knows which dimension counts the rows.
func prepare(m *partition.Model, o Options) (*Planner, error) {
	if err := o.named(m); err != nil {
		return nil, err
	}
	rows := findRows(m)
	if n, ok := o.Symbols[manifest.Batch]; ok && rows.symbol != "" {
		o.Symbols = maps.Clone(o.Symbols)
		o.Symbols[rows.symbol] = n
	}
	if err := newSizes(o.defaults()).bounded(m); err != nil {
		return nil, err
	}
	p := New(sharding.New(m.Graph, m.Values), o)
	p.rows = rows
	if o.Kind == Rows && !rows.independent {
		return nil, refuseRows()
	}
	return p, nil
}

// byWish lays out the plan that an exploration picks, for functions of the sizes that it was reckoned with.
func byWish(ctx context.Context, m *partition.Model, p *Planner, o layout.Options) (*layout.Layout, error) {
	w := Wish{Latency: o.Latency, MaxCost: o.MaxCost}
	if o.Shards > 0 {
		w.Shards = []int{o.Shards}
	}
	if o.MemoryMB > 0 {
		w.MemoryMB = []int{o.MemoryMB}
	}
	s, err := p.Explore(ctx, w)
	if err != nil {
		return nil, err
	}
	l, err := partition.Lay(m, s.Chosen.Plan, o)
	if err != nil {
		return nil, err
	}
	l.ShardMB, l.CoordinatorMB = s.Chosen.Size.ShardMB, s.Chosen.Size.CoordinatorMB
	return l, nil
}

// checkTypes refuses graphs in which the type of a value is not known: programs declare theirs.
func checkTypes(m *partition.Model) error {
	for _, n := range m.Graph.Nodes {
		for _, o := range n.Outputs {
			if o != "" && m.Values[o].DType == tensor.Invalid {
				return &layout.RefusalError{Subject: fmt.Sprintf("node %s (%s)", n.Name, n.Op), Reason: fmt.Sprintf("the type of its output %s could not be inferred", o),
					Remedy: "run onnx.shape_inference on the model and export its types"}
			}
		}
	}
	return nil
}

// fit takes the fewest shards for which a plan fits into the memory. The lower bound is what the weights alone need.
func fit(ctx context.Context, m *partition.Model, p *Planner, o layout.Options) (*layout.Layout, error) {
	limit, most := int64(o.MemoryMB)<<20, p.MaxShards()
	least := int64(0) // the smallest need that was found
	first := p.fewest(limit)
	if p.o.Kind == Rows { // more shards do not need less each
		first, most = 2, 2
	}
	for n := first; n <= most; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, c := range p.Candidates(n) {
			l, err := partition.Lay(m, c.Plan, o)
			if err != nil {
				return nil, err
			}
			need := widest(l.Manifest)
			if need <= limit {
				return l, nil
			}
			if least == 0 || need < least {
				least = need
			}
		}
	}
	return nil, p.tooSmall(o.MemoryMB, least, most)
}

// fewest is the number of shards below which the weights alone do not fit.
func (p *Planner) fewest(limit int64) int {
	room := max(limit-partition.FixedBytes, 1)
	return int(max((p.total-max(localBytes, p.total/localShare)+room-1)/room, 1))
}

func widest(m *manifest.Manifest) int64 {
	most := int64(0)
	for _, s := range m.Shards {
		most = max(most, partition.Need(s.Memory))
	}
	if m.Local != nil {
		most = max(most, partition.Need(m.Local.Memory))
	}
	return most
}

// MaxShards is the largest number of shards that the model can be cut into, at least 1.
func MaxShards(m *partition.Model) int {
	if check(m, false) != nil {
		return 1
	}
	return New(sharding.New(m.Graph, m.Values), Options{}).MaxShards()
}
