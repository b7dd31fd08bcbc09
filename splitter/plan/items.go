package plan

import (
	"slices"

	"github.com/shardwise/shardwise/splitter/sharding"
)

// line is a graph laid out for the search: its nodes in an order in which branches do not interleave, and the nodes with weights worth placing.
type line struct {
	g     *sharding.Graph
	order []int // nodes; a topological order
	at    []int // node -> its place in order
	items []item
	alive []int64 // bytes of the values that cross from order[i-1] to order[i]
}

// item is a node with weights.
type item struct {
	node  int
	bytes int64
}

func newLine(g *sharding.Graph, sz *sizes) *line {
	l := &line{g: g, order: depthFirst(g), at: make([]int, len(g.Nodes))}
	for i, n := range l.order {
		l.at[n] = i
	}
	seen := map[string]bool{}
	for _, n := range l.order {
		it := item{node: n}
		for _, in := range sharding.Reads(g.Nodes[n]) {
			if w := g.Weight(in); w != nil && !seen[in] {
				seen[in] = true
				it.bytes += sharding.Bytes(w)
			}
		}
		if it.bytes >= g.Worth && it.bytes > 0 {
			l.items = append(l.items, it)
		}
	}
	l.measure(sz)
	return l
}

// depthFirst orders the nodes by walking back from the outputs, so that what a node needs stands directly before it.
func depthFirst(g *sharding.Graph) []int {
	var order []int
	done := make([]bool, len(g.Nodes))
	var visit func(n int)
	visit = func(n int) {
		if done[n] {
			return
		}
		done[n] = true
		for _, in := range sharding.Reads(g.Nodes[n]) {
			if p, ok := g.Producer[in]; ok {
				visit(p)
			}
		}
		order = append(order, n)
	}
	for n := range g.Nodes {
		visit(n)
	}
	return order
}

// measure finds how much crosses each place of the order.
func (l *line) measure(sz *sizes) {
	l.alive = make([]int64, len(l.order)+1)
	add := func(name string, from int) {
		last := from
		for _, c := range l.g.Consumers[name] {
			last = max(last, l.at[c])
		}
		if l.g.Output[name] {
			last = len(l.order)
		}
		for i := from + 1; i <= last && i <= len(l.order); i++ {
			l.alive[i] += sz.bytes(l.g.Values[name])
		}
	}
	for _, in := range l.g.Inputs {
		add(in.Name, -1)
	}
	for i, n := range l.order {
		for _, o := range l.g.Nodes[n].Outputs {
			if o != "" {
				add(o, i)
			}
		}
	}
}

// border is the place between items i-1 and i at which the least crosses: the last of equals, so that what is small goes with what comes
// before it.
func (l *line) border(i int) int {
	if i == 0 {
		return 0
	}
	if i == len(l.items) {
		return len(l.order)
	}
	best := l.at[l.items[i].node]
	for p := best - 1; p > l.at[l.items[i-1].node]; p-- {
		if l.alive[p] < l.alive[best] {
			best = p
		}
	}
	return best
}

// nodes are the nodes between two places, ascending.
func (l *line) nodes(from, to int) []int {
	return slices.Sorted(slices.Values(l.order[from:to]))
}
