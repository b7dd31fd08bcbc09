package partition

import (
	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
)

const (
	// FixedBytes is what a process needs before weights and rows: binary, runtime, buffers.
	FixedBytes = 48 << 20
	// MemoryRows is the number of rows at once for which a function's memory must suffice.
	MemoryRows = 1024
	// requestBytes is what a request to a function can carry before base64: Lambda's limit of 6,291,456 bytes.
	requestBytes = 6_291_456 / 4 * 3
)

// Need is the memory of a function that holds so much.
func Need(m manifest.Memory) int64 { return m.Weights + m.Fixed + m.PerRow*MemoryRows }

// PerRow estimates the bytes per row of a program from those of its inputs and outputs, which also travel as frames in base64, and of two
// values between, each of inner bytes. When a request cannot carry MemoryRows rows, the estimate is lowered so that MemoryRows of it are what a full
// request takes.
func PerRow(in, out, inner int64) int64 {
	rows := min(requestBytes/max(in, out, 1)+1, MemoryRows)
	return ((4*(in+out)+2*inner)*rows + MemoryRows - 1) / MemoryRows
}

// Widest are the bytes of a value as wide as the widest dimension of a weight that is input in of a node. A table's rows are no width, nor are the nodes
// of trees.
func Widest(n *graph.Node, in int, w *graph.Weight) int64 {
	shape := w.Shape
	if n.Domain == graph.ShardwiseDomain && (n.Op == trees.OpEnsemble && in != trees.InColumns || n.Op == trees.OpLeaf) {
		return 0
	}
	if in == 0 && (n.Op == "Gather" || n.Op == embedding.OpBag) && len(shape) > 0 {
		shape = shape[1:]
	}
	most := int64(0)
	for _, d := range shape {
		most = max(most, int64(d)*int64(w.DType.Size()))
	}
	return most
}

// perRow is PerRow of a program that gets and yields the values, and whose values between are taken to be as wide as its widest weight.
func perRow(g *graph.Graph, in, out []graph.Value) int64 {
	size := func(list []graph.Value) (total int64) {
		for _, v := range list {
			n := int64(max(v.DType.Size(), 1))
			for _, d := range v.Dims {
				n *= int64(max(d.Size, 1))
			}
			total += n
		}
		return total
	}
	inner := int64(0)
	for b := range g.All() {
		for _, n := range b.Nodes {
			for i, in := range n.Inputs {
				if w := g.Weights[in]; w != nil {
					inner = max(inner, Widest(n, i, w))
				}
			}
		}
	}
	return PerRow(size(in), size(out), inner)
}
