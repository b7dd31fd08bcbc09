package sharding

import (
	mathbits "math/bits"
	"slices"
	"strconv"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Graph is a model's graph prepared for propagation: its edges, the rule of every node, and which nodes come before which. It is
// immutable and safe for concurrent use. The graph and the values must not change after.
type Graph struct {
	*graph.Graph
	Values    map[string]graph.Value // the type of every value, weights included
	Producer  map[string]int         // value -> node
	Consumers map[string][]int       // value -> nodes, ascending
	Output    map[string]bool        // the graph's outputs
	// Worth is the size from which a weight is worth placing; smaller ones, biases and scales, go where their nodes go.
	Worth int64

	rules     map[string]ruler
	nodes     []*rule
	ancestors []bits // by node; nil in a large graph, which walks instead
}

const (
	// worthBytes and worthShare bound Worth: in a large model what is below a page, in a small one a share of all.
	worthBytes = 4 << 10
	worthShare = 100
)

// New prepares the graph. Nodes stand in topological order; values holds the type of each value as far as it is known.
func New(g *graph.Graph, values map[string]graph.Value) *Graph {
	v := &Graph{Graph: g, Values: values, Producer: map[string]int{}, Consumers: map[string][]int{}, Output: map[string]bool{}, rules: rules()}
	total := int64(0)
	for _, w := range g.Weights {
		total += Bytes(w)
	}
	v.Worth = min(total/worthShare, worthBytes)
	for _, o := range g.Outputs {
		v.Output[o.Name] = true
	}
	for i, n := range g.Nodes {
		for _, o := range n.Outputs {
			if o != "" {
				v.Producer[o] = i
			}
		}
		for _, in := range Reads(n) {
			v.Consumers[in] = append(v.Consumers[in], i)
		}
	}
	for _, n := range g.Nodes {
		v.nodes = append(v.nodes, v.ruleOf(v.node(n)))
	}
	if len(g.Nodes) <= maxAncestors {
		v.setAncestors()
	}
	return v
}

// maxAncestors is the size of graphs up to which every node has a set of all nodes before it: 32 MiB.
const maxAncestors = 1 << 14

func (g *Graph) setAncestors() {
	g.ancestors = make([]bits, len(g.Nodes))
	for i, n := range g.Nodes {
		g.ancestors[i] = newBits(len(g.Nodes))
		for _, in := range Reads(n) {
			if p, ok := g.Producer[in]; ok {
				g.ancestors[i].set(p)
				g.ancestors[i].union(g.ancestors[p])
			}
		}
	}
}

// Reads are the values that a node needs, each once: its present inputs and what its bodies capture.
func Reads(n *graph.Node) []string {
	var out []string
	for _, in := range n.Inputs {
		if in != "" && !slices.Contains(out, in) {
			out = append(out, in)
		}
	}
	if !n.HasBodies() {
		return out
	}
	for _, name := range n.Captures() {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Before reports whether node b needs, through whatever lies between, a result of node a.
func (g *Graph) Before(a, b int) bool {
	one := newBits(len(g.Nodes))
	one.set(a)
	return g.needs(b, one)
}

// needs reports whether node i needs, through whatever lies between, one of the nodes in the set. Nodes stand in topological order, so no walk goes
// further back than the set's first.
func (g *Graph) needs(i int, set bits) bool {
	first := set.first()
	if i <= first {
		return false
	}
	if g.ancestors != nil {
		return g.ancestors[i].meets(set, first/64, i/64)
	}
	seen, stack := map[int]bool{i: true}, []int{i}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, in := range Reads(g.Nodes[n]) {
			p, ok := g.Producer[in]
			if !ok || p < first || seen[p] {
				continue
			}
			if set.has(p) {
				return true
			}
			seen[p] = true
			stack = append(stack, p)
		}
	}
	return false
}

// Weight is the constant behind a value, nil when it is none.
func (g *Graph) Weight(name string) *graph.Weight { return g.Weights[name] }

func (g *Graph) node(n *graph.Node) *node {
	v := &node{Node: n, opset: g.Opsets[n.Domain], ints: func(i int) []int64 { return Ints(g.Weights[n.Inputs[i]]) }}
	for _, in := range n.Inputs {
		v.in = append(v.in, g.Values[in])
	}
	for _, o := range n.Outputs {
		v.out = append(v.out, g.Values[o])
	}
	return v
}

// Ints are the elements of an integer constant that is in memory; nil when w is none, or is large.
func Ints(w *graph.Weight) []int64 {
	if w == nil || w.Data == nil {
		return nil
	}
	t, err := tensor.FromBytes(w.DType, w.Shape, slices.Clone(w.Data))
	if err != nil || t.Len() > 64 {
		return nil
	}
	out := make([]int64, t.Len())
	switch w.DType {
	case tensor.I64:
		copy(out, tensor.Of[int64](t))
	case tensor.I32:
		for i, v := range tensor.Of[int32](t) {
			out[i] = int64(v)
		}
	default:
		return nil
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }

// bits is a set of node numbers.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bits) drop(i int)     { b[i/64] &^= 1 << (i % 64) }
func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bits) union(c bits) {
	for i, w := range c {
		b[i] |= w
	}
}

// meets reports whether the sets share a member in the words from one to another.
func (b bits) meets(c bits, from, to int) bool {
	for i := from; i <= to; i++ {
		if b[i]&c[i] != 0 {
			return true
		}
	}
	return false
}

// first is the least number in the set, the set's capacity when it is empty.
func (b bits) first() int {
	for i, w := range b {
		if w != 0 {
			return i*64 + mathbits.TrailingZeros64(w)
		}
	}
	return len(b) * 64
}

// Bytes is the size of a weight in memory, 0 for strings.
func Bytes(w *graph.Weight) int64 {
	n, err := w.Shape.Elements()
	if err != nil {
		return 0
	}
	return int64(n) * int64(w.DType.Size())
}
