package onnx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// infer gives the types of a node's outputs, as far as they follow from the inputs' types. It fails when the inputs
// contradict each other.
func (c *cleaner) infer(n *graph.Node) ([]graph.Value, error) {
	values, err := c.scope.Node(n)
	if err != nil {
		var conflict *infer.ConflictError
		if errors.As(err, &conflict) {
			return nil, errors.New(conflict.Reason) // whoever asks names the node
		}
		return nil, err
	}
	out := make([]graph.Value, len(values))
	for i, v := range values {
		out[i] = v.Graph(n.Outputs[i])
	}
	return out, nil
}

// resolveShape replaces the computed shape of a Reshape by a constant when its elements are known: sizes stay, a
// dimension of the input in its own place becomes 0, one other expression becomes -1.
func (c *cleaner) resolveShape(n *graph.Node) {
	if n.Domain != "" || n.Op != "Reshape" || len(n.Inputs) != 2 || n.Int("allowzero", 0) != 0 || c.net.graph.Weights[n.Inputs[1]] != nil {
		return
	}
	list, x := c.scope.Value(n.Inputs[1]).Elems, c.scope.Value(n.Inputs[0])
	if list == nil || x.Rank() < 0 {
		return
	}
	values, open := make([]int64, len(list)), 0
	for i, d := range list {
		size, fixed := d.Fixed()
		switch {
		case fixed:
			values[i] = size
			if size == -1 {
				open++
			}
		case i < x.Rank() && x.Dims[i].Equal(d):
			values[i] = 0
		default:
			values[i] = -1
			open++
		}
	}
	if open > 1 {
		return
	}
	t, err := tensor.FromSlice(tensor.I64, values, len(values))
	if err != nil {
		return
	}
	name := n.Outputs[0] + "/shape"
	if c.net.graph.Weights[name] == nil && c.addWeight(name, toWeight(t)) == nil {
		n.Inputs = []string{n.Inputs[0], name}
	}
}

// text shows dimensions in messages.
func text(dims []graph.Dim) string {
	var parts []string
	for _, d := range dims {
		switch {
		case d.Size >= 0:
			parts = append(parts, fmt.Sprint(d.Size))
		case d.Symbol != "":
			parts = append(parts, d.Symbol)
		default:
			parts = append(parts, "?")
		}
	}
	return fmt.Sprint(parts)
}

// fixed reports whether every size of the list is known.
func fixedDims(list []graph.Dim) bool {
	return !slices.ContainsFunc(list, func(d graph.Dim) bool { return d.Size < 0 })
}
