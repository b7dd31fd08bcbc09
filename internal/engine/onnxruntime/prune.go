package onnxruntime

import (
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
)

// prune is the part of g that the wanted outputs need, and which of its inputs that is. It does not change g.
func prune(g *graph.Graph, want []string) (part *graph.Graph, needed []bool) {
	part = &graph.Graph{Name: g.Name, Opsets: g.Opsets, Weights: map[string]*graph.Weight{}}
	live := map[string]bool{}
	for _, v := range g.Outputs {
		if slices.Contains(want, v.Name) {
			part.Outputs = append(part.Outputs, v)
			live[v.Name] = true
		}
	}
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Outputs, func(o string) bool { return o != "" && live[o] }) {
			continue
		}
		part.Nodes = append(part.Nodes, n)
		reads(n, live)
	}
	slices.Reverse(part.Nodes)
	needed = make([]bool, len(g.Inputs))
	for i, v := range g.Inputs {
		if needed[i] = live[v.Name]; needed[i] {
			part.Inputs = append(part.Inputs, v)
		}
	}
	for name, w := range g.Weights {
		if live[name] {
			part.Weights[name] = w
		}
	}
	return part, needed
}

// reads adds the names of all values that the node may read, those of its bodies included: a body sees the values
// around it.
func reads(n *graph.Node, into map[string]bool) {
	for _, name := range n.Inputs {
		if name != "" {
			into[name] = true
		}
	}
	for _, a := range n.Attrs {
		if a.Graph == nil {
			continue
		}
		for _, inner := range a.Graph.Nodes {
			reads(inner, into)
		}
		for _, o := range a.Graph.Outputs {
			into[o.Name] = true
		}
	}
}
