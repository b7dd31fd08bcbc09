package plan

import (
	"context"
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Layout plans the model and lays it out: into exactly o.Shards shards, or into the fewest whose functions, and the coordinator's, stay within
// o.MemoryMB. A wish that cannot be met is a *layout.RefusalError.
func Layout(ctx context.Context, m *partition.Model, o layout.Options) (*layout.Layout, error) {
	if err := checkTypes(m); err != nil {
		return nil, err
	}
	if len(m.Graph.Nodes) > maxNodes && o.Shards != 1 {
		return nil, &layout.RefusalError{Subject: "the model", Reason: fmt.Sprintf("its graph has %d nodes, and plans are searched for up to %d", len(m.Graph.Nodes), maxNodes),
			Remedy: "use one shard (--shards 1)"}
	}
	g := sharding.New(m.Graph, m.Values)
	if o.Shards > 0 {
		best, err := New(g, Options{Kind: o.Plan}).Best(o.Shards)
		if err != nil {
			return nil, err
		}
		return partition.Lay(m, best.Plan, o)
	}
	return fit(ctx, m, New(g, Options{Kind: o.Plan, MemoryMB: o.MemoryMB, CoordinatorMB: o.MemoryMB, Fit: true}), o)
}

// maxNodes is the size of graphs up to which plans are searched; larger ones stay whole.
const maxNodes = 20000

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
	for n := p.fewest(limit); n <= most; n++ {
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

// tooSmall is the refusal of a memory size into which no plan fits. It names the largest weight that no cut makes smaller, when that is
// the reason.
func (p *Planner) tooSmall(mb int, least int64, most int) error {
	refusal := &layout.RefusalError{Subject: fmt.Sprintf("%d MB of memory", mb), Remedy: "give more memory"}
	if least > 0 {
		needed := (least + 1<<20 - 1) >> 20
		refusal.Remedy = fmt.Sprintf("give at least %d MB", needed)
		refusal.Reason = fmt.Sprintf("with %d shards, the largest useful number, a function still needs %d MB for its weights, its process and %d rows", most, needed, partition.MemoryRows)
		return refusal
	}
	node, bytes := p.stubborn()
	refusal.Reason = fmt.Sprintf("no plan fits: the weights of node %s take %d bytes in one piece", node, bytes)
	refusal.Remedy = fmt.Sprintf("give at least %d MB", (bytes+partition.FixedBytes)>>20+1)
	return refusal
}

// stubborn is the node with the most bytes of weights in its finest part.
func (p *Planner) stubborn() (node string, bytes int64) {
	for _, it := range p.line.items {
		part := it.bytes
		for _, r := range p.regions {
			if r.Has(it.node) {
				part = min(part, it.bytes/int64(r.Units))
			}
		}
		if part > bytes {
			n := p.line.g.Nodes[it.node]
			node, bytes = fmt.Sprintf("%s (%s)", n.Name, n.Op), part
		}
	}
	return node, bytes
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
	if checkTypes(m) != nil || len(m.Graph.Nodes) > maxNodes {
		return 1
	}
	return New(sharding.New(m.Graph, m.Values), Options{}).MaxShards()
}
