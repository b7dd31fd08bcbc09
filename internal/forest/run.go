package forest

import (
	"context"
	"fmt"
	"unsafe"
)

// Sizes of the work at hand: chunkRows rows times their keys stay in the first or second cache level while all trees pass
// by; tileTrees trees are walked before their leaves are handed on, so that results are written in runs.
const (
	chunkRows = 64
	tileTrees = 16
)

// Results says what a run computes: nil slices are not wanted. The caller allocates the others, row-major:
// LeafValues [rows, LeafColumns], MarginSum [rows, Outputs], LeafNode [rows, Trees]. All of them are overwritten.
type Results struct {
	LeafValues []float32
	MarginSum  []float64 // sum of the leaf values per output, added in tree order
	LeafNode   []int32   // index of the leaf's node among all nodes of the forest
}

// Run walks rows of x, row-major with the given number of columns, through all trees. x must hold rows*columns values and
// columns be at least Features; it panics otherwise. It ends early, with ctx's error, when ctx is done. A row's results do not
// depend on the other rows.
func (f *Forest) Run(ctx context.Context, x []float32, rows, columns int, r Results) error {
	if columns < f.features || len(x) < rows*columns {
		panic(fmt.Sprintf("forest: %d values are not %d rows of at least %d columns", len(x), rows, f.features))
	}
	clear(r.MarginSum)
	return parallel(ctx, rows, func(lo, hi int) {
		w := newWorker(f, r, hi-lo)
		w.chunk(x, lo, hi, columns)
	})
}

// worker runs one chunk of rows. leaves holds, for each tree of the tile, the leaf of each row of the chunk.
type worker struct {
	f      *Forest
	r      Results
	blocks []int32 // keys of the full blocks of lanes rows
	single []int32 // keys of the rows left over
	leaves [tileTrees][chunkRows]uint32
}

func newWorker(f *Forest, r Results, rows int) *worker {
	return &worker{f: f, r: r, blocks: make([]int32, rows/lanes*lanes*len(f.slots)), single: make([]int32, rows%lanes*len(f.slots))}
}

func (w *worker) chunk(x []float32, lo, hi, columns int) {
	f, rows := w.f, hi-lo
	per := lanes * len(f.slots)
	for b := range rows / lanes {
		f.blockKeys(w.blocks[b*per:(b+1)*per], x, lo+b*lanes, columns)
	}
	for i := range rows % lanes {
		row := lo + rows/lanes*lanes + i
		f.rowKeys(w.single[i*len(f.slots):(i+1)*len(f.slots)], x[row*columns:(row+1)*columns])
	}
	for tree := 0; tree < len(f.trees); tree += tileTrees {
		n := min(tileTrees, len(f.trees)-tree)
		w.walkBlocks(tree, n, rows/lanes)
		for i := range rows % lanes {
			w.walkRow(tree, n, rows/lanes*lanes+i, w.single[i*len(f.slots):(i+1)*len(f.slots)])
		}
		w.emit(tree, n, lo, rows)
	}
}

// fast reports whether the tree may take the walkers without bounds and categories.
func (f *Forest) fast(tree int) bool { return !f.wide && !f.trees[tree].categorical }

func (f *Forest) root(tree int) unsafe.Pointer { return unsafe.Pointer(&f.nodes[f.starts[tree]]) }

// walkBlocks walks the full blocks through n trees from tree on.
func (w *worker) walkBlocks(tree, n, blocks int) {
	f := w.f
	per := lanes * len(f.slots)
	for t := range n {
		for b := range blocks {
			keys := w.blocks[b*per : (b+1)*per]
			out := (*[lanes]uint32)(w.leaves[t][b*lanes:])
			if f.fast(tree + t) {
				walkBlock(f.root(tree+t), unsafe.Pointer(&keys[0]), int(f.trees[tree+t].depth), out)
				continue
			}
			for l := range lanes {
				out[l] = f.walkOne(tree+t, keys[l:], lanes)
			}
		}
	}
}

// walkRow walks one row through n trees from tree on, rowTrees at a time where they allow it.
func (w *worker) walkRow(tree, n, row int, keys []int32) {
	for t := 0; t < n; {
		if t+rowTrees <= n && w.walkGroup(tree+t, t, row, keys) {
			t += rowTrees
			continue
		}
		w.leaves[t][row] = w.f.walkOne(tree+t, keys, 1)
		t++
	}
}

// walkGroup walks one row through rowTrees trees from tree on, the first of which is number t of the tile. It reports false,
// and does nothing, when one of them needs the general walk.
func (w *worker) walkGroup(tree, t, row int, keys []int32) bool {
	var roots [rowTrees]unsafe.Pointer
	depth := int32(0)
	for i := range roots {
		if !w.f.fast(tree + i) {
			return false
		}
		roots[i] = w.f.root(tree + i)
		depth = max(depth, w.f.trees[tree+i].depth)
	}
	var out [rowTrees]uint32
	walkTrees(&roots, unsafe.Pointer(&keys[0]), int(depth), &out)
	for i, leaf := range out {
		w.leaves[t+i][row] = leaf
	}
	return true
}
