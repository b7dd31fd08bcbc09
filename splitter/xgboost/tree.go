package xgboost

import (
	"slices"
	"strconv"

	"github.com/shardwise/shardwise/internal/forest"
)

// treeReader holds the arrays of one tree as the file has them; its buffers are reused.
type treeReader struct {
	id          int
	param       map[string]string
	left, right []int32
	index       []int32
	conditions  []float32
	defaultLeft []int32
	splitType   []int32
	catNodes    []int32
	catSegments []int32
	catSizes    []int32
	categories  []int32
	weights     []float32 // leaf_weights
	base        []float32 // base_weights
	scalar      bool      // the tree before was scalar: base_weights are passed over
	skipped     bool      // base_weights were passed over
	order       []int32
	level       []int32
	setOf       []int32
}

// read reads the arrays of a tree whose opening brace is in d.t.
func (r *treeReader) read(d *decoder) error {
	r.id, r.param, r.skipped = 0, map[string]string{}, false
	for _, s := range []*[]int32{&r.left, &r.right, &r.index, &r.defaultLeft, &r.splitType, &r.catNodes, &r.catSegments, &r.catSizes, &r.categories} {
		*s = (*s)[:0]
	}
	r.conditions, r.weights, r.base = r.conditions[:0], r.weights[:0], r.base[:0]
	return d.object(func(key string) error { return r.field(d, key) })
}

func (r *treeReader) field(d *decoder, key string) error {
	switch key {
	case "id":
		r.id = int(d.t.int)
		return d.want(intToken)
	case "tree_param":
		return d.textMap(r.param)
	case "left_children":
		return d.ints(&r.left)
	case "right_children":
		return d.ints(&r.right)
	case "split_indices":
		return d.ints(&r.index)
	case "split_conditions":
		return d.floats(&r.conditions)
	case "default_left":
		return d.ints(&r.defaultLeft)
	case "split_type":
		return d.ints(&r.splitType)
	case "categories_nodes":
		return d.ints(&r.catNodes)
	case "categories_segments":
		return d.ints(&r.catSegments)
	case "categories_sizes":
		return d.ints(&r.catSizes)
	case "categories":
		return d.ints(&r.categories)
	case "leaf_weights":
		return d.floats(&r.weights)
	case "base_weights":
		if r.scalar {
			r.skipped = true
			return d.skip()
		}
		return d.floats(&r.base)
	}
	return d.skip()
}

// decode reads and builds the tree that stands at the beginning of d.
func (r *treeReader) decode(d *decoder, t *forest.Tree) (int, error) {
	if err := d.read(); err != nil {
		return 0, err
	}
	if err := r.read(d); err != nil {
		return 0, err
	}
	return r.build(d, t)
}

