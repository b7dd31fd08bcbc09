package ensemble

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Lists are the attributes of TreeEnsembleRegressor and TreeEnsembleClassifier (ai.onnx.ml 1 to 4): nodes, and the weights
// of leaves, by tree and node id. Missing may be empty. Targets is the number of scores.
type Lists struct {
	TreeIDs, NodeIDs, Features, True, False []int64
	Values                                  []float64
	Modes                                   []string
	Missing                                 []int64
	WeightTrees, WeightNodes, WeightTargets []int64
	Weights                                 []float64
	Targets                                 int
	Fold                                    Fold
}

// id is a node of a tree.
type id struct{ tree, node int64 }

// Read makes the ensemble. The root of a tree is the first of its nodes, and trees stand in the order of their ids. Weights
// of inner nodes, which some converters write, count for nothing, as in ONNX Runtime.
func Read(l Lists) (*Ensemble, error) {
	if err := l.sizes(); err != nil {
		return nil, err
	}
	e := &Ensemble{nodes: make([]node, len(l.TreeIDs)), targets: l.Targets, fold: l.Fold}
	places, roots := make(map[id]int32, len(e.nodes)), map[int64]int32{}
	for i := range e.nodes {
		k := id{l.TreeIDs[i], l.NodeIDs[i]}
		if _, twice := places[k]; twice {
			return nil, fmt.Errorf("tree %d has node %d twice", k.tree, k.node)
		}
		places[k] = int32(i)
		if _, ok := roots[k.tree]; !ok {
			roots[k.tree] = int32(i)
		}
	}
	for i := range e.nodes {
		if err := l.node(&e.nodes[i], i, places); err != nil {
			return nil, err
		}
	}
	for _, tree := range slices.Sorted(maps.Keys(roots)) {
		e.roots = append(e.roots, roots[tree])
	}
	if err := l.leaves(e, places); err != nil {
		return nil, err
	}
	return e, e.finish()
}

func (l *Lists) sizes() error {
	n, w := len(l.TreeIDs), len(l.WeightTrees)
	for _, list := range []struct {
		name string
		size int
		want int
	}{
		{"nodes_nodeids", len(l.NodeIDs), n}, {"nodes_featureids", len(l.Features), n}, {"nodes_truenodeids", len(l.True), n},
		{"nodes_falsenodeids", len(l.False), n}, {"nodes_values", len(l.Values), n}, {"nodes_modes", len(l.Modes), n},
		{"node ids of weights", len(l.WeightNodes), w}, {"target or class ids of weights", len(l.WeightTargets), w}, {"weights", len(l.Weights), w},
	} {
		if list.size != list.want {
			return fmt.Errorf("the lists of one kind have different lengths: %d %s beside %d tree ids", list.size, list.name, list.want)
		}
	}
	if m := len(l.Missing); m != 0 && m != n {
		return fmt.Errorf("%d nodes_missing_value_tracks_true for %d nodes", m, n)
	}
	if n > math.MaxInt32 || w > math.MaxInt32 {
		return fmt.Errorf("%d nodes and %d weights, at most %d of each are covered", n, w, math.MaxInt32)
	}
	return nil
}

// node reads node i.
func (l *Lists) node(n *node, i int, places map[id]int32) error {
	modes := map[string]Mode{"LEAF": Leaf, "BRANCH_LEQ": LessEqual, "BRANCH_LT": Less, "BRANCH_GTE": GreaterEqual, "BRANCH_GT": Greater,
		"BRANCH_EQ": Equal, "BRANCH_NEQ": NotEqual}
	mode, ok := modes[l.Modes[i]]
	if !ok {
		return fmt.Errorf("node %d of tree %d has the mode %q", l.NodeIDs[i], l.TreeIDs[i], l.Modes[i])
	}
	n.mode = mode
	if mode == Leaf {
		return nil
	}
	yes, ok := places[id{l.TreeIDs[i], l.True[i]}]
	no, also := places[id{l.TreeIDs[i], l.False[i]}]
	if !ok || !also {
		return fmt.Errorf("node %d of tree %d leads to nodes %d and %d, which the tree does not have", l.NodeIDs[i], l.TreeIDs[i], l.True[i], l.False[i])
	}
	if f := l.Features[i]; f < 0 || f >= math.MaxInt32 {
		return fmt.Errorf("node %d of tree %d tests feature %d", l.NodeIDs[i], l.TreeIDs[i], f)
	}
	n.yes, n.no, n.feature, n.value = yes, no, int32(l.Features[i]), l.Values[i]
	n.missing = len(l.Missing) > 0 && l.Missing[i] != 0
	return nil
}

// leaves sorts the weights by the leaf that they belong to.
func (l *Lists) leaves(e *Ensemble, places map[id]int32) error {
	owner := make([]int32, len(l.Weights))
	var order []int32
	for i := range l.Weights {
		at, ok := places[id{l.WeightTrees[i], l.WeightNodes[i]}]
		if !ok {
			return fmt.Errorf("a weight belongs to node %d of tree %d, which does not exist", l.WeightNodes[i], l.WeightTrees[i])
		}
		if t := l.WeightTargets[i]; t < 0 || t >= int64(l.Targets) {
			return fmt.Errorf("a weight of node %d of tree %d adds to %d of %d", l.WeightNodes[i], l.WeightTrees[i], t, l.Targets)
		}
		if owner[i] = at; e.nodes[at].mode == Leaf {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return int(owner[a]) - int(owner[b]) })
	for _, i := range order {
		n := &e.nodes[owner[i]]
		if n.last == 0 {
			n.first = int32(len(e.weights))
		}
		e.weights = append(e.weights, weight{int32(l.WeightTargets[i]), l.Weights[i]})
		n.last = int32(len(e.weights))
	}
	return nil
}
