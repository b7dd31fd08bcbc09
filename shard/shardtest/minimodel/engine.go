package minimodel

import (
	"context"
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// EngineName is the name of the engine of this package.
const EngineName = "mini"

// Engine computes programs of one MatMul or Add node on F32. Before, when not nil, runs first in every Run and may
// fail, wait or panic. The zero value is ready for use.
type Engine struct {
	Before func(ctx context.Context, step string) error
}

// Name returns EngineName, under which manifests ask for this engine.
func (*Engine) Name() string { return EngineName }

// Compile accepts graphs of one node.
func (e *Engine) Compile(g *graph.Graph, w engine.Weights) (engine.Program, error) {
	if len(g.Nodes) != 1 || g.Nodes[0].Op != "MatMul" && g.Nodes[0].Op != "Add" {
		return nil, &engine.UnsupportedError{Node: g.Name, Op: "any", Reason: "the mini engine runs one MatMul or Add"}
	}
	return &program1{engine: e, graph: g, weights: w}, nil
}

type program1 struct {
	engine  *Engine
	graph   *graph.Graph
	weights engine.Weights
}

func (p *program1) Run(ctx context.Context, in tensor.Named, _ []string) (tensor.Named, error) {
	if p.engine.Before != nil {
		if err := p.engine.Before(ctx, p.graph.Name); err != nil {
			return nil, err
		}
	}
	node, decl := p.graph.Nodes[0], p.graph.Inputs[0]
	width := decl.Dims[1].Size
	x := in[decl.Name]
	if x == nil || len(in) != 1 || x.DType() != tensor.F32 || x.Rank() != 2 || x.Dim(1) != width {
		return nil, &engine.InputError{Input: decl.Name, Want: fmt.Sprintf("F32[batch, %d]", width), Found: fmt.Sprint(in)}
	}
	w, err := p.weights.Weight(node.Inputs[1])
	if err != nil {
		return nil, err
	}
	if node.Op == "Add" {
		return tensor.Named{node.Outputs[0]: add(x, w)}, ctx.Err()
	}
	return tensor.Named{node.Outputs[0]: multiply(x, w)}, ctx.Err()
}

func add(x, w *tensor.Tensor) *tensor.Tensor {
	out := tensor.New(tensor.F32, x.Shape()...)
	dst, src, b := tensor.Of[float32](out), tensor.Of[float32](x), tensor.Of[float32](w)
	for i := range dst {
		dst[i] = src[i] + b[i%len(b)]
	}
	return out
}

// multiply adds products in order of the inner index, each rounded to float32 first.
func multiply(x, w *tensor.Tensor) *tensor.Tensor {
	rows, inner, width := x.Dim(0), x.Dim(1), w.Dim(1)
	out := tensor.New(tensor.F32, rows, width)
	dst, a, b := tensor.Of[float32](out), tensor.Of[float32](x), tensor.Of[float32](w)
	for r := range rows {
		for i := range inner {
			for j := range width {
				dst[r*width+j] += float32(a[r*inner+i] * b[i*width+j])
			}
		}
	}
	return out
}
