package sharding

import "github.com/shardwise/shardwise/internal/engine/experts"

func expertRules() map[string]ruler {
	return map[string]ruler{"shardwise." + experts.Op: expertLayer}
}

// expertLayer is a sum over experts, which are to it what rows are to a table: y [a..., w] of rows [a..., c] with weights [a..., e]. A layer that is cut by e
// yields partial sums. Everything else is whole on every shard.
func expertLayer(n *node) *rule {
	if len(n.in) != 2 || len(n.in[1].Dims) == 0 || len(n.in[0].Dims) != len(n.in[1].Dims) || len(n.out[0].Dims) != len(n.in[1].Dims) {
		return nil
	}
	b := newBuilder(n)
	last := len(n.in[1].Dims) - 1
	for d := range last {
		f := b.factor(n.inDim(1, d), fixed)
		b.tie(0, d, f)
		b.tie(1, d, f)
		b.yield(0, d, f)
	}
	b.tie(0, last, b.factor(n.inDim(0, last), fixed))
	b.tie(1, last, b.factor(n.inDim(1, last), lookup))
	b.yield(0, last, b.factor(n.outDim(0, last), fixed))
	return b.rule()
}

// Experts reports whether the node is a layer of experts that the region cuts.
func (r *Region) Experts(node int) bool { return experts.Is(r.g.Nodes[node]) && r.Lookup(node) }

// ExpertsEach is how many experts of a layer that the region cuts a unit has.
func (r *Region) ExpertsEach(node int) int { return r.Operand(node, experts.InGates).Inner }
