package xgboost

import (
	"errors"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/forest"
)

// Bounds on category sets: the first code that XGBoost treats as no category, and the words of all sets of a tree.
const (
	maxCategory = 1 << 24
	maxSetWords = 1 << 24
)

// errSkipped asks for the tree to be read again with its base_weights: the trees before were scalar, this one is not.
var errSkipped = errors.New("base weights were passed over")

// leaf writes the values of leaf n.
func (r *treeReader) leaf(d *decoder, n int32, dst []float32) error {
	k := len(dst)
	switch {
	case k == 1:
		dst[0] = r.conditions[n]
	case len(r.weights) > 0: // since 3.2: the right child of a leaf is its position among the leaves
		at := int(r.right[n])
		if at < 0 || at >= len(r.weights)/k {
			return d.fail("leaf %d has its values at %d, leaf_weights has %d entries", n, at, len(r.weights))
		}
		copy(dst, r.weights[at*k:])
	default: // 2.0 to 3.1
		copy(dst, r.base[int(n)*k:])
	}
	if k == 1 && r.right[n] != -1 {
		return d.fail("node %d has no left child, but right child %d", n, r.right[n])
	}
	for _, v := range dst {
		if v != v || math.IsInf(float64(v), 0) {
			return d.fail("the value of leaf %d is %v, not a finite number", n, v)
		}
	}
	return nil
}

// split writes the test of inner node n as node i of t.
func (r *treeReader) split(d *decoder, n int32, i int, t *forest.Tree) error {
	features, err := number(d, r.param, "num_feature", math.MaxInt32)
	if err != nil {
		return err
	}
	if f := r.index[n]; f < 0 || int(f) >= features || f >= forest.MaxFeatures {
		return d.fail("node %d tests feature %d, the tree has %d features", n, f, features)
	}
	if v := r.defaultLeft[n]; v != 0 && v != 1 {
		return d.fail("default_left of node %d is %d, 0 or 1 was wanted", n, v)
	}
	t.Feature[i], t.Default[i] = r.index[n], r.defaultLeft[n] == 1
	kind := int32(0)
	if len(r.splitType) > 0 {
		kind = r.splitType[n]
	}
	switch set := r.setOf[n]; {
	case kind == 0 && set < 0:
		if t.Threshold[i] = r.conditions[n]; t.Threshold[i] != t.Threshold[i] {
			return d.fail("the threshold of node %d is NaN", n)
		}
		return nil
	case kind == 1 && set >= 0:
		t.Category[i], err = r.set(d, int(set))
		return err
	}
	return d.fail("node %d: split_type %d does not go with what categories_nodes says", n, kind)
}

// sets checks the table of category sets and notes which node has which.
func (r *treeReader) sets(d *decoder) error {
	r.setOf = slices.Grow(r.setOf[:0], len(r.left))[:len(r.left)]
	for i := range r.setOf {
		r.setOf[i] = -1
	}
	if len(r.catSegments) != len(r.catNodes) || len(r.catSizes) != len(r.catNodes) {
		return d.fail("categories_nodes, _segments and _sizes have %d, %d and %d entries", len(r.catNodes), len(r.catSegments), len(r.catSizes))
	}
	for q, n := range r.catNodes {
		if n < 0 || int(n) >= len(r.left) || r.setOf[n] >= 0 {
			return d.fail("entry %d of categories_nodes is node %d: out of range or there already", q, n)
		}
		from, size := int(r.catSegments[q]), int(r.catSizes[q])
		if from < 0 || size < 1 || from > len(r.categories) || size > len(r.categories)-from {
			return d.fail("node %d has %d categories from entry %d of %d", n, size, from, len(r.categories))
		}
		r.setOf[n] = int32(q)
	}
	return nil
}

// set is category set q as bit words.
func (r *treeReader) set(d *decoder, q int) ([]uint32, error) {
	list := r.categories[r.catSegments[q]:][:r.catSizes[q]]
	for _, c := range list {
		if c < 0 || c >= maxCategory {
			return nil, d.fail("category %d of node %d is out of range", c, r.catNodes[q])
		}
	}
	words := make([]uint32, slices.Max(list)/32+1)
	for _, c := range list {
		words[c/32] |= 1 << (c % 32)
	}
	return words, nil
}

// describe gathers the facts of a built tree. Outputs stay empty: which output a scalar tree adds to stands elsewhere.
func describe(t *forest.Tree, outputs int) forest.TreeInfo {
	info := forest.TreeInfo{Nodes: len(t.Left), MinLeaf: make([]float32, outputs), MaxLeaf: make([]float32, outputs)}
	level := make([]int32, len(t.Left))
	var tests []forest.Test
	for i := range t.Left {
		if t.Left[i] >= 0 {
			tests = append(tests, forest.NewTest(t.Feature[i], t.Category[i] != nil, t.Default[i]))
			level[t.Left[i]], level[t.Right[i]] = level[i]+1, level[i]+1
			if t.Category[i] != nil {
				info.Categories += forest.CategoryWords(t.Category[i])
			}
			continue
		}
		info.Depth = max(info.Depth, int(level[i]))
		for k, v := range t.Values[i*outputs : (i+1)*outputs] {
			if info.Leaves == 0 {
				info.MinLeaf[k], info.MaxLeaf[k] = v, v
			}
			info.MinLeaf[k], info.MaxLeaf[k] = min(info.MinLeaf[k], v), max(info.MaxLeaf[k], v)
		}
		info.Leaves++
	}
	slices.Sort(tests)
	info.Tests = slices.Clone(slices.Compact(tests))
	return info
}