// number reads an integer of a map of strings.
func number(d *decoder, param map[string]string, key string, absent int) (int, error) {
	s, ok := param[key]
	if !ok {
		return absent, nil
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < 0 {
		return 0, d.fail("%s is %.60q, a number from 0 was wanted", key, s)
	}
	return v, nil
}

// build checks the arrays and puts the reachable nodes into t, in breadth-first order. It returns the number of values per leaf.
func (r *treeReader) build(d *decoder, t *forest.Tree) (int, error) {
	outputs, err := number(d, r.param, "size_leaf_vector", 1)
	if err != nil {
		return 0, err
	}
	outputs = max(outputs, 1)
	if err := r.checkLengths(d, outputs); err != nil {
		return 0, err
	}
	r.scalar = outputs == 1
	if err := r.reach(d); err != nil {
		return 0, err
	}
	if leaves := (len(r.order) + 1) / 2; len(r.weights) > 0 && outputs > 1 && len(r.weights)/outputs < leaves {
		return 0, d.fail("leaf_weights has %d entries, %d values for each of %d leaves were wanted", len(r.weights), outputs, leaves)
	}
	if err := r.sets(d); err != nil {
		return 0, err
	}
	resetTree(t, len(r.order), outputs)
	at := int32(1)
	words := 0
	for i, n := range r.order {
		t.Original[i] = n
		if r.left[n] < 0 {
			t.Left[i], t.Right[i] = -1, -1
			if err := r.leaf(d, n, t.Values[i*outputs:(i+1)*outputs]); err != nil {
				return 0, err
			}
			continue
		}
		t.Left[i], t.Right[i] = at, at+1
		at += 2
		if err := r.split(d, n, i, t); err != nil {
			return 0, err
		}
		if words += len(t.Category[i]); words > maxSetWords {
			return 0, d.fail("the category sets of one tree exceed %d MB", maxSetWords>>18)
		}
	}
	return outputs, nil
}

// checkLengths compares the arrays' lengths with the number of nodes.
func (r *treeReader) checkLengths(d *decoder, outputs int) error {
	nodes, err := number(d, r.param, "num_nodes", -1)
	if err != nil {
		return err
	}
	if nodes < 1 {
		return d.fail("tree_param.num_nodes is missing or 0")
	}
	type array struct {
		name  string
		found int
		empty bool // may be absent
	}
	for _, a := range []array{{"left_children", len(r.left), false}, {"right_children", len(r.right), false}, {"split_indices", len(r.index), false},
		{"split_conditions", len(r.conditions), false}, {"default_left", len(r.defaultLeft), false}, {"split_type", len(r.splitType), true}} {
		if a.found != nodes && !(a.empty && a.found == 0) {
			return d.fail("%s has %d entries, the tree has %d nodes", a.name, a.found, nodes)
		}
	}
	if outputs > 1 && len(r.weights) == 0 {
		if r.skipped {
			return errSkipped
		}
		if len(r.base) < nodes || len(r.base)/nodes < outputs {
			return d.fail("base_weights has %d entries, %d values for each of %d nodes were wanted", len(r.base), outputs, nodes)
		}
	}
	return nil
}

// reach fills order with the nodes from the root on, breadth first, and checks that they form one tree.
func (r *treeReader) reach(d *decoder) error {
	nodes := len(r.left)
	r.level = slices.Grow(r.level[:0], nodes)[:nodes]
	clear(r.level)
	r.order = append(r.order[:0], 0)
	r.level[0] = 1
	for at := 0; at < len(r.order); at++ {
		n := r.order[at]
		if r.left[n] == -1 {
			continue
		}
		for _, c := range [2]int32{r.left[n], r.right[n]} {
			if c <= 0 || int(c) >= nodes {
				return d.fail("node %d has child %d, the tree has %d nodes", n, c, nodes)
			}
			if r.level[c] != 0 {
				return d.fail("node %d is a child of two nodes or its own ancestor", c)
			}
			r.level[c] = r.level[n] + 1
			r.order = append(r.order, c)
		}
	}
	deleted, err := number(d, r.param, "num_deleted", 0)
	if err != nil {
		return err
	}
	if len(r.order)+deleted != nodes {
		return d.fail("%d of %d nodes hang together and %d are deleted", len(r.order), nodes, deleted)
	}
	return nil
}

// resetTree gives t n nodes, its buffers reused.
func resetTree(t *forest.Tree, n, outputs int) {
	t.Feature = slices.Grow(t.Feature[:0], n)[:n]
	t.Threshold = slices.Grow(t.Threshold[:0], n)[:n]
	t.Left = slices.Grow(t.Left[:0], n)[:n]
	t.Right = slices.Grow(t.Right[:0], n)[:n]
	t.Default = slices.Grow(t.Default[:0], n)[:n]
	t.Original = slices.Grow(t.Original[:0], n)[:n]
	t.Category = slices.Grow(t.Category[:0], n)[:n]
	t.Values = slices.Grow(t.Values[:0], n*outputs)[:n*outputs]
	clear(t.Feature)
	clear(t.Threshold)
	clear(t.Default)
	clear(t.Category)
	clear(t.Values)
}
