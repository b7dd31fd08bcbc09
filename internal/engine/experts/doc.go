// Package experts is the family of layers that are a weighted sum of networks, of which each row takes a few: mixtures of experts. ONNX has no operator
// for them; exporters write them out, and package splitter/optimise recognises that.
//
// The package knows nothing of shards: a part of a layer is a layer of fewer experts. internal/engine/native assembles its table.
package experts

import (
	"fmt"
	"strings"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
)

// Version is the version of the domain shardwise that the operator is defined in.
const Version = 1

// Op is the operator's name.
const Op = "Experts"

// Inputs of Experts by position: the rows [..., columns], and for each a weight for every expert, [..., experts], both of one type.
const (
	InRows = iota
	InGates
	inputs
)

// Attributes of Experts: how many columns results have, and for how many experts a row has a weight other than 0 as far as is known, which is a hint
// for estimates. The experts' bodies are the attributes that BodyName names.
const (
	AttrWidth = "width"
	AttrTop   = "top"
)

const bodyPrefix = "expert_"

// BodyName is the attribute of expert i: a graph from one input, rows [n, columns], to one output, [n, width], each of whose rows depends on the same
// row of the input alone. Names of ascending numbers ascend.
func BodyName(i int) string { return fmt.Sprintf("%s%06d", bodyPrefix, i) }

// IsBody reports whether the attribute of the name is an expert's body.
func IsBody(name string) bool { return strings.HasPrefix(name, bodyPrefix) }

// Count is how many experts a node has.
func Count(n *graph.Node) int {
	count := 0
	for name := range n.Attrs {
		if IsBody(name) {
			count++
		}
	}
	return count
}

// Is reports whether the node is a layer of experts.
func Is(n *graph.Node) bool { return n.Domain == graph.ShardwiseDomain && n.Op == Op }

// Table is the family's operators.
func Table() engine.Table {
	floats := engine.Floats()
	return engine.Table{{Domain: graph.ShardwiseDomain, Op: Op}: {{Since: Version, Until: Version, Build: build, In: []engine.Types{floats, floats}}}}
}
