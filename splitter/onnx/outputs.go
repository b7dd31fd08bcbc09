package onnx

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
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

// constantOutput lets an Identity compute an output that turned out to be a constant.
func (c *cleaner) constantOutput(name string) {
	w := c.net.graph.Weights[name]
	delete(c.net.graph.Weights, name)
	moved := *w
	moved.Name = c.unused(name + "/constant")
	c.store.derive(&moved, w, nil)
	c.net.graph.Weights[moved.Name] = &moved
	c.net.values[moved.Name] = weightValue(&moved)
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

// check finds out whether every row's results depend on that row alone, so that batches may be cut.
func (n *net) check() {
	batched := slices.ContainsFunc(n.graph.Inputs, func(v graph.Value) bool {
		return len(v.Dims) > 0 && v.Dims[0].Symbol == batchSymbol
	})
	if !batched {
		n.mixes = "no input has rows of any number"
		return
	}
	for _, node := range n.graph.Nodes {
		if why := n.rowMixing(node); why != "" {
			n.mixes = subject(node) + " " + why
			return
		}
	}
	for _, v := range n.graph.Outputs {
		if d, ok := rowDim(v); !ok || d != 0 {
			n.mixes = "output " + v.Name + " does not have the rows in front"
			return
		}
	}
}

// rowDim is the dimension that counts the rows: it occurs once, and only dimensions of 1 stand before it.
func rowDim(v graph.Value) (int, bool) {
	at := slices.IndexFunc(v.Dims, func(d graph.Dim) bool { return d.Symbol == batchSymbol })
	if at < 0 {
		return 0, false
	}
	for i, d := range v.Dims {
		if i < at && d.Size != 1 || i > at && d.Symbol == batchSymbol {
			return 0, false
		}
	}
	return at, true
}

// rowMixing says why a node's result for a row may depend on other rows, "" when it does not.
func (n *net) rowMixing(node *graph.Node) string {
	rows, at := false, 0
	for i, in := range node.Inputs {
		v := n.values[in]
		if !slices.ContainsFunc(v.Dims, func(d graph.Dim) bool { return d.Symbol == batchSymbol }) {
			continue
		}
		d, ok := rowDim(v)
		if !ok {
			return "reads rows that are not in front"
		}
		if i == 0 {
			at = d
		}
		rows = true
	}
	if !rows {
		return ""
	}
	for _, out := range node.Outputs {
		if out == "" {
			continue
		}
		if _, ok := rowDim(n.values[out]); !ok {
			return "does not keep the rows apart"
		}
	}
	rank := len(n.values[node.Inputs[0]].Dims)
	switch node.Op {
	case "Softmax", "LogSoftmax":
		if a, err := axis(node.Int("axis", softmaxAxis(n.graph.Opsets[""])), rank); err != nil || a <= at {
			return "normalises over rows"
		}
	case "Normalizer", "Scaler", "Binarizer":
		if rank < 2 {
			return "takes all rows for one"
		}
	case "BatchNormalization":
		if at != 0 {
			return "takes rows for channels"
		}
	}
	return ""
}

// dtypeKnown reports whether a value is a tensor of known type and rank.
func dtypeKnown(v graph.Value) bool { return v.DType != tensor.Invalid && v.Ranked }
