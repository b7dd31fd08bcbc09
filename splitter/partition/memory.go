package partition

import (
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

// perRow estimates the bytes per row of a program: its inputs and outputs, which also travel as frames in base64, and two
// values between, taken to be as wide as the program's widest weight. When a request cannot carry MemoryRows rows, the
// estimate is lowered so that MemoryRows of it are what a full request takes.
func perRow(g *graph.Graph) int64 {
	var in, out, inner int64
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
	in, out = size(g.Inputs), size(g.Outputs)
	for _, w := range g.Weights {
		for _, d := range w.Shape {
			inner = max(inner, int64(d)*int64(w.DType.Size()))
		}
	}
	rows := min(requestBytes/max(in, out, 1)+1, MemoryRows)
	return ((4*(in+out)+2*inner)*rows + MemoryRows - 1) / MemoryRows
}
