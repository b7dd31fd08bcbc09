package optimise

import (
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// layerNorm is a LayerNormalization that stands in other operators:
//
//	d = x - mean(x);  y = d / sqrt(mean(d²) + epsilon) · scale + bias
//
// over the last dimensions from axis on. It becomes root, which yields y.
type layerNorm struct {
	root        *graph.Node
	x           string
	axis        int
	epsilon     float64
	scale, bias string // "" for none
	count       []int  // sizes of the dimensions, for a scale of ones
	inner       []*graph.Node
}

// layerNorms finds them, those that end last first, so that none is taken for one without its scale or bias.
func (w *work) layerNorms() []*layerNorm {
	var found []*layerNorm
	taken := map[*graph.Node]bool{}
	for _, n := range slices.Backward(w.g.Nodes) {
		if taken[n] || w.taken[n] {
			continue
		}
		l := w.layerNormAt(n)
		if l == nil || l.scale == "" && l.elements() > maxOnes || slices.ContainsFunc(l.inner, func(i *graph.Node) bool { return taken[i] }) {
			continue
		}
		taken[n] = true
		for _, i := range l.inner {
			taken[i] = true
		}
		found = append(found, l)
	}
	slices.Reverse(found)
	return found
}

// layerNormAt reads the one that ends at the node, nil when there is none.
func (w *work) layerNormAt(n *graph.Node) *layerNorm {
	if l := w.normalised(n); l != nil {
		return l
	}
	if op(n, "Mul") {
		return w.scaledNorm(n)
	}
	if !op(n, "Add") {
		return nil
	}
	for i, in := range n.Inputs {
		m := w.producer[in]
		if m == nil {
			continue
		}
		l := w.scaledNorm(m)
		if l == nil {
			if l = w.normalised(m); l == nil {
				continue
			}
		}
		if l.bias = n.Inputs[1-i]; !w.alongNorm(l, l.bias) {
			return nil
		}
		l.inner, l.root = append(l.inner, m), n
		return l
	}
	return nil
}

func (w *work) scaledNorm(n *graph.Node) *layerNorm {
	if !op(n, "Mul") {
		return nil
	}
	for i, in := range n.Inputs {
		l := w.normalised(w.producer[in])
		if l == nil {
			continue
		}
		if l.scale = n.Inputs[1-i]; !w.alongNorm(l, l.scale) {
			continue
		}
		l.inner, l.root = append(l.inner, l.root), n
		return l
	}
	return nil
}

// alongNorm reports whether a constant has exactly the sizes of the dimensions that are normalised.
func (w *work) alongNorm(l *layerNorm, name string) bool {
	c := w.g.Weights[name]
	return c != nil && c.DType == tensor.F32 && c.Shape.Equal(l.count)
}

// normalised reads d / sqrt(variance + epsilon), or d times the reciprocal.
func (w *work) normalised(n *graph.Node) *layerNorm {
	switch {
	case op(n, "Div"):
		return w.centred(n, n.Inputs[0], w.made(n.Inputs[1], "Sqrt"))
	case op(n, "Mul"):
		for i, in := range n.Inputs {
			var root *graph.Node
			if r := w.made(in, "Reciprocal"); r != nil {
				root = w.made(r.Inputs[0], "Sqrt")
			} else if r := w.made(in, "Div"); r != nil {
				if one, ok := w.single(r.Inputs[0]); ok && one == 1 {
					root = w.made(r.Inputs[1], "Sqrt")
				}
			}
			if l := w.centred(n, n.Inputs[1-i], root); l != nil {
				return l
			}
		}
	}
	return nil
}

// centred reads d = x - mean(x) and the variance under the root.
func (w *work) centred(n *graph.Node, d string, sqrt *graph.Node) *layerNorm {
	if sqrt == nil {
		return nil
	}
	sub, sum := w.made(d, "Sub"), w.made(sqrt.Inputs[0], "Add")
	if sub == nil || sum == nil {
		return nil
	}
	x, mean := sub.Inputs[0], w.made(sub.Inputs[1], "ReduceMean")
	if mean == nil || mean.Inputs[0] != x {
		return nil
	}
	for i, in := range sum.Inputs {
		variance := w.made(in, "ReduceMean")
		epsilon, ok := w.single(sum.Inputs[1-i])
		if variance == nil || !ok || epsilon < 0 {
			continue
		}
		square := w.producer[variance.Inputs[0]]
		if !w.squares(square, d) {
			return nil
		}
		l := &layerNorm{root: n, x: x, epsilon: epsilon, inner: []*graph.Node{sqrt, sub, sum, mean, variance, square}}
		if w.sameAxes(l, mean) && w.sameAxes(l, variance) && w.value(x).DType == tensor.F32 {
			return l
		}
		return nil
	}
	return nil
}

// squares reports whether the node yields the square of a value.
func (w *work) squares(n *graph.Node, d string) bool {
	switch {
	case op(n, "Mul"):
		return n.Inputs[0] == d && n.Inputs[1] == d
	case op(n, "Pow"):
		power, ok := w.single(n.Inputs[1])
		if list, whole := w.value(n.Inputs[1]).Ints(); !ok && whole && len(list) == 1 {
			power, ok = float64(list[0]), true
		}
		return ok && power == 2 && n.Inputs[0] == d
	}
	return false
}

// sameAxes reads the axes of a mean: the last ones, kept, of known sizes.
func (w *work) sameAxes(l *layerNorm, mean *graph.Node) bool {
	x := w.value(l.x)
	axes, given, ok := w.list(mean, "axes", 1)
	if !given || !ok || len(axes) == 0 || x.Rank() < 0 || mean.Int("keepdims", 1) == 0 {
		return false
	}
	axes = slices.Clone(axes)
	for i, a := range axes {
		if a < 0 {
			axes[i] += int64(x.Rank())
		}
	}
	slices.Sort(axes)
	l.axis = x.Rank() - len(axes)
	l.count = nil
	for i, a := range axes {
		if a != int64(l.axis+i) {
			return false
		}
		size, fixed := x.Dims[a].Fixed()
		if !fixed {
			return false
		}
		l.count = append(l.count, int(size))
	}
	return true
}

func (l *layerNorm) elements() int {
	n := 1
	for _, size := range l.count {
		n *= size
	}
	return n
}

// maxOnes bounds the elements of a scale that is made because the operator needs one.
const maxOnes = 1 << 16

// write makes the operator of it. The bias, a constant, stays where it is.
func (l *layerNorm) write(w *work) {
	if l.scale == "" {
		ones := slices.Repeat([]float64{1}, l.elements())
		l.scale = w.constant(l.root.Outputs[0]+"/ones", floatWeight(tensor.F32, l.count, ones))
	}
	inputs := []string{l.x, l.scale}
	if l.bias != "" {
		inputs = append(inputs, l.bias)
	}
	w.become(l.root, "LayerNormalization", map[string]graph.Attr{
		"axis":    intAttr(int64(l.axis - w.value(l.x).Rank())),
		"epsilon": {Kind: graph.AttrFloat, Float: float32(l.epsilon)},
	}, inputs...)
}
