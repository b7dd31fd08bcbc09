// Package engine is the interface behind which a shard's maths runs, and the operator registry of the default engine.
//
// An Engine compiles a graph with its weights into a Program; a Program maps named inputs to named outputs. The package
// holds no operator: families stand in sub-packages (dense, elementwise, trees ...), each returning its table of
// operators, and internal/engine/native assembles them. It knows nothing of shards, stages or Lambda.
package engine

import (
	"context"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Weights hands out constant tensors by value name. The tensor is a read-only view that stays valid as long as the
// Weights is open; its bytes have been checked against their checksums.
type Weights interface {
	Weight(name string) (*tensor.Tensor, error)
}

// Engine compiles programs. Name stands in manifests ("native"). Compile refuses, by name, an operator, version or
// attribute that the engine does not cover. It must not read weight bytes that it can leave until Run: a cold shard
// answers sooner when only what is used is read.
type Engine interface {
	Name() string
	Compile(g *graph.Graph, w Weights) (Program, error)
}

// Program runs a compiled graph. Run returns exactly the wanted outputs (all of them when want is empty) and computes
// nothing that they do not need. Inputs are read-only and not retained; outputs belong to the caller. A wrong input
// (missing, unknown, dtype, shape) is an *InputError. Run is safe for concurrent use and gives the same bits every time.
type Program interface {
	Run(ctx context.Context, in tensor.Named, want []string) (tensor.Named, error)
}

// InputError says that a program's input is not what its graph declares.
type InputError struct {
	Input string
	Want  string
	Found string
}

// Error names the input, what was wanted and what was found.
func (e *InputError) Error() string {
	return "input " + e.Input + ": wanted " + e.Want + ", found " + e.Found
}

// UnsupportedError says that the engine does not cover an operator.
type UnsupportedError struct {
	Node, Domain, Op string
	Reason           string
	// DType is the dtype of an input that the operator does not run; Invalid when the reason is another one.
	DType tensor.DType
}

// Error names the node, the operator and the reason.
func (e *UnsupportedError) Error() string {
	op := e.Op
	if e.Domain != "" {
		op = e.Domain + "." + op
	}
	return "node " + e.Node + ": operator " + op + " is not supported: " + e.Reason
}
