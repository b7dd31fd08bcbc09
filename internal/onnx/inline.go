package onnx

import (
	"fmt"
	"strconv"

	"github.com/shardwise/shardwise/internal/graph"
)

// inliner replaces the calls of functions by their nodes, and gives every value of the model a name of its own: what a
// body defines never has the name of a value outside it or in another body, so that names can be read without scopes.
type inliner struct {
	p     *parser
	byKey map[functionKey]*function
	names *names

	copied int // counted against maxCopied
}

// inline makes the parsed graph one without functions and without names that hide others.
func (p *parser) inline() error {
	if len(p.functions) == 0 && !p.bodies {
		return nil
	}
	byKey, err := indexFunctions(p.functions)
	if err != nil {
		return err
	}
	g := p.m.Graph
	in := &inliner{p: p, byKey: byKey, names: &names{taken: g.Defines(), next: map[string]int{}}}
	for _, n := range g.Nodes {
		for b := range n.Bodies() {
			in.unhide(b)
		}
	}
	for _, f := range p.functions {
		in.checkVersions(f)
	}
	if g.Nodes, err = in.expand(g.Nodes); err != nil {
		return err
	}
	for _, f := range p.functions {
		p.m.Functions = append(p.m.Functions, f.Function)
	}
	return nil
}

// unhide renames what a body defines under a name that is taken.
func (in *inliner) unhide(g *graph.Graph) {
	own := g.Defines()
	changed := map[string]string{}
	for name := range own {
		if !in.names.taken[name] {
			in.names.taken[name] = true
		} else {
			changed[name] = ""
		}
	}
	// In the order of the graph, so that the same file always gives the same names.
	rename := func(name string) string {
		to, hidden := changed[name]
		if hidden && to == "" {
			to = in.names.fresh(name)
			changed[name] = to
		}
		if hidden {
			return to
		}
		return name
	}
	if len(changed) > 0 {
		renameGraph(g, rename)
	}
	for _, n := range g.Nodes {
		for b := range n.Bodies() {
			in.unhide(b)
		}
	}
}

// renameGraph renames what a graph defines, where it is defined and where it is read.
func renameGraph(g *graph.Graph, to func(string) string) {
	for i := range g.Inputs {
		g.Inputs[i].Name = to(g.Inputs[i].Name)
	}
	weights := make(map[string]*graph.Weight, len(g.Weights))
	for _, name := range sortedNames(g.Weights) {
		w := g.Weights[name]
		w.Name = to(name)
		weights[w.Name] = w
	}
	g.Weights = weights
	for _, n := range g.Nodes {
		n.Rename(to)
		for i, o := range n.Outputs {
			if o != "" {
				n.Outputs[i] = to(o)
			}
		}
	}
	for i := range g.Outputs {
		g.Outputs[i].Name = to(g.Outputs[i].Name)
	}
}

// expand replaces the calls among the nodes and in their bodies.
func (in *inliner) expand(nodes []*graph.Node) ([]*graph.Node, error) {
	if len(in.byKey) == 0 {
		return nodes, nil
	}
	var out []*graph.Node
	for _, n := range nodes {
		for b := range n.Bodies() {
			var err error
			if b.Nodes, err = in.expand(b.Nodes); err != nil {
				return nil, err
			}
		}
		f := in.byKey[functionKey{n.Domain, n.Op, n.Overload}]
		if f == nil || f.Kept != "" {
			out = append(out, n)
			continue
		}
		body, err := in.call(n, f)
		if err != nil {
			return nil, err
		}
		// The nodes of the body may be calls themselves; no function calls itself, so this ends.
		if body, err = in.expand(body); err != nil {
			return nil, err
		}
		out = append(out, body...)
	}
	return out, nil
}

// call is a copy of the function's nodes that computes the outputs of n from its inputs.
func (in *inliner) call(n *graph.Node, f *function) ([]*graph.Node, error) {
	if len(n.Inputs) > len(f.inputs) || len(n.Outputs) > len(f.outputs) {
		return nil, f.fault("node %q calls it with %d inputs and %d outputs, it has %d and %d", n.Name, len(n.Inputs), len(n.Outputs), len(f.inputs), len(f.outputs))
	}
	f.Calls++
	for domain, version := range f.opsets {
		if _, ok := in.p.m.Graph.Opsets[domain]; !ok {
			in.p.m.Graph.Opsets[domain] = version
		}
	}
	c := &copier{in: in, f: f, call: n, prefix: n.Name}
	if c.prefix == "" {
		c.prefix = n.Op
	}
	top := &scope{names: map[string]string{}}
	for i, name := range f.inputs {
		top.names[name] = at(n.Inputs, i)
	}
	var handedOn []*graph.Node
	for i, name := range f.outputs {
		actual := at(n.Outputs, i)
		from, isInput := top.names[name]
		switch {
		case isInput && actual != "": // the function gives an input back
			handedOn = append(handedOn, &graph.Node{Name: in.names.fresh(c.prefix), Op: "Identity", Inputs: []string{from}, Outputs: []string{actual}})
		case !isInput && actual != "":
			top.names[name] = actual
		}
	}
	body, err := c.nodes(f.nodes, top)
	return append(body, handedOn...), err
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// scope maps the names of a function's graph to those of the copy.
type scope struct {
	names map[string]string
	up    *scope
}

func (s *scope) find(name string) (string, bool) {
	for ; s != nil; s = s.up {
		if to, ok := s.names[name]; ok {
			return to, true
		}
	}
	return "", false
}

// names makes names that no value has.
type names struct {
	taken map[string]bool
	next  map[string]int
}

// maxMadeName keeps names of nested calls from growing without end.
const maxMadeName = 200

// fresh is a name like base that nothing has yet; it has it now.
func (s *names) fresh(base string) string {
	if len(base) > maxMadeName || base == "" {
		base = "value"
	}
	name := base
	for s.taken[name] {
		s.next[base]++
		name = base + "_" + strconv.Itoa(s.next[base])
	}
	s.taken[name] = true
	return name
}

// checkVersions decides whether the function's nodes mean the same under the model's operator sets.
func (in *inliner) checkVersions(f *function) {
	var check func(nodes []*graph.Node)
	check = func(nodes []*graph.Node) {
		for _, n := range nodes {
			own, has := f.opsets[n.Domain]
			model, also := in.p.m.Graph.Opsets[n.Domain]
			local := in.byKey[functionKey{n.Domain, n.Op, n.Overload}] != nil
			if f.Kept == "" && has && also && !local && !sameDefinition(n.Domain, n.Op, own, model) {
				f.Kept = fmt.Sprintf("it is a function with version %d of %s, in which %s is another operator than in the model's version %d", own, domainName(n.Domain), n.Op, model)
			}
			for b := range n.Bodies() {
				check(b.Nodes)
			}
		}
	}
	check(f.nodes)
}

func domainName(domain string) string {
	if domain == "" {
		return "ai.onnx"
	}
	return domain
}
