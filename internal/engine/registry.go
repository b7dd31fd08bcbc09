package engine

import (
	"context"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Kernel is one node, compiled. Run reads its inputs from c and sets every wanted output. It must be safe for
// concurrent use: what differs between runs lives in c.
type Kernel interface {
	Run(c *Call) error
}

// KernelFunc makes a function a Kernel.
type KernelFunc func(c *Call) error

// Run implements Kernel by calling f with c; f must be safe for concurrent use, as a Kernel is.
func (f KernelFunc) Run(c *Call) error { return f(c) }

// Site is what an operator sees when its node is compiled: the node, the opset version of its domain, and its constant
// inputs, which a kernel may fetch now (small ones: shapes, axes) or at Run (large ones, through c.In).
type Site struct {
	Node    *graph.Node
	Opset   int64
	Weights Weights
	// Const reports the declared weight behind input i, nil when input i is not a constant.
	Const func(i int) *graph.Weight
	// Subgraph compiles the graph in an attribute of the node, or refuses. The graph sees the values that are defined
	// before the node; those that it uses count as inputs of the node and reach the body in Call.Outer.
	Subgraph func(attr string) (Body, error)
}

// Body is a graph in a node's attribute, compiled in the scope of the graph around it. It is safe for concurrent use.
type Body interface {
	// Inputs and Outputs are as the graph declares them: a dtype may be Invalid and a rank unknown.
	Inputs() []graph.Value
	Outputs() []graph.Value
	// Run runs the graph once for the node's call c, of which it uses Ctx and Outer. The inputs are as many as the graph
	// has and stay unchanged; the outputs may be inputs or outer values, and are otherwise fresh.
	Run(c *Call, in []*tensor.Tensor) ([]*tensor.Tensor, error)
}

// Constant is a Kernel without inputs whose only output is always the same tensor. The engine takes the tensor as a
// constant of the graph and never runs the kernel.
type Constant interface {
	Kernel
	Value() *tensor.Tensor
}

// Operator builds the kernel of a node, or refuses with an *UnsupportedError.
type Operator struct {
	// Since and Until bound the opset versions that this definition covers; Until 0 means no upper bound.
	Since, Until int64
	Build        func(s *Site) (Kernel, error)
	// In are the dtypes that the kernel runs, by input position; the last set holds for the inputs behind it too. A position
	// with the empty set, and every position of a nil In, takes any dtype. A node whose input is known to be of another
	// dtype is refused when its graph is imported, not when it runs.
	In []Types
	// Half lets the engine run the kernel on F16 and BF16 too: every input of such a type is converted to F32 (exactly)
	// before Run, and every F32 output is rounded once to that type after it. Wherever In lists F32, F16 and BF16 then
	// count as listed. Operators that only move elements do without: they list the types in In.
	Half bool
}

// Key names an operator; Domain "" is ai.onnx.
type Key struct{ Domain, Op string }

// Table maps operators to their definitions, one entry per range of versions. A family returns a fresh Table; it is
// never changed after assembly.
type Table map[Key][]Operator

// Call is one run of one node.
type Call struct {
	Ctx  context.Context
	In   []*tensor.Tensor // by input position; nil for an absent optional input
	Want []bool           // by output position
	Out  []*tensor.Tensor // set by the kernel, by output position; an output may alias an input, but nothing that outlives the run
	// Alloc makes tensors with undefined contents for New; nil means fresh zeros. It may keep the shape.
	Alloc func(d tensor.DType, shape tensor.Shape) *tensor.Tensor
	// Outer are the values that the node's bodies use of the graph around them.
	Outer []*tensor.Tensor
	// Planned are tensors that New hands out first, as long as they are what is asked for; Views, by output position, are
	// those that View may use again.
	Planned, Views []*tensor.Tensor
}
