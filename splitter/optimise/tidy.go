package optimise

import (
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
)

// tidy takes away the nodes that hand an input on, and joins chains of Transpose and of Reshape.
func tidy(w *work) {
	for _, n := range w.g.Nodes {
		if n.Domain != "" || len(n.Inputs) == 0 || len(n.Outputs) == 0 || n.Outputs[0] == "" || n.HasBodies() {
			continue
		}
		if slices.ContainsFunc(n.Outputs[1:], func(o string) bool { return o != "" }) {
			continue
		}
		if from := w.handsOn(n); from != "" {
			if w.alias(n.Outputs[0], from) {
				w.done.Removed++
			}
			continue
		}
		switch n.Op {
		case "Transpose":
			w.joinTranspose(n)
		case "Reshape":
			w.joinReshape(n)
		}
	}
}

// handsOn is the input that the node's first output always equals, bit by bit, "" when there is none.
func (w *work) handsOn(n *graph.Node) string {
	in, out := n.Inputs[0], n.Outputs[0]
	switch n.Op {
	case "Identity":
	case "Dropout":
		if w.trains(n) {
			return ""
		}
	case "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand":
	case "Concat", "Sum", "Max", "Min", "Mean":
		if len(n.Inputs) != 1 {
			return ""
		}
	case "Split":
		if len(n.Outputs) != 1 {
			return ""
		}
	case "Transpose":
		if !inOrder(n.Attrs["perm"].Ints) {
			return ""
		}
	case "Slice":
		if !w.forward(n) {
			return ""
		}
	case "Pad":
		if pads, given, ok := w.list(n, "pads", 1); !given || !ok || slices.ContainsFunc(pads, func(p int64) bool { return p != 0 }) {
			return ""
		}
	case "Mul", "Div":
		return w.unit(n)
	default:
		return ""
	}
	if in == "" || !sameType(w.value(in), w.value(out)) {
		return ""
	}
	return in
}

// trains reports whether a Dropout may drop anything.
func (w *work) trains(n *graph.Node) bool {
	if w.g.Opsets[""] < 7 {
		return n.Int("is_test", 0) == 0
	}
	if len(n.Inputs) < 3 || n.Inputs[2] == "" {
		return false
	}
	mode, ok := w.value(n.Inputs[2]).Ints()
	return !ok || len(mode) != 1 || mode[0] != 0
}

// inOrder reports whether a permutation is written out and moves nothing.
func inOrder(perm []int64) bool {
	for i, p := range perm {
		if p != int64(i) {
			return false
		}
	}
	return len(perm) > 0
}

// forward reports whether a Slice surely has no steps but 1: one that keeps all sizes then keeps everything.
func (w *work) forward(n *graph.Node) bool {
	steps, given, ok := w.list(n, "steps", 4)
	return ok && (!given || !slices.ContainsFunc(steps, func(s int64) bool { return s != 1 }))
}

// unit is the operand that is multiplied with or divided by the constant 1.
func (w *work) unit(n *graph.Node) string {
	for i, in := range n.Inputs {
		if v, ok := w.single(in); !ok || v != 1 || n.Op == "Div" && i == 0 {
			continue
		}
		if x := n.Inputs[1-i]; w.g.Weights[x] == nil && sameType(w.value(x), w.value(n.Outputs[0])) {
			return x
		}
	}
	return ""
}

// joinTranspose makes one Transpose of two.
func (w *work) joinTranspose(n *graph.Node) {
	first := w.made(n.Inputs[0], "Transpose")
	perm := n.Attrs["perm"].Ints
	if first == nil || len(perm) == 0 || len(first.Attrs["perm"].Ints) != len(perm) {
		return
	}
	joined := make([]int64, len(perm))
	for i, p := range perm {
		if p < 0 || p >= int64(len(perm)) {
			return
		}
		joined[i] = first.Attrs["perm"].Ints[p]
	}
	w.input(n, 0, first.Inputs[0])
	n.Attrs = maps.Clone(n.Attrs)
	n.Attrs["perm"] = graph.Attr{Kind: graph.AttrInts, Ints: joined}
	w.done.Removed++
}

// joinReshape lets a Reshape read what one before it reads. A shape that copies dimensions means those of the Reshape
// before, so it stays.
func (w *work) joinReshape(n *graph.Node) {
	first := w.made(n.Inputs[0], "Reshape", "Flatten", "Squeeze", "Unsqueeze")
	if first == nil || !w.alone(n.Inputs[0]) || n.Int("allowzero", 0) != 0 {
		return
	}
	shape, given, ok := w.list(n, "shape", 1)
	if !given || !ok || slices.Contains(shape, 0) {
		return
	}
	w.input(n, 0, first.Inputs[0])
	w.done.Removed++
}
