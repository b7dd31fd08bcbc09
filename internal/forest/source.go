package forest

import "github.com/shardwise/shardwise/internal/tensor"

// Library names the decision and summation rules of an ensemble.
type Library string

// XGBoost: float32 comparisons x < threshold, categories in the set go right, margins are summed in float32 tree by tree.
const XGBoost Library = "xgboost"

// Ensemble is what is known of an ensemble without its nodes.
type Ensemble struct {
	Library   Library
	Version   string // of the library that wrote the file, "" when it does not say
	Objective string // the library's own name, for example "multi:softprob"
	// Params are objective parameters that change the transform, by the library's names.
	Params   map[string]string
	Features []Feature
	Outputs  int       // K: margins per row
	Init     []float32 // margin before the first tree, per output, already transformed from base_score
	Trees    []TreeInfo
}

// Feature is one input column. Kind is "", "float", "int", "indicator" or "categorical".
type Feature struct{ Name, Kind string }

// TreeInfo is what a first pass over the file learns of one tree.
type TreeInfo struct {
	Nodes      int // reachable nodes, leaves included
	Leaves     int
	Depth      int // edges on the longest path
	Categories int // number of category-set words (32 bits) over all categorical nodes
	// Outputs are the model outputs that the tree's leaves add to, one per leaf value: [g] for a scalar leaf of group
	// g, [0 .. K-1] for a vector leaf.
	Outputs []int
	// Features are the ascending indices of the features the tree tests.
	Features []int32
	// MinLeaf and MaxLeaf bound the leaf values, per entry of Outputs, drop weights applied.
	MinLeaf, MaxLeaf []float32
}

// Tree is one decoded tree: reachable nodes only, root at 0, parallel slices by node.
type Tree struct {
	Feature   []int32 // model feature index; undefined at leaves
	Threshold []float32
	Left      []int32 // -1 at leaves
	Right     []int32
	Default   []bool     // true: a missing value goes left
	Original  []int32    // the library's own node id, which is its leaf index
	Category  [][]uint32 // per node nil, or the set of categories as bit words
	// Values holds the leaf values, len(TreeInfo.Outputs) per node (zeros at inner nodes), drop weights applied as the
	// library does: float32(leaf * weight).
	Values []float32
}

// Source gives an ensemble's trees one at a time. Tree(i) decodes tree i into dst, reusing its slices; calls with
// ascending i read the file forwards. It is not safe for concurrent use.
type Source interface {
	Ensemble() *Ensemble
	Tree(i int, dst *Tree) error
	Close() error
}

// InputDType is the dtype in which the library compares features.
func (l Library) InputDType() tensor.DType { return tensor.F32 }
