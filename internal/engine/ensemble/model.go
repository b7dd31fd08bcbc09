package ensemble

import (
	"fmt"
	"math"
)

// Mode is what a node tests: the row's feature against the node's value. The zero value is a leaf.
type Mode uint8

// The modes; Member tests membership in the node's set.
const (
	Leaf Mode = iota
	LessEqual
	Less
	GreaterEqual
	Greater
	Equal
	NotEqual
	Member
)

// node is one node: an inner one with two children, or a leaf with the range of its weights.
type node struct {
	mode        Mode
	missing     bool // NaN takes the branch of true
	feature     int32
	yes, no     int32 // children by index
	first, last int32 // weights of a leaf
	value       float64
	set         []float64
}

// weight is what a leaf adds to a target.
type weight struct {
	target int32
	value  float64
}

// Fold is how the weights that reach a target are put together.
type Fold uint8

// The folds.
const (
	Sum Fold = iota
	Average
	Min
	Max
)

// Ensemble is a checked ensemble. It is immutable and safe for concurrent use.
type Ensemble struct {
	nodes    []node
	roots    []int32
	weights  []weight
	targets  int
	features int // least number of columns
	fold     Fold
	packed   *packed // nil where the plain walk has to do
}

// Targets is the number of scores of a row.
func (e *Ensemble) Targets() int { return e.targets }

// finish checks the trees and packs them where they allow it.
func (e *Ensemble) finish() error {
	if e.targets < 1 || e.targets > math.MaxInt32 {
		return fmt.Errorf("%d targets, wanted at least 1", e.targets)
	}
	if len(e.roots) == 0 {
		return fmt.Errorf("no tree")
	}
	seen := make([]bool, len(e.nodes))
	for t, root := range e.roots {
		if err := e.check(t, root, seen); err != nil {
			return err
		}
	}
	for i, w := range e.weights {
		if w.target < 0 || int(w.target) >= e.targets {
			return fmt.Errorf("weight %d adds to target %d of %d", i, w.target, e.targets)
		}
		if w.value != w.value {
			return fmt.Errorf("weight %d is NaN", i)
		}
	}
	var err error
	e.packed, err = pack(e)
	return err
}

// check visits the nodes below a root. Each node has one parent at most, so that no walk runs in a circle.
func (e *Ensemble) check(tree int, root int32, seen []bool) error {
	stack := []int32{root}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at < 0 || int(at) >= len(e.nodes) {
			return fmt.Errorf("tree %d: a branch leads to node %d of %d", tree, at, len(e.nodes))
		}
		if seen[at] {
			return fmt.Errorf("tree %d: two branches lead to node %d", tree, at)
		}
		seen[at] = true
		n := &e.nodes[at]
		if n.mode == Leaf {
			continue
		}
		if n.feature < 0 || n.feature == math.MaxInt32 {
			return fmt.Errorf("tree %d: node %d tests feature %d", tree, at, n.feature)
		}
		e.features = max(e.features, int(n.feature)+1)
		stack = append(stack, n.no, n.yes)
	}
	return nil
}

// takes reports whether a value goes to the branch of true.
func (n *node) takes(x float64) bool {
	if n.missing && x != x {
		return true
	}
	switch n.mode {
	case LessEqual:
		return x <= n.value
	case Less:
		return x < n.value
	case GreaterEqual:
		return x >= n.value
	case Greater:
		return x > n.value
	case Equal:
		return x == n.value
	case NotEqual:
		return x != n.value
	}
	for _, v := range n.set {
		if v == x {
			return true
		}
	}
	return false
}
