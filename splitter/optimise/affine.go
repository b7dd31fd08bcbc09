package optimise

import (
	"math"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// affine is y = scale·x + shift for each channel; both have one element when it is the same for all.
type affine struct {
	scale, shift []float64
	norm         bool // it is a BatchNormalization
}

// at is element c of a list that has one element for all or one for each.
func at(list []float64, c int) float64 {
	if len(list) == 1 {
		return list[0]
	}
	return list[c]
}

// scales reports whether the scale is not 1 everywhere.
func (a affine) scales() bool {
	for _, s := range a.scale {
		if s != 1 {
			return true
		}
	}
	return false
}

// affineOf reads a node that scales or shifts, and the value that it does that to. Its channels are dimension axis, counted
// from the end, of count elements in rank dimensions.
func (w *work) affineOf(n *graph.Node, axis, count, rank int) (a affine, x string, ok bool) {
	if n.Domain != "" {
		return a, "", false
	}
	if n.Op == "BatchNormalization" {
		return w.normOf(n, axis, count, rank)
	}
	if len(n.Inputs) != 2 || len(n.Outputs) != 1 || w.g.Opsets[""] < 7 {
		return a, "", false
	}
	i := 1
	if w.g.Weights[n.Inputs[0]] != nil {
		i = 0
	}
	c, weight, known := w.numbers(n.Inputs[i])
	if x = n.Inputs[1-i]; !known || !perChannel(weight.Shape, axis, count, rank) {
		return a, "", false
	}
	one, none := []float64{1}, []float64{0}
	switch {
	case n.Op == "Add":
		a = affine{scale: one, shift: c}
	case n.Op == "Sub" && i == 1:
		a = affine{scale: one, shift: mapped(c, func(v float64) float64 { return -v })}
	case n.Op == "Sub":
		a = affine{scale: []float64{-1}, shift: c}
	case n.Op == "Mul":
		a = affine{scale: c, shift: none}
	case n.Op == "Div" && i == 1:
		a = affine{scale: mapped(c, func(v float64) float64 { return 1 / v }), shift: none}
	default:
		return a, "", false
	}
	return a, x, a.finite()
}

// finite reports whether all numbers are: with others a product is not what its parts are.
func (a affine) finite() bool {
	for _, list := range [][]float64{a.scale, a.shift} {
		for _, v := range list {
			if math.IsNaN(v) || math.Abs(v) > math.MaxFloat32 {
				return false
			}
		}
	}
	return true
}

func mapped(list []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// perChannel reports whether a constant of that shape broadcasts to one element for all, or one for each channel, of a value
// that it does not stretch.
func perChannel(shape tensor.Shape, axis, count, rank int) bool {
	if len(shape) > rank {
		return false
	}
	for d, size := range shape {
		fromEnd := len(shape) - d
		if size != 1 && (fromEnd != axis || size != count) {
			return false
		}
	}
	return true
}

// normOf reads a BatchNormalization that does not train. Its channels are dimension 1.
func (w *work) normOf(n *graph.Node, axis, count, rank int) (a affine, x string, ok bool) {
	opset := w.g.Opsets[""]
	if len(n.Inputs) != 5 || len(n.Outputs) != 1 || rank-axis != 1 || opset < 7 || n.Int("spatial", 1) == 0 || n.Int("training_mode", 0) != 0 {
		return a, "", false
	}
	var lists [4][]float64
	for i := range lists {
		list, c, known := w.numbers(n.Inputs[i+1])
		if !known || len(c.Shape) != 1 || len(list) != count {
			return a, "", false
		}
		lists[i] = list
	}
	epsilon := float64(n.Float("epsilon", 1e-5))
	a = affine{scale: make([]float64, count), shift: make([]float64, count), norm: true}
	for c := range count {
		a.scale[c] = lists[0][c] / math.Sqrt(lists[3][c]+epsilon)
		a.shift[c] = lists[1][c] - lists[2][c]*a.scale[c]
	}
	return a, n.Inputs[0], a.finite()
}
