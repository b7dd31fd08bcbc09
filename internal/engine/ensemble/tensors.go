package ensemble

import (
	"fmt"
	"math"
)

// Tensors are the attributes of TreeEnsemble (ai.onnx.ml 5 to today). A branch leads to a leaf where its entry of TrueLeaf or
// FalseLeaf is not 0, else to a node. Missing and Sets may be empty; Sets are those of the nodes that test membership, in the
// nodes' order, each ended by NaN.
type Tensors struct {
	Roots, Features, True, TrueLeaf, False, FalseLeaf []int64
	Missing                                           []int64
	Modes                                             []uint8
	Values                                            []float64
	Sets                                              []float64
	LeafTargets                                       []int64
	LeafWeights                                       []float64
	Targets                                           int
	Fold                                              Fold
}

// ReadTensors makes the ensemble. A leaf that several branches share is copied for each. A tree of one leaf is a node
// whose branches lead to the same leaf.
func ReadTensors(t Tensors) (*Ensemble, error) {
	n := len(t.Modes)
	if len(t.Features) != n || len(t.Values) != n || len(t.True) != n || len(t.False) != n || len(t.TrueLeaf) != n || len(t.FalseLeaf) != n {
		return nil, fmt.Errorf("the lists of nodes have different lengths: %d features, %d splits, %d true nodes, %d true leaves, %d false nodes, %d false leaves and %d modes",
			len(t.Features), len(t.Values), len(t.True), len(t.TrueLeaf), len(t.False), len(t.FalseLeaf), n)
	}
	if m := len(t.Missing); m != 0 && m != n {
		return nil, fmt.Errorf("%d nodes_missing_value_tracks_true for %d nodes", m, n)
	}
	if len(t.LeafTargets) != len(t.LeafWeights) {
		return nil, fmt.Errorf("%d leaf targets for %d leaf weights", len(t.LeafTargets), len(t.LeafWeights))
	}
	if n > math.MaxInt32/3 || len(t.LeafWeights) > math.MaxInt32 {
		return nil, fmt.Errorf("%d nodes and %d leaves, at most %d and %d are covered", n, len(t.LeafWeights), math.MaxInt32/3, math.MaxInt32)
	}
	e := &Ensemble{nodes: make([]node, n, 3*n), targets: t.Targets, fold: t.Fold}
	for i, target := range t.LeafTargets {
		if target < 0 || target >= int64(t.Targets) {
			return nil, fmt.Errorf("leaf %d adds to target %d of %d", i, target, t.Targets)
		}
		e.weights = append(e.weights, weight{int32(target), t.LeafWeights[i]})
	}
	sets := t.Sets
	for i := range n {
		var err error
		if sets, err = t.node(e, i, sets); err != nil {
			return nil, fmt.Errorf("node %d: %w", i, err)
		}
	}
	if len(sets) > 0 {
		return nil, fmt.Errorf("%d membership values more than the nodes have", len(sets))
	}
	for _, r := range t.Roots {
		if r < 0 || r >= int64(n) {
			return nil, fmt.Errorf("a root is node %d of %d", r, n)
		}
		e.roots = append(e.roots, int32(r))
	}
	return e, e.finish()
}

// node reads node i and takes its set off the remaining ones.
func (t *Tensors) node(e *Ensemble, i int, sets []float64) ([]float64, error) {
	modes := []Mode{LessEqual, Less, GreaterEqual, Greater, Equal, NotEqual, Member}
	if int(t.Modes[i]) >= len(modes) {
		return nil, fmt.Errorf("mode %d is not known", t.Modes[i])
	}
	if t.Features[i] < 0 || t.Features[i] >= math.MaxInt32 {
		return nil, fmt.Errorf("it tests feature %d", t.Features[i])
	}
	n := node{mode: modes[t.Modes[i]], feature: int32(t.Features[i]), value: t.Values[i], missing: len(t.Missing) > 0 && t.Missing[i] != 0}
	if n.mode == Member {
		end := 0
		for end < len(sets) && sets[end] == sets[end] {
			end++
		}
		if end == len(sets) {
			return nil, fmt.Errorf("its set has no end in membership_values")
		}
		n.set, sets = sets[:end], sets[end+1:]
	}
	var err error
	if n.yes, err = t.branch(e, t.True[i], t.TrueLeaf[i]); err != nil {
		return nil, err
	}
	if n.no, err = t.branch(e, t.False[i], t.FalseLeaf[i]); err != nil {
		return nil, err
	}
	e.nodes[i] = n
	return sets, nil
}

// branch is the node that a branch leads to, a fresh one where it is a leaf.
func (t *Tensors) branch(e *Ensemble, to, leaf int64) (int32, error) {
	if leaf == 0 {
		if to < 0 || to >= int64(len(t.Modes)) {
			return 0, fmt.Errorf("a branch leads to node %d of %d", to, len(t.Modes))
		}
		return int32(to), nil
	}
	if to < 0 || to >= int64(len(t.LeafWeights)) {
		return 0, fmt.Errorf("a branch leads to leaf %d of %d", to, len(t.LeafWeights))
	}
	e.nodes = append(e.nodes, node{first: int32(to), last: int32(to) + 1})
	return int32(len(e.nodes) - 1), nil
}
