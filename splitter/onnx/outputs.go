package onnx

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
	"github.com/shardwise/shardwise/splitter/layout"
)

// outputs takes over the graph's outputs under their own names. Where one is an alias, the value that it equals takes the
// output's name, unless that one is an input, a constant or an output itself: then an Identity makes it.
func (c *cleaner) outputs(g *graph.Graph) error {
	taken := map[string]bool{}
	for _, v := range g.Outputs {
		taken[v.Name] = true
	}
	for _, v := range c.net.graph.Inputs {
		taken[v.Name] = true
	}
	for _, v := range g.Outputs {
		from, aliased := c.alias[v.Name]
		_, weight := c.net.graph.Weights[from]
		switch {
		case !aliased:
		case weight || taken[from]:
			if err := c.keep(&graph.Node{Name: v.Name, Op: "Identity", Inputs: []string{from}, Outputs: []string{v.Name}}); err != nil {
				return err
			}
		default:
			c.rename(from, v.Name)
		}
		if _, constant := c.net.graph.Weights[v.Name]; constant {
			c.constantOutput(v.Name)
		}
		if slices.ContainsFunc(c.net.graph.Inputs, func(in graph.Value) bool { return in.Name == v.Name }) {
			c.net.foreign = append(c.net.foreign, &layout.RefusalError{Subject: "output " + v.Name, Reason: "it is an input of the model, too, and a deployment's inputs and outputs have one set of names",
				Remedy: "leave it away, since the caller has it, or let an Identity yield it under another name"})
		}
		known, ok := c.net.values[v.Name]
		if v.Foreign != "" && (known.DType == tensor.Invalid || c.net.zipMaps == 0) {
			c.foreign("output", v)
		}
		if !ok {
			return &layout.RefusalError{Subject: "output " + v.Name, Reason: "no node computes it", Remedy: remedyCheck}
		}
		if v.DType != tensor.Invalid && known.DType != tensor.Invalid && v.DType != known.DType {
			return &layout.RefusalError{Subject: "output " + v.Name, Reason: fmt.Sprintf("the file declares it as %s, its nodes compute %s", v.DType, known.DType), Remedy: remedyCheck}
		}
		c.net.graph.Outputs = append(c.net.graph.Outputs, known)
	}
	c.legalNames()
	return nil
}

// legalNames renames the inner values whose names a manifest cannot hold.
func (c *cleaner) legalNames() {
	outputs := map[string]bool{"": true}
	for _, v := range c.net.graph.Outputs {
		outputs[v.Name] = true
	}
	changed := map[string]string{}
	for i, n := range c.net.graph.Nodes {
		for j, o := range n.Outputs {
			if !outputs[o] && checkName("value", o) != nil {
				changed[o] = c.unused(fmt.Sprintf("value_%d_%d", i, j))
			}
		}
	}
	c.renameAll(changed)
}

// constantOutput lets an Identity compute an output that turned out to be a constant. What reads the constant takes it under its new name: the Identity stands
// behind all nodes.
func (c *cleaner) constantOutput(name string) {
	w := c.net.graph.Weights[name]
	delete(c.net.graph.Weights, name)
	moved := *w
	moved.Name = c.unused(name + "/constant")
	c.store.derive(&moved, w, nil)
	c.net.graph.Weights[moved.Name] = &moved
	c.net.values[moved.Name] = weightValue(&moved)
	c.scope.Define(moved.Name, infer.OfWeight(&moved))
	for _, n := range c.net.graph.Nodes {
		n.Rename(func(in string) string {
			if in == name {
				return moved.Name
			}
			return in
		})
	}
	c.net.graph.Nodes = append(c.net.graph.Nodes, &graph.Node{Name: name, Op: "Identity", Inputs: []string{moved.Name}, Outputs: []string{name}})
}

func (c *cleaner) unused(name string) string {
	for c.net.values[name].Name != "" {
		name += "_"
	}
	return name
}

// rename gives a value another name, everywhere.
func (c *cleaner) rename(from, to string) { c.renameAll(map[string]string{from: to}) }

// renameAll gives values other names, everywhere, in one pass over the graph.
func (c *cleaner) renameAll(changed map[string]string) {
	if len(changed) == 0 {
		return
	}
	swap := func(name string) string {
		if to, ok := changed[name]; ok {
			return to
		}
		return name
	}
	for _, n := range c.net.graph.Nodes {
		n.Rename(swap)
		for i, o := range n.Outputs {
			n.Outputs[i] = swap(o)
		}
	}
	for name, target := range c.alias {
		c.alias[name] = swap(target)
	}
	for from, to := range changed {
		v := c.net.values[from]
		v.Name = to
		delete(c.net.values, from)
		c.net.values[to] = v
		c.scope.Rename(from, to)
		c.alias[from] = to
	}
}

// prune drops the nodes and weights that no output needs, and what was said about them.
func (c *cleaner) prune() {
	g := c.net.graph
	needed := map[string]bool{}
	for _, v := range g.Outputs {
		needed[v.Name] = true
	}
	var nodes []*graph.Node
	kept := map[*graph.Node]bool{}
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Outputs, func(o string) bool { return needed[o] }) {
			continue
		}
		kept[n] = true
		nodes = append(nodes, n)
		for _, in := range reads(n) {
			needed[in] = true
		}
	}
	slices.Reverse(nodes)
	g.Nodes = nodes
	for name := range g.Weights {
		if !needed[name] {
			delete(g.Weights, name)
		}
	}
	c.net.refused = slices.DeleteFunc(c.net.refused, func(r refused) bool { return !kept[r.node] })
}

// findRows finds out whether the rows of a batch are independent, so that batches may be cut. The rows are what counts
// the first dimension of inputs; where inputs have several such symbols, the first one that serves is it.
func (n *net) findRows(s *infer.Scope) {
	n.mixes = "no input has rows of any number"
	for i, symbol := range n.leading {
		why := n.mixing(infer.AnalyseRows(n.graph, s, symbol))
		if i == 0 || why == "" {
			n.mixes, n.batch = why, symbol
		}
		if why == "" {
			return
		}
	}
}

// mixing is the first reason why an output is not one for each row.
func (n *net) mixing(r *infer.Rows) string {
	for _, v := range n.graph.Outputs {
		if why := r.Mixed(v.Name); why != "" {
			return "output " + v.Name + ": " + why
		}
	}
	return ""
}

// dtypeKnown reports whether a value is a tensor of known type and rank.
func dtypeKnown(v graph.Value) bool { return v.DType != tensor.Invalid && v.Ranked }
