package forest

import (
	"fmt"
	"math"
)

// Tables are the mapped tensors of a packed ensemble, in the order and meaning of Plan and Packed. They are read-only
// and must outlive the Forest.
type Tables struct {
	Nodes      []uint64
	Wide       bool
	Slots      []uint32
	Starts     []int64
	First      []int32
	Columns    []int32
	Values     []float32 // nil without vector leaves
	Categories []uint32  // nil without categorical tests
	Outputs    int       // K of the model
}

// Forest is a packed ensemble that has been checked. It is immutable and safe for concurrent use.
type Forest struct {
	nodes      []uint64
	wide       bool
	slots      []uint32
	numeric    int // slots below are the leaf slot and numeric ones
	starts     []int64
	first      []int32
	columns    []int32
	values     []float32
	categories []uint32
	outputs    int
	features   int // input columns needed
	trees      []shape
}

// shape is what the check finds out about a tree.
type shape struct {
	depth       int32
	categorical bool
}

// PackedError says that packed tables are inconsistent: the file is damaged or was not written by the splitter.
type PackedError struct {
	Table  string
	Reason string
}

// Error names the table and what is wrong.
func (e *PackedError) Error() string {
	return "packed trees: table " + e.Table + ": " + e.Reason + "; the file is damaged, split the model again"
}

func bad(table, format string, args ...any) error {
	return &PackedError{table, fmt.Sprintf(format, args...)}
}

// OpenPacked checks the tables in full, once: afterwards every walk ends, and reads only inside them. It reads all
// nodes.
func OpenPacked(t Tables) (*Forest, error) {
	f := &Forest{nodes: t.Nodes, wide: t.Wide, slots: t.Slots, starts: t.Starts, first: t.First, columns: t.Columns,
		values: t.Values, categories: t.Categories, outputs: t.Outputs}
	for _, check := range []func() error{f.checkSlots, f.checkStarts, f.checkColumns, f.checkTrees} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Trees is the number of trees.
func (f *Forest) Trees() int { return len(f.trees) }

// LeafColumns is the number of leaf values per row: one per scalar tree, K per vector-leaf tree.
func (f *Forest) LeafColumns() int { return len(f.columns) }

// Outputs is K, the number of margins per row of the model.
func (f *Forest) Outputs() int { return f.outputs }

// Features is the least number of input columns.
func (f *Forest) Features() int { return f.features }

// Nodes is the number of nodes of all trees.
func (f *Forest) Nodes() int { return int(f.starts[len(f.starts)-1]) }

func (f *Forest) checkSlots() error {
	if len(f.slots) == 0 || f.slots[leafSlot] != leafEntry {
		return bad("slots", "wanted the leaf entry first")
	}
	f.numeric = len(f.slots)
	for i, s := range f.slots[1:] {
		t := Test(s)
		if t.Feature() >= MaxFeatures {
			return bad("slots", "entry %d names feature %d", i+1, t.Feature())
		}
		f.features = max(f.features, t.Feature()+1)
		if t.Categorical() {
			f.numeric = min(f.numeric, i+1)
		} else if f.numeric <= i {
			return bad("slots", "numeric entry %d stands behind a categorical one", i+1)
		}
	}
	return nil
}

func (f *Forest) checkStarts() error {
	n := len(f.starts)
	words := 1
	if f.wide {
		words = 2
	}
	if n == 0 || f.starts[0] != 0 || len(f.nodes)%words != 0 || f.starts[n-1] != int64(len(f.nodes)/words) || len(f.nodes)/words > maxNodes {
		return bad("starts", "wanted offsets from 0 to the %d nodes", len(f.nodes)/words)
	}
	for i := 1; i < n; i++ {
		size := f.starts[i] - f.starts[i-1]
		if size < 1 || f.starts[i] > f.starts[n-1] || f.starts[i] < 0 || !f.wide && size > MaxNarrowNodes {
			return bad("starts", "tree %d has %d nodes", i-1, size)
		}
	}
	return nil
}

func (f *Forest) checkColumns() error {
	if len(f.first) != len(f.starts) || f.first[0] != 0 || int(f.first[len(f.first)-1]) != len(f.columns) {
		return bad("first", "wanted %d offsets from 0 to the %d leaf columns", len(f.starts), len(f.columns))
	}
	for i := 1; i < len(f.first); i++ {
		if f.first[i] <= f.first[i-1] {
			return bad("first", "tree %d has no leaf column", i-1)
		}
	}
	for i, c := range f.columns {
		if c < 0 || int(c) >= f.outputs {
			return bad("columns", "leaf column %d adds to output %d of %d", i, c, f.outputs)
		}
	}
	return nil
}

func (f *Forest) checkTrees() error {
	f.trees = make([]shape, len(f.starts)-1)
	var level []int32
	for i := range f.trees {
		size := int(f.starts[i+1] - f.starts[i])
		if cap(level) < size {
			level = make([]int32, size)
		}
		level = level[:size]
		clear(level)
		if err := f.checkTree(i, level); err != nil {
			return err
		}
	}
	return nil
}

// checkTree walks the nodes in order. level holds 1 + depth of the nodes that a parent pointed to.
func (f *Forest) checkTree(i int, level []int32) error {
	s := &f.trees[i]
	level[0] = 1
	vector := int(f.first[i+1] - f.first[i])
	for at := range level {
		n := f.node(int(f.starts[i]) + at)
		switch {
		case level[at] == 0:
			return bad("nodes", "tree %d: node %d has no parent before it", i, at)
		case n.slot >= len(f.slots):
			return bad("nodes", "tree %d: node %d tests slot %d of %d", i, at, n.slot, len(f.slots))
		case n.slot == leafSlot:
			if n.child != at {
				return bad("nodes", "tree %d: leaf %d points to node %d", i, at, n.child)
			}
			if vector > 1 && uint64(n.low)+uint64(vector) > uint64(len(f.values)) {
				return bad("nodes", "tree %d: leaf %d has its values at %d of %d", i, at, n.low, len(f.values))
			}
			s.depth = max(s.depth, level[at]-1)
			continue
		case n.child <= at || n.child+1 >= len(level):
			return bad("nodes", "tree %d: node %d of %d has its children at %d", i, at, len(level), n.child)
		case level[n.child] != 0 || level[n.child+1] != 0:
			return bad("nodes", "tree %d: the children of node %d have another parent", i, at)
		case n.slot >= f.numeric:
			if err := f.checkSet(i, at, n.low); err != nil {
				return err
			}
			s.categorical = true
		}
		level[n.child], level[n.child+1] = level[at]+1, level[at]+1
	}
	return nil
}

func (f *Forest) checkSet(tree, at int, low uint32) error {
	if uint64(low) >= uint64(len(f.categories)) || uint64(f.categories[low]) > uint64(len(f.categories))-uint64(low)-1 || f.categories[low] > math.MaxInt32/32 {
		return bad("nodes", "tree %d: node %d has its category set at %d of %d words", tree, at, low, len(f.categories))
	}
	return nil
}
