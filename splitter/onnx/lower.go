package onnx

import (
	"slices"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
)

// classicDomain is the domain of scikit-learn's operators.
const classicDomain = "ai.onnx.ml"

// lower rewrites a node in terms that can be split: linear models become matrix products, and a product with a transposed
// constant takes the constant itself. What ONNX Runtime fuses is written as what it is made of. Other nodes stay as they are, and so do linear models that have no such form.
func (c *cleaner) lower(n *graph.Node) ([]*graph.Node, error) {
	if nodes, ok, err := c.unfused(n); ok || err != nil {
		return nodes, err
	}
	switch {
	case n.Domain == "" && (n.Op == "MatMul" || n.Op == "Gemm") && len(n.Inputs) > 1:
		return []*graph.Node{c.unflip(n)}, nil
	case n.Domain == classicDomain && n.Op == "LinearClassifier" && len(n.Inputs) == 1 && len(n.Outputs) > 0,
		n.Domain == classicDomain && n.Op == "LinearRegressor" && len(n.Inputs) == 1 && len(n.Outputs) == 1:
		if l, ok := c.linearModel(n); ok && native.RefusesTyped(n, c.net.graph.Opsets, c.net.graph.Weights, c.dtypes(n)) == nil {
			return c.linear(l)
		}
	}
	return []*graph.Node{n}, nil
}

// unflip lets a product of matrices take W instead of the constant Transpose(W).
func (c *cleaner) unflip(n *graph.Node) *graph.Node {
	from, ok := c.flipped[n.Inputs[1]]
	if !ok || n.Op == "MatMul" && len(c.net.values[n.Inputs[0]].Dims) != 2 || c.net.graph.Opsets[""] < 11 {
		return n
	}
	out := *n
	out.Inputs, out.Attrs = slices.Clone(n.Inputs), map[string]graph.Attr{}
	for name, a := range n.Attrs {
		out.Attrs[name] = a
	}
	out.Op, out.Inputs[1] = "Gemm", from
	out.Attrs["transB"] = graph.Attr{Kind: graph.AttrInt, Int: 1}
	if n.Op == "Gemm" && n.Int("transB", 0) != 0 {
		out.Attrs["transB"] = graph.Attr{Kind: graph.AttrInt, Int: 0}
	}
	return &out
}
