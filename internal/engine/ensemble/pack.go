package ensemble

import (
	"fmt"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/forest"
)

// packed is an ensemble for package forest, whose tests are x < threshold.
type packed struct {
	forest *forest.Forest
	leaf   []int32 // per node of the forest the node of the ensemble
}

// pack packs the ensemble, or returns nil where a test is none of F32 or no comparison by size.
func pack(e *Ensemble) (*packed, error) {
	for i := range e.nodes {
		if n := &e.nodes[i]; n.mode != Leaf && !n.packs() {
			return nil, nil
		}
	}
	trees := make([]forest.Tree, len(e.roots))
	infos := make([]forest.TreeInfo, len(e.roots))
	for i, root := range e.roots {
		e.tree(&trees[i], &infos[i], root)
	}
	plan, err := forest.NewPlan(infos, func(feature int) int { return feature })
	if err != nil {
		return nil, err
	}
	var p forest.Packed
	packer := plan.NewPacker()
	for i := range trees {
		if err := packer.Pack(&trees[i], &p); err != nil {
			return nil, err
		}
	}
	f, err := forest.OpenPacked(forest.Tables{Nodes: p.Nodes, Wide: plan.Wide, Slots: plan.Slots, Starts: plan.Starts, First: plan.First, Columns: plan.Columns, Outputs: 1})
	if err != nil {
		return nil, fmt.Errorf("pack the ensemble: %w", err)
	}
	return &packed{f, p.Original}, nil
}

// packs reports whether the test is one of an F32 by size. x <= v is x < the float after v, which +Inf does not have.
func (n *node) packs() bool {
	switch n.mode {
	case LessEqual, Greater:
		return float64(float32(n.value)) == n.value && n.value < math.Inf(1) && n.feature < forest.MaxFeatures
	case Less, GreaterEqual:
		return float64(float32(n.value)) == n.value && n.feature < forest.MaxFeatures
	}
	return false
}

// tree decodes the tree below a root, in the order of a walk.
func (e *Ensemble) tree(t *forest.Tree, info *forest.TreeInfo, root int32) {
	order := []int32{root}
	for at := 0; at < len(order); at++ {
		n := &e.nodes[order[at]]
		t.Original = append(t.Original, order[at])
		t.Category, t.Values = append(t.Category, nil), append(t.Values, 0)
		if n.mode == Leaf {
			t.Feature, t.Threshold, t.Default = append(t.Feature, 0), append(t.Threshold, 0), append(t.Default, false)
			t.Left, t.Right = append(t.Left, -1), append(t.Right, -1)
			info.Leaves++
			continue
		}
		threshold, left, right, missing := float32(n.value), n.yes, n.no, n.missing
		if n.mode == LessEqual || n.mode == Greater {
			threshold = math.Nextafter32(threshold, float32(math.Inf(1)))
		}
		if n.mode == Greater || n.mode == GreaterEqual {
			left, right, missing = n.no, n.yes, !n.missing
		}
		t.Feature, t.Threshold, t.Default = append(t.Feature, n.feature), append(t.Threshold, threshold), append(t.Default, missing)
		t.Left, t.Right = append(t.Left, int32(len(order))), append(t.Right, int32(len(order)+1))
		order = append(order, left, right)
		info.Tests = append(info.Tests, forest.NewTest(n.feature, false, missing))
	}
	slices.Sort(info.Tests)
	info.Tests = slices.Compact(info.Tests)
	info.Nodes, info.Outputs = len(order), []int{0}
}
