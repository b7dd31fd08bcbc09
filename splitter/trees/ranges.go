package trees

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// What a shard's process needs beside its weights: the runtime and its buffers, and room for this many rows in flight.
const (
	fixedBytes   = 48 << 20
	rowsInFlight = 1024
)

// ranges gives the first tree of each shard, then the number of trees.
func (m *model) ranges(o layout.Options) ([]int, error) {
	n := len(m.e.Trees)
	if o.Shards > n {
		return nil, &layout.RefusalError{Subject: fmt.Sprintf("%d shards", o.Shards), Reason: fmt.Sprintf("the ensemble has %d trees, and a shard holds at least one", n),
			Remedy: fmt.Sprintf("ask for at most %d shards", n)}
	}
	if o.Shards > 0 {
		return m.balance(o.Shards), nil
	}
	limit := int64(o.MemoryMB) << 20
	for i := range n {
		if need := m.memory(i, i+1); need > limit {
			return nil, &layout.RefusalError{Subject: fmt.Sprintf("memory of %d MB", o.MemoryMB), Reason: fmt.Sprintf("tree %d alone needs %d MB in a shard", i, (need+1<<20-1)>>20),
				Remedy: "allow more memory per function"}
		}
	}
	for shards := m.fewest(limit); ; shards++ {
		if bounds := m.balance(shards); m.fits(bounds, limit) {
			return bounds, nil
		}
	}
}

// fewest is a lower bound on the number of shards: ranges are filled one after the other.
func (m *model) fewest(limit int64) int {
	shards, used := 1, int64(fixedBytes)
	for i := range m.e.Trees {
		need := m.treeBytes(i)
		if used += need; used > limit {
			shards, used = shards+1, fixedBytes+need
		}
	}
	return shards
}

func (m *model) fits(bounds []int, limit int64) bool {
	for i := range len(bounds) - 1 {
		if m.memory(bounds[i], bounds[i+1]) > limit {
			return false
		}
	}
	return true
}

// balance cuts at the trees where the bytes come nearest to equal parts, leaving no shard empty.
func (m *model) balance(shards int) []int {
	n := len(m.e.Trees)
	sums := make([]int64, n+1)
	for i := range n {
		sums[i+1] = sums[i] + m.treeBytes(i)
	}
	bounds := make([]int, 1, shards+1)
	for s := 1; s < shards; s++ {
		want := sums[n] / int64(shards) * int64(s)
		at, _ := slices.BinarySearch(sums, want)
		if at > 0 && want-sums[at-1] < sums[at]-want {
			at--
		}
		bounds = append(bounds, min(max(at, bounds[s-1]+1), n-(shards-s)))
	}
	return append(bounds, n)
}

// treeBytes is what tree i takes in a shard: its nodes, their original ids, leaf values and categories, and its entries in
// the tables.
func (m *model) treeBytes(i int) int64 {
	t := &m.e.Trees[i]
	bytes := 12*int64(t.Nodes) + 4*int64(t.Categories) + 12 + 4*int64(len(t.Outputs))
	if len(t.Outputs) > 1 {
		bytes += 4 * int64(t.Leaves*len(t.Outputs))
	}
	return bytes
}

func (m *model) bytes(lo, hi int) int64 {
	var sum int64
	for i := lo; i < hi; i++ {
		sum += m.treeBytes(i)
	}
	return sum
}

// leafColumns is the number of leaf values per row of trees lo to hi-1.
func (m *model) leafColumns(lo, hi int) int {
	n := 0
	for i := lo; i < hi; i++ {
		n += len(m.e.Trees[i].Outputs)
	}
	return n
}

// perRow is what a row takes in a shard: request and reply, each as text, as bytes and as a tensor.
func (m *model) perRow(features, columns, trees int) int64 {
	return 3 * (4*int64(features) + 4*int64(columns) + 8*int64(m.e.Outputs) + 4*int64(trees))
}

// memory is the estimate for a shard of trees lo to hi-1.
func (m *model) memory(lo, hi int) int64 {
	weights := m.bytes(lo, hi)
	if m.wide(lo, hi) {
		weights += 8 * int64(m.nodes(lo, hi))
	}
	return weights + fixedBytes + rowsInFlight*m.perRow(len(m.e.Features), m.leafColumns(lo, hi), hi-lo)
}

func (m *model) nodes(lo, hi int) int {
	n := 0
	for i := lo; i < hi; i++ {
		n += m.e.Trees[i].Nodes
	}
	return n
}

// wide reports whether the trees may need two words a node.
func (m *model) wide(lo, hi int) bool {
	for i := lo; i < hi; i++ {
		if m.e.Trees[i].Nodes > forest.MaxNarrowNodes {
			return true
		}
	}
	return 2*len(m.e.Features)+1 > forest.MaxNarrowSlots
}

// tested are the ascending indices of the features that trees lo to hi-1 test.
func (m *model) tested(lo, hi int) []int {
	used := make([]bool, len(m.e.Features))
	for i := lo; i < hi; i++ {
		for _, t := range m.e.Trees[i].Tests {
			used[t.Feature()] = true
		}
	}
	list := []int{}
	for f, u := range used {
		if u {
			list = append(list, f)
		}
	}
	return list
}
