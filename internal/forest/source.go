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
	Format    string // of the file, for people: "xgboost json"
	File      string // base name of the file
	Objective string // the library's own name, for example "multi:softprob"
	// Params are objective parameters that change the transform, by the library's names.
	Params   map[string]string
	Features []Feature
	Outputs  int       // K: margins per row
	Init     []float32 // margin before the first tree, per output, already transformed from base_score
	Trees    []TreeInfo
	Notes    []Note   // further facts for people, in display order
	Remarks  []string // sentences that a user of the model should read, in display order
}

// Note is a named fact about a model file.
type Note struct{ Name, Value string }

// Feature is one input column. Name is "" when the file has no names. Kind is "", "float", "int", "indicator" or
// "categorical".
type Feature struct{ Name, Kind string }

// TreeInfo is what a first pass over the file learns of one tree.
type TreeInfo struct {
	Nodes      int // reachable nodes, leaves included
	Leaves     int
	Depth      int // edges on the longest path
	Categories int // sum of CategoryWords over all categorical nodes
	// Outputs are the model outputs that the tree's leaves add to, one per leaf value: [g] for a scalar leaf of group
	// g, [0 .. K-1] for a vector leaf. Trees may share the slice.
	Outputs []int
	// Tests are the distinct tests of the tree, ascending. Trees may share the slice.
	Tests []Test
	// MinLeaf and MaxLeaf bound the leaf values, per entry of Outputs, drop weights applied.
	MinLeaf, MaxLeaf []float32
}

// Test is what a node tests, apart from its threshold or set: feature index, whether the test is categorical, and whether
// a missing value goes left. Ascending order is order of features.
type Test uint32

// MaxFeatures is the number of features that a Test can name.
const MaxFeatures = 1 << 29

// NewTest makes a Test; feature must be in [0, MaxFeatures).
func NewTest(feature int32, categorical, missingLeft bool) Test {
	t := Test(feature) << 2
	if categorical {
		t |= 2
	}
	if missingLeft {
		t |= 1
	}
	return t
}

// Feature is the index of the tested feature.
func (t Test) Feature() int { return int(t >> 2) }

// Categorical reports whether the node holds a set of categories instead of a threshold.
func (t Test) Categorical() bool { return t&2 != 0 }

// MissingLeft reports whether a missing value goes left.
func (t Test) MissingLeft() bool { return t&1 != 0 }

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
// ascending i read the file forwards. The Ensemble is the same, unchanging value at every call. It is not safe for
// concurrent use.
type Source interface {
	Ensemble() *Ensemble
	Tree(i int, dst *Tree) error
	Close() error
}

// InputDType is the dtype in which the library compares features.
func (l Library) InputDType() tensor.DType { return tensor.F32 }
