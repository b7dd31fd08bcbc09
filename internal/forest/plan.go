package forest

import (
	"fmt"
	"math"
	"slices"
)

// Plan is the packed layout of a range of trees before they are decoded: everything that can be declared from the first
// pass. It is read-only after NewPlan.
type Plan struct {
	Wide       bool     // two words a node
	Slots      []uint32 // per slot a Test whose feature is an input column; entry 0 is the leaf slot's
	Starts     []int64  // per tree its first node, then the total
	First      []int32  // per tree its first leaf column, then the total
	Columns    []int32  // per leaf column the model output that it adds to
	Values     int      // leaf values of vector leaves
	Categories int      // words of category sets, counts included
	slot       map[Test]int
}

// NewPlan lays out the trees. column gives the input column of a model feature. It fails when the range is too large
// for the layout's 32-bit indices.
func NewPlan(trees []TreeInfo, column func(feature int) int) (*Plan, error) {
	p := &Plan{Starts: make([]int64, 1, len(trees)+1), First: make([]int32, 1, len(trees)+1), slot: map[Test]int{}}
	var tests []Test
	largest := 0
	for i := range trees {
		t := &trees[i]
		tests = append(tests, t.Tests...)
		if len(tests) > 1<<16 {
			tests = distinct(tests)
		}
		largest = max(largest, t.Nodes)
		p.Starts = append(p.Starts, p.Starts[i]+int64(t.Nodes))
		for _, o := range t.Outputs {
			p.Columns = append(p.Columns, int32(o))
		}
		p.First = append(p.First, int32(len(p.Columns)))
		if len(t.Outputs) > 1 {
			p.Values += t.Leaves * len(t.Outputs)
		}
		p.Categories += t.Categories
	}
	if total := p.Starts[len(trees)]; total > maxNodes || p.Values > math.MaxInt32 || p.Categories > math.MaxInt32 {
		return nil, fmt.Errorf("pack trees: %d nodes, %d vector leaf values and %d category words in one shard; the layout holds at most %d of each, use more shards",
			total, p.Values, p.Categories, maxNodes)
	}
	p.assign(distinct(tests), column)
	p.Wide = len(p.Slots) > MaxNarrowSlots || largest > MaxNarrowNodes
	return p, nil
}

// assign numbers the slots: the leaf slot, the numeric tests, the categorical tests.
func (p *Plan) assign(tests []Test, column func(int) int) {
	p.Slots = append(p.Slots, leafEntry)
	for _, categorical := range []bool{false, true} {
		for _, t := range tests {
			if t.Categorical() == categorical {
				p.slot[t] = len(p.Slots)
				p.Slots = append(p.Slots, uint32(NewTest(int32(column(t.Feature())), categorical, t.MissingLeft())))
			}
		}
	}
}

func distinct(tests []Test) []Test {
	slices.Sort(tests)
	return slices.Compact(tests)
}

// Nodes is the number of nodes of all trees.
func (p *Plan) Nodes() int { return int(p.Starts[len(p.Starts)-1]) }

// CategoryWords is the number of words that a category set takes in the packed layout: its length, then its bits.
func CategoryWords(set []uint32) int { return len(set) + 1 }
