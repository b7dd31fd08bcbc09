package native

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
)

// none is the slot of an absent optional input or output.
const none = -1

// block is a compiled graph, the program's own or one in a node's attribute. Its values are slots: first the inputs,
// then whatever is defined or used, in that order.
type block struct {
	name      string
	declared  *graph.Graph
	steps     []step
	slots     int
	constants []use
	outer     []int // slots of the values that come from the graph around, in Body's order
	outputs   []int // slots, in the graph's order
	budget    *budget
}

// step is one compiled node.
type step struct {
	node    *graph.Node
	kernel  engine.Kernel
	in, out []int          // slots
	outer   []int          // slots of the values that the node's bodies use, in Call.Outer's order
	takes   []engine.Types // by input
}

// use is a constant and the slot in which a block expects it.
type use struct {
	slot     int
	constant *constant
}
