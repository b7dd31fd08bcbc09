package onnx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
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
