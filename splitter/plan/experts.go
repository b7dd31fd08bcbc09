package plan

import (
	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// expertHoldings are the weights of a layer of experts, each with its expert.
func (e *profiler) expertHoldings(node, each int) []holding {
	var out []holding
	n := e.g.Nodes[node]
	for i := range experts.Count(n) {
		seen := map[string]bool{}
		for _, inner := range n.Attrs[experts.BodyName(i)].Graph.Nodes {
			for in, name := range inner.Inputs {
				if w := e.g.Weight(name); w != nil && !seen[name] {
					seen[name] = true
					out = append(out, holding{name: name, bytes: sharding.Bytes(w), inner: partition.Widest(inner, in, w), expert: i/each + 1})
				}
			}
		}
	}
	return out
}

// expertWork adds what a layer computes: each row multiplies with the matrices of the experts that it has, and makes their values between.
func (s *sizes) expertWork(g *sharding.Graph, n *graph.Node, w *work) {
	count := experts.Count(n)
	rows := s.elements(g.Values[n.Inputs[experts.InGates]]) / float64(max(count, 1))
	share := float64(n.Int(experts.AttrTop, 0)) / float64(max(count, 1))
	if share == 0 {
		share = 1
	}
	for i := range count {
		body := n.Attrs[experts.BodyName(i)].Graph
		w.nodes += float64(len(body.Nodes))
		for _, inner := range body.Nodes {
			for _, name := range inner.Inputs {
				x := g.Weight(name)
				if x == nil {
					continue
				}
				w.weights += float64(sharding.Bytes(x))
				if len(x.Shape) == 2 {
					w.macs += rows * share * float64(x.Shape[0]) * float64(x.Shape[1])
				}
				if len(x.Shape) > 0 {
					w.elements += rows * share * float64(x.Shape[len(x.Shape)-1])
				}
			}
		}
	}
}
