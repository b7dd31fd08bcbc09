package onnx

import (
	"errors"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// body prepares a graph inside a node: its Constant nodes become weights, its weights are checked like all others, and
// what it reads from outside follows the aliases there. Its nodes stay.
func (c *cleaner) body(g *graph.Graph) error {
	c.net.bodies++
	for _, name := range sorted(g.Weights) {
		if err := c.store.take(name, g.Weights[name]); err != nil {
			return err
		}
	}
	nodes := g.Nodes[:0]
	for _, n := range g.Nodes {
		for b := range n.Bodies() {
			if err := c.body(b); err != nil {
				return err
			}
		}
		w, err := c.constantWeight(n)
		if err != nil {
			return err
		}
		if w == nil {
			if err := c.attributes(n); err != nil {
				return err
			}
			nodes = append(nodes, n)
			continue
		}
		if err := c.store.take(n.Outputs[0], w); err != nil {
			return err
		}
		g.Weights[w.Name] = w
	}
	clear(g.Nodes[len(nodes):])
	g.Nodes = nodes
	return nil
}

// attributes reads the tensors that a node holds in its attributes, such as the element of a ConstantOfShape: they stand in
// the programs themselves. Those of Constant nodes are weights.
func (c *cleaner) attributes(n *graph.Node) error {
	if n.Domain == "" && n.Op == "Constant" {
		return nil
	}
	for name, a := range n.Attrs {
		w := a.Tensor
		if a.Kind != graph.AttrTensor || w == nil || w.Opaque != nil {
			continue
		}
		if err := c.store.take(n.Name+"/"+name, w); err != nil {
			return err
		}
		if w.Data != nil || w.DType == tensor.String {
			continue
		}
		size, err := w.Bytes()
		if err != nil {
			return fmt.Errorf("%s: attribute %s: %w", subject(n), name, err)
		}
		r, err := c.store.open(w)
		if err != nil {
			return fmt.Errorf("%s: attribute %s: %w", subject(n), name, err)
		}
		data := tensor.Aligned(int(size))
		if _, err := r.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: attribute %s: %w", subject(n), name, err)
		}
		w.Data, w.Location, w.Offset, w.Length = data, "", 0, 0
	}
	return nil
}

// foreignTo says what about a node no engine could cover, whatever the operator: functions that were not replaced, types
// that Shardwise does not have, attributes of kinds that no operator takes.
func (c *cleaner) foreignTo(n *graph.Node) (reason, remedy string) {
	for _, f := range c.kept {
		if f.Called(n) {
			return f.Kept, "convert the model and its functions to one version of the operators (onnx.version_converter), or inline them (onnx.inliner)"
		}
	}
	for _, name := range reads(n) {
		if v := c.net.values[name]; v.Foreign != "" {
			return fmt.Sprintf("its input %q is %s", name, v.Foreign), "export the model with ordinary tensors of numbers, booleans or strings"
		}
	}
	for b := range bodiesOf(n) {
		for _, w := range b.Weights {
			if w.Opaque != nil {
				return fmt.Sprintf("its body has the constant %q of %s", w.Name, w.Opaque.Type), "export the model with ordinary tensors of numbers, booleans or strings"
			}
		}
	}
	for _, name := range sorted(n.Attrs) {
		a := n.Attrs[name]
		what := ""
		switch a.Kind {
		case graph.AttrTensors:
			what = "a list of tensors"
		case graph.AttrGraphs:
			what = "a list of graphs"
		case graph.AttrSparseTensors:
			what = "a list of sparse tensors"
		case graph.AttrRef:
			what = "a reference to an attribute of a function, and stands in none"
		case graph.AttrTensor:
			if a.Tensor.Opaque != nil && n.Op != "Constant" {
				what = "a tensor of " + a.Tensor.Opaque.Type
			}
		}
		if what != "" {
			return fmt.Sprintf("attribute %q holds %s", name, what), "export the model without this operator"
		}
	}
	return "", ""
}

// bodiesOf are the graphs in a node, at any depth.
func bodiesOf(n *graph.Node) func(func(*graph.Graph) bool) {
	return func(yield func(*graph.Graph) bool) {
		for b := range n.Bodies() {
			for g := range b.All() {
				if !yield(g) {
					return
				}
			}
		}
	}
}

// opaque takes a node over of which nothing is known but its name.
func (c *cleaner) opaque(n *graph.Node, reason, remedy string) {
	c.net.graph.Nodes = append(c.net.graph.Nodes, n)
	c.refuse(n, reason, remedy)
	for _, o := range n.Outputs {
		if o != "" {
			c.net.values[o] = graph.Value{Name: o, DType: tensor.Invalid}
		}
	}
}
