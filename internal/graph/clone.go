package graph

import (
	"maps"
	"slices"
)

// Clone copies the graph so that names, nodes, bodies and the fields of weights of the copy can be changed without the
// original. The weights' bytes are shared.
func (g *Graph) Clone() *Graph {
	c := *g
	c.Opsets = maps.Clone(g.Opsets)
	c.Inputs, c.Outputs = slices.Clone(g.Inputs), slices.Clone(g.Outputs)
	c.Nodes = slices.Clone(g.Nodes)
	for i, n := range g.Nodes {
		c.Nodes[i] = n.Clone()
	}
	c.Weights = maps.Clone(g.Weights)
	for name, w := range g.Weights {
		copied := *w
		c.Weights[name] = &copied
	}
	return &c
}

// Clone copies the node as Graph.Clone does. Tensors in attributes are shared.
func (n *Node) Clone() *Node {
	c := *n
	c.Inputs, c.Outputs, c.Attrs = slices.Clone(n.Inputs), slices.Clone(n.Outputs), maps.Clone(n.Attrs)
	if !n.HasBodies() {
		return &c
	}
	for name, a := range c.Attrs {
		if a.Kind == AttrGraph {
			a.Graph = a.Graph.Clone()
		}
		a.Graphs = slices.Clone(a.Graphs)
		for i, g := range a.Graphs {
			a.Graphs[i] = g.Clone()
		}
		c.Attrs[name] = a
	}
	return &c
}
