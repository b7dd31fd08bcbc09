package onnx

import (
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
)

// maxCopied bounds what replacing calls makes, far beyond real models: a file of some hundred bytes can ask for any number.
const maxCopied = 1 << 20

// copier copies the nodes of a function for one call of it.
type copier struct {
	in     *inliner
	f      *function
	call   *graph.Node
	prefix string // of new names
}

// nodes copies nodes, which may stand in any order, into the scope.
func (c *copier) nodes(list []*graph.Node, s *scope) ([]*graph.Node, error) {
	for _, n := range list {
		for _, o := range n.Outputs {
			if _, ok := s.names[o]; !ok && o != "" {
				s.names[o] = c.in.names.fresh(c.prefix + "/" + o)
			}
		}
	}
	out := make([]*graph.Node, 0, len(list))
	for _, n := range list {
		copied, err := c.node(n, s)
		if err != nil {
			return nil, err
		}
		out = append(out, copied)
	}
	return out, nil
}

func (c *copier) node(n *graph.Node, s *scope) (*graph.Node, error) {
	// Functions that call functions can grow as powers of two.
	if c.in.copied += 1 + len(n.Inputs) + len(n.Outputs) + len(n.Attrs); c.in.copied > maxCopied {
		return nil, c.f.fault("replacing all calls by the functions' nodes makes more than %d nodes, values and attributes", maxCopied)
	}
	out := *n
	out.Name = ""
	if n.Name != "" && len(c.prefix)+len(n.Name) < maxMadeName {
		out.Name = c.prefix + "/" + n.Name
	}
	out.Inputs, out.Outputs = slices.Clone(n.Inputs), slices.Clone(n.Outputs)
	for i, name := range n.Inputs {
		to, ok := s.find(name)
		if !ok && name != "" {
			return nil, c.f.fault("node %q (%s) reads %q, which the function does not define", n.Name, n.Op, name)
		}
		out.Inputs[i] = to
	}
	for i, name := range n.Outputs {
		out.Outputs[i] = s.names[name]
	}
	var err error
	out.Attrs, err = c.attrs(n.Attrs, s)
	return &out, err
}

// attrs copies attributes: references take the call's value, else the default; without either they are absent.
func (c *copier) attrs(attrs map[string]graph.Attr, s *scope) (map[string]graph.Attr, error) {
	out := make(map[string]graph.Attr, len(attrs))
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		a := attrs[name]
		if a.Kind == graph.AttrRef {
			value, ok := c.call.Attrs[a.Str]
			if !ok {
				value, ok = c.f.defaults[a.Str]
			}
			if !ok {
				continue
			}
			a = value
			if a.Kind == graph.AttrGraph || a.Kind == graph.AttrGraphs {
				return nil, c.f.fault("its attribute %q is a graph, which has no meaning in another scope", name)
			}
		}
		a, err := c.attr(a, s)
		if err != nil {
			return nil, err
		}
		out[name] = a
	}
	return out, nil
}

// attr copies what must not be shared between calls: graphs, and tensors, which get names of their own later.
func (c *copier) attr(a graph.Attr, s *scope) (graph.Attr, error) {
	if a.Tensor != nil {
		a.Tensor = c.in.p.m.copyWeight(a.Tensor)
	}
	a.Tensors = slices.Clone(a.Tensors)
	for i, w := range a.Tensors {
		a.Tensors[i] = c.in.p.m.copyWeight(w)
	}
	var err error
	if a.Graph != nil {
		if a.Graph, err = c.graph(a.Graph, s); err != nil {
			return a, err
		}
	}
	a.Graphs = slices.Clone(a.Graphs)
	for i, g := range a.Graphs {
		if a.Graphs[i], err = c.graph(g, s); err != nil {
			return a, err
		}
	}
	return a, nil
}

// graph copies a body.
func (c *copier) graph(g *graph.Graph, up *scope) (*graph.Graph, error) {
	s := &scope{names: map[string]string{}, up: up}
	out := &graph.Graph{Name: g.Name, Weights: make(map[string]*graph.Weight, len(g.Weights))}
	define := func(name string) string {
		to := c.in.names.fresh(c.prefix + "/" + name)
		s.names[name] = to
		return to
	}
	for _, v := range g.Inputs {
		v.Name = define(v.Name)
		out.Inputs = append(out.Inputs, v)
	}
	for _, name := range sortedNames(g.Weights) {
		w := c.in.p.m.copyWeight(g.Weights[name])
		if to, ok := s.names[name]; ok {
			w.Name = to // files of old versions list weights among the inputs
		} else {
			w.Name = define(name)
		}
		out.Weights[w.Name] = w
	}
	var err error
	if out.Nodes, err = c.nodes(g.Nodes, s); err != nil {
		return nil, err
	}
	for _, v := range g.Outputs {
		to, ok := s.find(v.Name)
		if !ok {
			return nil, c.f.fault("the body %q gives out %q, which nothing defines", g.Name, v.Name)
		}
		v.Name = to
		out.Outputs = append(out.Outputs, v)
	}
	return out, nil
}

// copyWeight copies a weight that shares its bytes, so that each can have its own name.
func (m *Model) copyWeight(w *graph.Weight) *graph.Weight {
	out := *w
	if s, ok := m.typed[w]; ok {
		m.typed[&out] = s
	}
	if w.Sparse != nil {
		out.Sparse = &graph.Sparse{Values: m.copyWeight(w.Sparse.Values), Indices: m.copyWeight(w.Sparse.Indices)}
	}
	return &out
}

// sortedNames are the names of weights in ascending order.
func sortedNames(weights map[string]*graph.Weight) []string { return slices.Sorted(maps.Keys(weights)) }
