package partition

import (
	"io"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Mode is the numeric mode of plans for graphs: partial sums are added in shard order.
const Mode = "sum"

// Model is a cleaned graph: nodes in topological order, every one covered by its engine, and the type of every value. The
// partitioner does not change it.
type Model struct {
	Graph     *graph.Graph
	Values    map[string]graph.Value // by value name, weights included
	Signature manifest.Signature
	Sources   []manifest.Source
	Mode      string // the numeric mode of its rules; Mode when it is empty
	Engine    string // the engine that the programs need
	// Dims translates dimensions to the signature's terms.
	Dims func([]graph.Dim) []manifest.Dim
	// Read gives the row-major little-endian bytes of a weight of the graph.
	Read func(w *graph.Weight) (io.ReaderAt, error)
}

// Plan is a choice of stages, in their order. Nodes in no stage are the coordinator's.
type Plan struct {
	Graph  *sharding.Graph
	Shards int
	Stages []Stage
}

// mixed reports whether parts of the graph have operator sets of their own, so that no graph holds all of them.
func (p *Plan) mixed() bool {
	for _, s := range p.Stages {
		if slices.ContainsFunc(s.Pieces, func(x program.Piece) bool { return x.Opsets != nil }) {
			return true
		}
	}
	return false
}

// Stage is one round over the shards with these indices, ascending. Its pieces do not depend on one another.
type Stage struct {
	Shards []int
	Pieces []program.Piece
}

// Rule is the numeric promise for an output of the dtype. Floats lie within 1e-5 of the output's largest magnitude of the
// reference's: sums are added in another order there. Everything else, such as labels, is the same: a label changes
// only where two scores lie nearer to each other than that, and such a change is worth a report.
func Rule(d tensor.DType) manifest.Rule {
	if d.Float() {
		return manifest.Rule{Scale: 1e-5}
	}
	return manifest.Rule{Exact: true}
}
