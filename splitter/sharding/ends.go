package sharding

import (
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// EndKind is an operator over a dimension that is cut, whose result the shards' parts yield by a merge that is more than a
// concatenation or a sum.
type EndKind uint8

// The ends.
const (
	NoEnd      EndKind = iota
	Softmax            // parts of exp(x - max) with their max and sum
	LogSoftmax         // the parts themselves, and max and sum of each
	Greatest           // ArgMax: each part's greatest and where it is
	TopK               // each part's candidates
	Mean               // each part's sum
)

// End is the operator behind an output of a region: the shards compute their part of it, and the stage yields its result.
type End struct {
	Kind EndKind
	Node int
	Axis int
	K    int // TopK
}

// endOf finds the end behind a cut value of which nobody but one operator outside takes anything.
func (g *Graph) endOf(value string, dim int) End {
	if g.Output[value] || len(g.Consumers[value]) != 1 {
		return End{}
	}
	i := g.Consumers[value][0]
	n := g.Nodes[i]
	if d := g.Values[value].DType; d != tensor.F32 && d != tensor.F64 {
		return End{}
	}
	if n.Domain != "" || len(n.Inputs) == 0 || n.Inputs[0] != value || slices.Contains(n.Inputs[1:], value) {
		return End{}
	}
	e := End{Node: i, Axis: dim}
	rank, opset := len(g.Values[value].Dims), g.Opsets[""]
	axis := func(def int64) bool {
		a, ok := g.node(n).axis(def, rank)
		return ok && a == dim
	}
	switch {
	case (n.Op == "Softmax" || n.Op == "LogSoftmax") && opset >= 13 && axis(-1), (n.Op == "Softmax" || n.Op == "LogSoftmax") && opset < 13 && dim == rank-1 && axis(1):
		e.Kind = Softmax
		if n.Op == "LogSoftmax" {
			e.Kind = LogSoftmax
		}
	case n.Op == "ArgMax" && opset >= 11 && axis(0) && n.Int("select_last_index", 0) == 0:
		e.Kind = Greatest
	case n.Op == "TopK" && opset >= 11 && axis(-1) && n.Int("largest", 1) == 1 && n.Int("sorted", 1) == 1:
		if k := Ints(g.Weights[n.Inputs[1]]); len(k) == 1 && k[0] > 0 {
			e.Kind, e.K = TopK, int(k[0])
		}
	case n.Op == "ReduceMean" && g.meansOver(n, dim, rank):
		e.Kind = Mean
	}
	if e.Kind == NoEnd {
		return End{}
	}
	return e
}

// meansOver reports whether a mean runs over the dimension and how many elements it takes is known.
func (g *Graph) meansOver(n *graph.Node, dim, rank int) bool {
	axes, ok := g.node(n).axes(rank)
	if !ok || len(axes) > 0 && !slices.Contains(axes, dim) || len(axes) == 0 && n.Int("noop_with_empty_axes", 0) != 0 {
		return false
	}
	_, known := g.Averaged(n)
	return known
}

// Averaged is how many elements each of a ReduceMean's results is the mean of; ok is false when that is not known.
func (g *Graph) Averaged(n *graph.Node) (count int, ok bool) {
	dims := g.Values[n.Inputs[0]].Dims
	axes, ok := g.node(n).axes(len(dims))
	if !ok {
		return 0, false
	}
	count = 1
	for d := range dims {
		if len(axes) > 0 && !slices.Contains(axes, d) {
			continue
		}
		if dims[d].Size <= 0 {
			return 0, false
		}
		count *= dims[d].Size
	}
	return count, true
}
