package optimise

import (
	"math"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// shapes replaces shapes and bounds that the model computes by constants, where their elements follow from the types.
func shapes(w *work) {
	for _, n := range w.g.Nodes {
		if n.Domain != "" || len(n.Inputs) < 2 || len(n.Outputs) != 1 {
			continue
		}
		switch n.Op {
		case "Reshape":
			w.constantShape(n, reshapeTo)
		case "Expand":
			w.constantShape(n, expandTo)
		case "Slice":
			w.constantBounds(n)
		}
	}
}

func (w *work) constantShape(n *graph.Node, to func(x infer.Value, shape []infer.Dim) []int64) {
	if w.g.Weights[n.Inputs[1]] != nil || n.Int("allowzero", 0) != 0 {
		return
	}
	elems, x := w.value(n.Inputs[1]).Elems, w.value(n.Inputs[0])
	if elems == nil || x.Rank() < 0 {
		return
	}
	if values := to(x, elems); values != nil {
		w.input(n, 1, w.ints(n.Outputs[0]+"/shape", values...))
		w.done.Shapes++
	}
}

// reshapeTo is the constant form of a Reshape's shape: sizes stay, a dimension of the input in its own place becomes 0, one
// other expression becomes -1. It is nil when there is none.
func reshapeTo(x infer.Value, shape []infer.Dim) []int64 {
	values, open := make([]int64, len(shape)), 0
	for i, d := range shape {
		size, fixed := d.Fixed()
		switch {
		case fixed:
			values[i] = size
			if size == -1 {
				open++
			}
		case i < x.Rank() && x.Dims[i].Equal(d):
			values[i] = 0
		default:
			values[i] = -1
			open++
		}
	}
	if open > 1 {
		return nil
	}
	return values
}

// expandTo is the constant form of an Expand's shape: sizes stay, and a dimension that the input has in the same place, counted
// from the end, becomes 1, which expands nothing. It is nil when there is none.
func expandTo(x infer.Value, shape []infer.Dim) []int64 {
	values := make([]int64, len(shape))
	for i, d := range shape {
		at := i - len(shape) + x.Rank()
		size, fixed := d.Fixed()
		switch {
		case fixed:
			values[i] = size
		case at >= 0 && x.Dims[at].Equal(d):
			values[i] = 1
		default:
			return nil
		}
	}
	return values
}

// constantBounds replaces the ends of a Slice that are the sizes of the dimensions that they bound.
func (w *work) constantBounds(n *graph.Node) {
	if w.g.Opsets[""] < 10 || len(n.Inputs) < 3 || w.g.Weights[n.Inputs[2]] != nil || !w.forward(n) {
		return
	}
	if w.value(n.Inputs[2]).DType != tensor.I64 {
		return // starts, ends and axes share a type
	}
	ends, x := w.value(n.Inputs[2]).Elems, w.value(n.Inputs[0])
	axes, given, ok := w.list(n, "", 3)
	if !given {
		for i := range ends {
			axes = append(axes, int64(i))
		}
	}
	if !ok || ends == nil || len(axes) != len(ends) || x.Rank() < 0 {
		return
	}
	values := make([]int64, len(ends))
	for i, d := range ends {
		a := axes[i]
		if a < 0 {
			a += int64(x.Rank())
		}
		size, fixed := d.Fixed()
		switch {
		case fixed:
			values[i] = size
		case a >= 0 && a < int64(x.Rank()) && x.Dims[a].Equal(d):
			values[i] = math.MaxInt64
		default:
			return
		}
	}
	w.input(n, 2, w.ints(n.Outputs[0]+"/ends", values...))
	w.done.Shapes++
}
