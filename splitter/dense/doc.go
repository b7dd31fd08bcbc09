// Package dense partitions multilayer perceptrons and linear models: graphs whose weight lies in matrix products with
// constant matrices.
//
// Such a product, a layer, is cut by columns (each shard has some of the outputs: Shard, merged by concatenation) or by
// rows (each shard has some of the inputs: Partial(sum)). A layer cut by columns, the elementwise operators that follow it
// and the layers cut by rows that read their results are one stage, because a shard's outputs of the first are exactly
// its inputs of the others. Everything between stages runs in the coordinator's local programs: what is behind a sum
// (biases, activations, Softmax), and layers so small that they are not worth a round.
//
// The plan has the fewest stages first (docs/decisions/0003-dense-plans.md). The package reads weights by ranges as they
// are written and never holds one; it runs nothing.
package dense

import (
	"io"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Mode is the only numeric mode of dense plans: partial sums are added in shard order.
const Mode = "sum"

// Model is a cleaned graph: nodes in topological order, every one covered by the native engine, and the type of every
// value. The partitioner does not change it.
type Model struct {
	Graph     *graph.Graph
	Values    map[string]graph.Value // by value name, weights included
	Signature manifest.Signature
	Sources   []manifest.Source
	// Dims translates dimensions to the signature's terms.
	Dims func([]graph.Dim) []manifest.Dim
	// Read gives the row-major little-endian bytes of a weight of the graph.
	Read func(w *graph.Weight) (io.ReaderAt, error)
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
