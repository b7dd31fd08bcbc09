package sharding

import (
	"github.com/shardwise/shardwise/internal/graph"
)

// kind says what cutting a factor makes of the results.
type kind uint8

const (
	// fixed factors can not be cut: the operator needs all of them at once.
	fixed kind = iota
	// pass factors stand in the results: they are cut as the operands are.
	pass
	// sum, greatest and least factors do not stand in the results: those are partial, and reduce by that operation.
	sum
	greatest
	least
	// lookup factors are the rows of a table: a shard looks up those that it has and yields zeros for the others, so that results
	// are partial sums.
	lookup
)

// op is DTensor's name of the reduction behind a Partial.
func (k kind) op() string {
	switch k {
	case sum, lookup:
		return "sum"
	case greatest:
		return "max"
	case least:
		return "min"
	}
	return ""
}

// factor is one independent index space of an operator.
type factor struct {
	size size
	kind kind
}

// rule writes an operator's operands in factors: in[i][d] are the factors of dimension d of input i, major first. A dimension without
// factors has size 1 or is the same for every shard (broadcast). A nil in[i] is an absent or a whole operand.
type rule struct {
	factors []factor
	in, out [][][]int
	// once is an input that is added to the result, and so must count once when a reduction is cut (a bias); -1 for none.
	once int
}

// node is what rules see of a node.
type node struct {
	*graph.Node
	opset   int64
	in, out []graph.Value
	// ints are the elements of a small integer constant input, nil when the input is no such constant.
	ints func(i int) []int64
}

// ranked reports whether the shape of every present operand is known.
func (n *node) ranked() bool {
	for i, v := range n.in {
		if n.Inputs[i] != "" && !v.Ranked {
			return false
		}
	}
	for i, v := range n.out {
		if n.Outputs[i] != "" && !v.Ranked {
			return false
		}
	}
	return true
}

func (n *node) inDim(i, d int) size  { return sizeOf(n.in[i].Dims[d], n.Inputs[i]+"#"+itoa(d)) }
func (n *node) outDim(i, d int) size { return sizeOf(n.out[i].Dims[d], n.Outputs[i]+"#"+itoa(d)) }

func (n *node) has(i int) bool { return i < len(n.Inputs) && n.Inputs[i] != "" }

// builder makes rules.
type builder struct {
	n *node
	r rule
}

func newBuilder(n *node) *builder {
	b := &builder{n: n, r: rule{once: -1}}
	for i, v := range n.in {
		if !n.has(i) {
			b.r.in = append(b.r.in, nil)
			continue
		}
		b.r.in = append(b.r.in, make([][]int, len(v.Dims)))
	}
	for _, v := range n.out {
		b.r.out = append(b.r.out, make([][]int, len(v.Dims)))
	}
	return b
}

// factor adds a factor and returns its number.
func (b *builder) factor(s size, k kind) int {
	b.r.factors = append(b.r.factors, factor{s, k})
	return len(b.r.factors) - 1
}

// tie writes dimension d of input i as the factor.
func (b *builder) tie(i, d, f int) { b.r.in[i][d] = append(b.r.in[i][d], f) }

// yield writes dimension d of output i as the factor.
func (b *builder) yield(i, d, f int) { b.r.out[i][d] = append(b.r.out[i][d], f) }

func (b *builder) rule() *rule { return &b.r }
