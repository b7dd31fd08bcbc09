package sharding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/engine/experts"
)

// Region is what the shards of a stage compute on their parts when one cut is made: a convex set of nodes, so that nothing outside it stands
// between two of them. Shard i of n has the units Bounds(n)[i] to Bounds(n)[i+1] of everything that is cut.
type Region struct {
	// Units is how many parts the cut can have at most.
	Units int
	// Nodes are ascending, and so in topological order.
	Nodes []int
	// Inputs are the values from outside, by name ascending: Replicate, or Shard with Outer 1. A value that is needed in
	// several ways stands there once for each.
	Inputs []Border
	// Outputs are the values that somebody outside needs, in topological order: Shard with Outer 1, or Partial.
	Outputs []Border

	g     *Graph
	bound map[int]binding
}

// Border is a value at a region's border.
type Border struct {
	Value     string
	Placement Placement
	// Node is the node that yields an output.
	Node int
	// End is the operator behind an output whose result the stage yields in place of the output.
	End End
}

// Bounds cuts the units into n parts, as even as can be: shard i has units [b[i], b[i+1]).
func (r *Region) Bounds(n int) []int {
	out := make([]int, n+1)
	for i := range out {
		out[i] = i * r.Units / n
	}
	return out
}

// Has reports whether the node belongs to the region.
func (r *Region) Has(node int) bool { _, ok := r.bound[node]; return ok }

// Operand is the placement of input i of a node of the region: Replicate or Shard.
func (r *Region) Operand(node, i int) Placement {
	rule, b := r.g.nodes[node], r.bound[node]
	if b.factor == carried {
		return Placement{}
	}
	n := r.g.Nodes[node]
	c, found, _ := rule.place(rule.in[i], b)
	if !found {
		return Placement{}
	}
	return r.placement(c, n.Inputs[i])
}

// Result is the placement of output i of a node of the region: Shard or Partial.
func (r *Region) Result(node, i int) Placement {
	rule, b := r.g.nodes[node], r.bound[node]
	if b.factor == carried {
		return Placement{Kind: Partial, Op: sum.op()}
	}
	if k := rule.factors[b.factor].kind; k != pass {
		return Placement{Kind: Partial, Op: k.op()}
	}
	c, _, _ := rule.place(rule.out[i], b)
	return r.placement(c, r.g.Nodes[node].Outputs[i])
}

// Once is the input of a node that must count once because its result is partial (a bias), -1 when there is none.
func (r *Region) Once(node int) int {
	rule, f := r.g.nodes[node], r.bound[node].factor
	if f == carried || rule.factors[f].kind == pass {
		return -1
	}
	return rule.once
}

// Lookup reports whether the node is a look-up in a table whose rows are cut.
func (r *Region) Lookup(node int) bool {
	f := r.bound[node].factor
	return f != carried && r.g.nodes[node].factors[f].kind == lookup
}

// placement makes a cut a Placement; its sizes are known at borders and in weights, and 0 where they are not.
func (r *Region) placement(c cut, value string) Placement {
	p := Placement{Kind: Shard, Dim: c.dim}
	if c.outer.known() {
		p.Outer = c.outer.number
	}
	dims := r.g.Values[value].Dims
	if c.dim < len(dims) {
		if inner, ok := sizeOf(dims[c.dim], value+"#"+itoa(c.dim)).over(c.outer.times(number(r.Units))); ok && inner.known() {
			p.Inner = inner.number
		}
	}
	return p
}

// Key tells regions apart: equal keys are equal regions.
func (r *Region) Key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", r.Units)
	for _, n := range r.Nodes {
		fmt.Fprintf(&b, ",%d:%d", n, r.bound[n].factor)
	}
	return b.String()
}

// Regions are all regions that begin at a weight, each once, ordered by first node and then by size, largest first.
func (g *Graph) Regions() []*Region {
	seen := map[string]bool{}
	var out []*Region
	for i := range g.Nodes {
		for f := range g.seeds(i) {
			r := g.grow(i, binding{f, one()}, nil)
			if r == nil || len(r.Inputs) == 0 || seen[r.Key()] {
				continue // without inputs it computes what it holds, for which nobody needs to be asked
			}
			seen[r.Key()] = true
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *Region) int {
		return cmp.Or(cmp.Compare(a.Nodes[0], b.Nodes[0]), cmp.Compare(len(b.Nodes), len(a.Nodes)))
	})
	return out
}

// seeds are the factors of a node that can be cut and that a weight has.
func (g *Graph) seeds(i int) func(yield func(f int) bool) {
	return func(yield func(f int) bool) {
		r := g.nodes[i]
		if r == nil {
			return
		}
		for f, x := range r.factors {
			if x.kind == fixed || !x.size.known() || x.size.number < 2 || !g.weighs(i, f) {
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}

// weighs reports whether a weight of the node, not a mere bias, has the factor.
func (g *Graph) weighs(i, f int) bool {
	r := g.nodes[i]
	if experts.Is(g.Nodes[i]) { // its weights stand in the bodies
		return r.factors[f].kind == lookup
	}
	for in, dims := range r.in {
		if in == r.once || g.Weights[g.Nodes[i].Inputs[in]] == nil {
			continue
		}
		for _, factors := range dims {
			if slices.Contains(factors, f) {
				return true
			}
		}
	}
	return false
}

// grow follows the cut of a factor of a node as far as it goes, and as far as within allows; nil when nothing is left of it.
func (g *Graph) grow(seed int, b binding, within bits) *Region {
	s := &grower{g: g, within: within, units: g.nodes[seed].factors[b.factor].size.number, bound: map[int]binding{}, cuts: map[string]cut{}, set: newBits(len(g.Nodes))}
	if !s.add(seed, b) {
		return nil
	}
	s.spread()
	s.trim()
	s.prune()
	s.trim()
	if _, ok := s.bound[seed]; !ok || s.units < 2 {
		return nil
	}
	s.carry()
	return s.region()
}
