package onnx

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/optimise"
)

// constants gives package optimise the weights of the store.
type constants struct{ *store }

// Read implements optimise.Weights.
func (c constants) Read(w *graph.Weight) ([]byte, error) {
	size, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	r, err := c.open(w)
	if err != nil {
		return nil, err
	}
	data := tensor.Aligned(int(size))
	if _, err := r.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("tensor %s: %w", w.Name, err)
	}
	return data, nil
}

// CanDerive implements optimise.Weights: a sparse tensor is not held dense.
func (c constants) CanDerive(w *graph.Weight) bool { return w.Opaque == nil && !c.isSparse(w) }

// Derive implements optimise.Weights.
func (c constants) Derive(w, from *graph.Weight, make func([]byte) ([]byte, error)) {
	c.derive(w, from, make)
}

// optimise rewrites the cleaned graph when it can be split, and types and checks its nodes anew.
func (c *cleaner) optimise() error {
	if !c.net.splits() {
		return nil
	}
	before := count(c.net.graph)
	done, err := optimise.Run(c.net.graph, constants{c.store})
	if err != nil {
		return err
	}
	c.net.done, c.net.before = done, before
	if done.Any() {
		return c.retake()
	}
	return nil
}

// changes are what optimisation did.
func (n *net) changes() []layout.Change {
	var out []layout.Change
	for _, c := range n.done.Counts() {
		out = append(out, layout.Change{Kind: c.Kind, Nodes: c.Nodes, Text: c.Text})
	}
	return out
}

// splits reports whether some engine covers all of the graph.
func (n *net) splits() bool {
	return len(n.foreign) == 0 && !slices.ContainsFunc(n.refused, func(r refused) bool { return !r.why.Native })
}

// own is the net with the operators that the native engine alone has, nil when it has no use for them.
func (c *cleaner) own() (*net, error) {
	if len(c.net.foreign) > 0 || slices.ContainsFunc(c.net.refused, func(r refused) bool { return !c.packed(r.node) }) {
		return nil, nil
	}
	portable := c.net
	defer func() { c.net = portable }()
	made := *portable
	made.graph = portable.graph.Clone()
	done, err := optimise.Own(made.graph, constants{c.store})
	if err != nil || !done.Any() {
		return nil, err
	}
	made.done = portable.done.Add(done)
	made.bodies = 0
	for range made.graph.All() {
		made.bodies++
	}
	made.bodies-- // All begins with the graph itself
	c.net = &made
	if err := c.retake(); err != nil {
		return nil, err
	}
	if len(made.refused) > 0 {
		return nil, nil
	}
	made.findRows(c.scope)
	return &made, nil
}

// packed reports whether the native engine covers the node once it is rewritten.
func (c *cleaner) packed(n *graph.Node) bool {
	types := make([]infer.Value, len(n.Inputs))
	for i, in := range n.Inputs {
		types[i] = c.scope.Value(in)
	}
	return optimise.Packed(n, c.net.graph.Weights, types)
}

// retake types and checks the nodes of a rewritten graph as if they were the model's.
func (c *cleaner) retake() error {
	g := c.net.graph
	nodes := g.Nodes
	g.Nodes, c.net.refused, c.net.values, c.scope = nil, nil, map[string]graph.Value{}, infer.NewScope(g.Opsets)
	for name, w := range g.Weights {
		c.net.values[name] = weightValue(w)
		c.scope.Define(name, infer.OfWeight(w))
	}
	for _, v := range g.Inputs {
		c.net.values[v.Name] = v
		c.scope.Define(v.Name, infer.OfValue(v))
	}
	for _, n := range nodes {
		if reason, remedy := c.foreignTo(n); reason != "" {
			c.opaque(n, reason, remedy)
		} else if err := c.keep(n); err != nil {
			return err
		}
	}
	for i, v := range g.Outputs {
		g.Outputs[i] = c.net.values[v.Name]
	}
	return nil
}

// count counts a graph's operators, also those in bodies.
func count(g *graph.Graph) map[string]int {
	out := map[string]int{}
	for b := range g.All() {
		for _, n := range b.Nodes {
			out[operator(n)]++
		}
	}
	return out
}
