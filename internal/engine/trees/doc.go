// Package trees holds the operators of tree ensembles, all of the domain shardwise, version 1:
//
//   - TreeEnsemble walks a packed ensemble (package forest) and gives leaf values, their sums, and the leaves' nodes;
//   - TreeLeaf turns the leaves' nodes into the library's own leaf indices;
//   - TreeMargin adds leaf values in tree order to margins, where all trees are in one place;
//   - XGBoostObjective turns margins into predictions.
//
// The tables of an ensemble are the node's weights; they are checked in full before the first walk and trusted
// afterwards. The package knows nothing of shards or of how the margins of several are put together. internal/engine/native assembles
// its table; the tree partitioner uses the names and the transforms.
package trees

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Version is the version of the domain shardwise that these operators are defined in.
const Version = 1

// The operators' names.
const (
	OpEnsemble  = "TreeEnsemble"
	OpLeaf      = "TreeLeaf"
	OpMargin    = "TreeMargin"
	OpObjective = "XGBoostObjective"
)

// Table is the family's operators.
func Table() engine.Table {
	op := func(build func(*engine.Site) (engine.Kernel, error), in ...tensor.DType) []engine.Operator {
		o := engine.Operator{Since: Version, Until: Version, Build: build}
		for _, d := range in {
			o.In = append(o.In, engine.TypesOf(d))
		}
		return []engine.Operator{o}
	}
	key := func(name string) engine.Key { return engine.Key{Domain: graph.ShardwiseDomain, Op: name} }
	return engine.Table{
		key(OpEnsemble):  op(buildEnsemble, tensor.F32, tensor.U64, tensor.U32, tensor.I64, tensor.I32, tensor.I32, tensor.F32, tensor.U32),
		key(OpLeaf):      op(buildLeaf, tensor.I32),
		key(OpMargin):    op(buildMargin, tensor.F32, tensor.I32, tensor.F32),
		key(OpObjective): op(buildObjective, tensor.F32),
	}
}
