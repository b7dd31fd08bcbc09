package graph

import (
	"iter"
	"maps"
	"slices"
)

// Bodies are the graphs that the node holds itself, by attribute name in ascending order: the branches of an If, the body
// of a Loop or Scan.
func (n *Node) Bodies() iter.Seq[*Graph] {
	return func(yield func(*Graph) bool) {
		if !n.HasBodies() { // by far most nodes: nothing to sort
			return
		}
		for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
			a := n.Attrs[name]
			if a.Kind == AttrGraph && !yield(a.Graph) {
				return
			}
			if a.Kind == AttrGraphs {
				for _, g := range a.Graphs {
					if !yield(g) {
						return
					}
				}
			}
		}
	}
}

// HasBodies reports whether the node holds graphs in its attributes.
func (n *Node) HasBodies() bool {
	for _, a := range n.Attrs {
		if a.Kind == AttrGraph || a.Kind == AttrGraphs {
			return true
		}
	}
	return false
}

// All is the graph itself and then every body in it, at any depth, in the order of their nodes.
func (g *Graph) All() iter.Seq[*Graph] {
	return func(yield func(*Graph) bool) { g.visit(yield) }
}

func (g *Graph) visit(yield func(*Graph) bool) bool {
	if !yield(g) {
		return false
	}
	for _, n := range g.Nodes {
		for b := range n.Bodies() {
			if !b.visit(yield) {
				return false
			}
		}
	}
	return true
}

// AllWeights are the weights of the graph and of every body in it, at any depth, with the names that they have there. The
// order is that of All, by name within each graph. What attributes of nodes hold is not among them.
func (g *Graph) AllWeights() iter.Seq2[string, *Weight] {
	return func(yield func(string, *Weight) bool) {
		for b := range g.All() {
			for _, name := range slices.Sorted(maps.Keys(b.Weights)) {
				if !yield(name, b.Weights[name]) {
					return
				}
			}
		}
	}
}

// Defines are the names that the graph itself defines: its inputs, its weights and its nodes' outputs.
func (g *Graph) Defines() map[string]bool {
	names := make(map[string]bool, len(g.Inputs)+len(g.Weights)+len(g.Nodes))
	for _, v := range g.Inputs {
		names[v.Name] = true
	}
	for name := range g.Weights {
		names[name] = true
	}
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			names[o] = true
		}
	}
	delete(names, "")
	return names
}

// Captures are the values that the node's bodies, at any depth, read from the graphs around them, each once, in order of
// first use. The node depends on them as it does on its inputs.
func (n *Node) Captures() []string {
	var out []string
	seen := map[string]bool{"": true}
	for b := range n.Bodies() {
		for _, name := range b.Captures() {
			if !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// Captures are the values that a body, and the bodies in it, read from the graphs around it, each once, in order of first use.
func (g *Graph) Captures() []string {
	var out []string
	own, seen := g.Defines(), map[string]bool{"": true}
	note := func(name string) {
		if !own[name] && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	for _, inner := range g.Nodes {
		for _, in := range inner.Inputs {
			note(in)
		}
		for _, name := range inner.Captures() {
			note(name)
		}
	}
	for _, o := range g.Outputs {
		note(o.Name)
	}
	return out
}

// Rename gives other names to the values that the node reads: its inputs and what its bodies capture. Names that to
// returns unchanged stay. A body's own names are never touched, and the new names must not be among them. The node's
// inputs and bodies are changed in place.
func (n *Node) Rename(to func(string) string) {
	for i, in := range n.Inputs {
		if in != "" {
			n.Inputs[i] = to(in)
		}
	}
	for b := range n.Bodies() {
		own := b.Defines()
		outer := func(name string) string {
			if own[name] {
				return name
			}
			return to(name)
		}
		for _, inner := range b.Nodes {
			inner.Rename(outer)
		}
		for i, o := range b.Outputs {
			if o.Name != "" {
				b.Outputs[i].Name = outer(o.Name)
			}
		}
	}
}
