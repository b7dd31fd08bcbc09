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
	until []work  // of the nodes of order before a place
	edges []int   // the border before each item, and the end
	needs [][]int // the items that each item needs, through whatever lies between, ascending
	late  []bool  // whether an item needs a placed node
}

// item is a node with weights.
type item struct {
	node  int
	bytes int64
}

// newLine lays out all nodes but the placed ones, whose results are then as good as inputs.
func newLine(g *sharding.Graph, sz *sizes, works []work, placed []int) *line {
	l := &line{g: g, at: make([]int, len(g.Nodes))}
	out := newSet(len(g.Nodes), placed)
	l.order = slices.DeleteFunc(depthFirst(g), func(n int) bool { return out[n] })
	for _, n := range placed {
		l.at[n] = -1
	}
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
	l.until = make([]work, len(l.order)+1)
	for i, n := range l.order {
		l.until[i+1] = l.until[i].plus(works[n])
	}
	l.setEdges()
	l.setNeeds(out)
	return l
}

// setNeeds walks the graph once with a set of items for each node.
func (l *line) setNeeds(placed []bool) {
	l.needs, l.late = make([][]int, len(l.items)), make([]bool, len(l.items))
	index := map[int]int{}
	for i, it := range l.items {
		index[it.node] = i
	}
	words := (len(l.items) + 63) / 64
	sets, late := make([][]uint64, len(l.g.Nodes)), make([]bool, len(l.g.Nodes))
	for n, node := range l.g.Nodes {
		sets[n], late[n] = make([]uint64, words), placed[n]
		for _, in := range sharding.Reads(node) {
			p, ok := l.g.Producer[in]
			if !ok {
				continue
			}
			for w, bits := range sets[p] {
				sets[n][w] |= bits
			}
			late[n] = late[n] || late[p]
		}
		i, ok := index[n]
		if !ok {
			continue
		}
		for j := range l.items {
			if sets[n][j/64]&(1<<(j%64)) != 0 {
				l.needs[i] = append(l.needs[i], j)
			}
		}
		l.late[i] = late[n]
		sets[n][i/64] |= 1 << (i % 64)
	}
}

func newSet(n int, members []int) []bool {
	out := make([]bool, n)
	for _, i := range members {
		out[i] = true
	}
	return out
}

func (l *line) setEdges() {
	l.edges = make([]int, len(l.items)+1)
	for i := range l.edges {
		l.edges[i] = l.border(i)
	}
}

// between is the work from one place of the order to another.
func (l *line) between(from, to int) work { return l.until[to].less(l.until[from]) }

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
	change := make([]int64, len(l.order)+2)
	add := func(name string, from int) {
		last := from
		for _, c := range l.g.Consumers[name] {
			last = max(last, l.at[c])
		}
		if l.g.Output[name] {
			last = len(l.order)
		}
		bytes := sz.bytes(l.g.Values[name])
		change[from+1] += bytes
		change[min(last, len(l.order))+1] -= bytes
	}
	for _, in := range l.g.Inputs {
		add(in.Name, -1)
	}
	for n := range l.g.Nodes {
		for _, o := range l.g.Nodes[n].Outputs {
			if o != "" {
				add(o, l.at[n])
			}
		}
	}
	now := int64(0)
	for i := range l.alive {
		now += change[i]
		l.alive[i] = now
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
