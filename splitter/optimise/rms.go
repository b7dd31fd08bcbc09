package optimise

import (
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// sinceRMSNorm is the version of ai.onnx that has RMSNormalization.
const sinceRMSNorm = 23

// rmsNorms recognises RMSNormalization that stands in other operators,
//
//	y = x / sqrt(mean(x²) + epsilon) · scale
//
// over the last dimensions, in a graph whose operator set has it or can be raised to one that does.
func (w *work) rmsNorms() {
	var found []*layerNorm
	taken := map[*graph.Node]bool{}
	for _, n := range slices.Backward(w.g.Nodes) {
		if taken[n] || w.taken[n] {
			continue
		}
		l := w.rmsAt(n)
		if l == nil || l.scale == "" && l.elements() > maxOnes {
			continue
		}
		taken[n] = true
		for _, i := range l.inner {
			taken[i] = true
		}
		found = append(found, l)
	}
	if len(found) == 0 || w.g.Opsets[""] < sinceRMSNorm && w.raise(sinceRMSNorm) < sinceRMSNorm {
		return
	}
	for _, l := range found {
		l.writeRMS(w)
	}
	w.done.RMSNorms += len(found)
}

// rmsAt reads the one that ends at the node, nil when there is none.
func (w *work) rmsAt(n *graph.Node) *layerNorm {
	if op(n, "Mul") {
		for i, in := range n.Inputs {
			if l := w.overRoot(w.producer[in]); l != nil && l.scale == "" {
				if l.scale = n.Inputs[1-i]; w.alongNorm(l, l.scale) {
					l.inner, l.root = append(l.inner, l.root), n
					return l
				}
			}
		}
	}
	return w.overRoot(n)
}

// overRoot reads x / sqrt(mean(x²) + epsilon), or x times the reciprocal.
func (w *work) overRoot(n *graph.Node) *layerNorm {
	switch {
	case op(n, "Div"):
		return w.overRootOf(n, n.Inputs[0], w.rooted(n.Inputs[1]))
	case op(n, "Mul"):
		for i, in := range n.Inputs {
			if l := w.overRootOf(n, n.Inputs[1-i], w.rootBelow(in)); l != nil {
				return l
			}
		}
	}
	return nil
}

// rooted is what a value is the square root of, "" when it is none.
func (w *work) rooted(name string) string {
	if n := w.made(name, "Sqrt"); n != nil {
		return n.Inputs[0]
	}
	return w.toPower(name, 0.5)
}

// rootBelow is what a value is the reciprocal of the square root of, "" when it is none.
func (w *work) rootBelow(name string) string {
	if n := w.made(name, "Reciprocal"); n != nil {
		return w.rooted(n.Inputs[0])
	}
	if n := w.made(name, "Div"); n != nil {
		if one, ok := w.single(n.Inputs[0]); ok && one == 1 {
			return w.rooted(n.Inputs[1])
		}
	}
	return w.toPower(name, -0.5)
}

// toPower is what a value is that power of, "" when it is none.
func (w *work) toPower(name string, power float64) string {
	if n := w.made(name, "Pow"); n != nil {
		if p, ok := w.single(n.Inputs[1]); ok && p == power {
			return n.Inputs[0]
		}
	}
	return ""
}

// overRootOf reads x, or x that is scaled before, over the root of what stands under it.
func (w *work) overRootOf(n *graph.Node, over, under string) *layerNorm {
	if l := w.overMeanSquare(n, over, under); l != nil {
		return l
	}
	scaled := w.made(over, "Mul")
	if scaled == nil {
		return nil
	}
	for i, x := range scaled.Inputs {
		if l := w.overMeanSquare(n, x, under); l != nil && w.alongNorm(l, scaled.Inputs[1-i]) {
			l.scale, l.inner = scaled.Inputs[1-i], []*graph.Node{scaled}
			return l
		}
	}
	return nil
}

// overMeanSquare reads the mean of x² and epsilon under the root.
func (w *work) overMeanSquare(n *graph.Node, x, under string) *layerNorm {
	sum := w.made(under, "Add")
	if sum == nil || w.value(x).DType != tensor.F32 || w.value(n.Outputs[0]).Rank() != w.value(x).Rank() {
		return nil
	}
	for i, in := range sum.Inputs {
		epsilon, ok := w.single(sum.Inputs[1-i])
		if !ok || epsilon < 0 {
			continue
		}
		l := &layerNorm{root: n, x: x, epsilon: epsilon}
		if w.meanSquare(l, in) {
			return l
		}
	}
	return nil
}

// meanSquare reports whether the value is the mean of x² over the last dimensions, which it notes: as a mean, or as a sum by their number.
func (w *work) meanSquare(l *layerNorm, name string) bool {
	if mean := w.made(name, "ReduceMean"); mean != nil {
		return w.squares(w.producer[mean.Inputs[0]], l.x) && w.sameAxes(l, mean)
	}
	part := w.made(name, "Div", "Mul")
	if part == nil {
		return false
	}
	for i, in := range part.Inputs {
		by, ok := w.single(part.Inputs[1-i])
		if !ok || part.Op == "Div" && i != 0 || by <= 0 {
			continue
		}
		if part.Op == "Mul" {
			by = 1 / by
		}
		if w.sumSquare(l, in) && math.Abs(by/float64(l.elements())-1) < 1e-6 {
			return true
		}
	}
	return false
}

// sumSquare reports whether the value is the sum of x² over the last dimensions.
func (w *work) sumSquare(l *layerNorm, name string) bool {
	if sum := w.made(name, "ReduceSumSquare"); sum != nil {
		return sum.Inputs[0] == l.x && w.sameAxes(l, sum)
	}
	sum := w.made(name, "ReduceSum")
	return sum != nil && w.squares(w.producer[sum.Inputs[0]], l.x) && w.sameAxes(l, sum)
}

// writeRMS makes the operator of it.
func (l *layerNorm) writeRMS(w *work) {
	if l.scale == "" {
		ones := slices.Repeat([]float64{1}, l.elements())
		l.scale = w.constant(l.root.Outputs[0]+"/ones", floatWeight(tensor.F32, l.count, ones))
	}
	w.become(l.root, "RMSNormalization", map[string]graph.Attr{
		"axis":    intAttr(int64(l.axis - w.value(l.x).Rank())),
		"epsilon": {Kind: graph.AttrFloat, Float: float32(l.epsilon)},
	}, l.x, l.scale)
}
