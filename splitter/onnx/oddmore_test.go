package onnx_test

import (
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// rarely adds a layer of a kind that few models have, over a value of any rank.
func (o *odd) rarely(x string) {
	s := o.shapes[x]
	last := len(s) - 1
	d := s[last]
	with := func(axis, size int) []int {
		out := append([]int{}, s...)
		out[axis] = size
		return out
	}
	axis := 1 + o.rng.IntN(last)
	switch o.rng.IntN(16) {
	case 0:
		o.reduce(x, axis)
	case 1:
		o.node([]string{"Softmax", "LogSoftmax"}[o.rng.IntN(2)], attrsOf("axis", axis), s, x)
	case 2:
		k := 1 + o.rng.IntN(min(s[axis], 4))
		o.nodes("TopK", attrsOf("axis", axis), [][]int{with(axis, k), {}}, x, o.ints(k))
		o.values = o.values[:len(o.values)-1] // places are integers
	case 3:
		o.node("Tile", nil, with(axis, 2*s[axis]), x, o.ints(repeats(len(s), axis, 2)...))
	case 4:
		u := o.node("Unsqueeze", nil, append(append(append([]int{}, s[:axis]...), 1), s[axis:]...), x, o.ints(axis))
		o.node("Squeeze", nil, s, o.elementwise(u), o.ints(axis))
	case 5:
		o.node("Where", nil, s, o.node("Greater", nil, []int{}, x, o.weight(d)), x, o.same(x))
		o.values = append(o.values[:len(o.values)-2], o.values[len(o.values)-1])
	case 6:
		o.node("PRelu", nil, s, x, o.weight(d))
	case 7:
		o.node("Clip", nil, s, x, o.number(-0.5), o.number(0.75))
	case 8:
		one := o.reduce(x, axis)
		o.node([]string{"Sub", "Mul"}[o.rng.IntN(2)], nil, s, x, one)
	case 9:
		m := o.size()
		if last == 2 { // a matrix for each step
			t := o.node("Unsqueeze", nil, []int{rows, s[1], 1, d}, x, o.ints(2))
			y := o.node("MatMul", nil, []int{rows, s[1], 1, m}, t, o.weight(s[1], d, m))
			o.node("Squeeze", nil, []int{rows, s[1], m}, y, o.ints(2))
			return
		}
		o.node("MatMul", nil, with(last, m), x, o.weight(d, m))
	case 10:
		h := o.node("MatMul", nil, with(last, d), x, o.weight(d, d))
		o.node("MatMul", nil, with(last, d), h, o.g.Nodes[len(o.g.Nodes)-1].Inputs[1]) // the same weight again
	case 11:
		h := o.node("MatMul", nil, with(last, d), o.elementwise(x), o.weight(d, d))
		w := o.g.Nodes[len(o.g.Nodes)-1].Inputs[1]
		t := o.node("Transpose", attrsOf("perm", []int{1, 0}), []int{d, d}, w)
		o.values = o.values[:len(o.values)-1]
		o.node("MatMul", nil, with(last, d), h, t)
	case 12:
		o.node("Slice", nil, with(axis, (s[axis]+1)/2), x, o.ints(0), o.ints(1<<40), o.ints(axis), o.ints(2))
	case 13:
		o.node("Flatten", attrsOf("axis", 1), []int{rows, product(s[1:])}, x)
	case 14:
		o.node("Add", nil, s, x, o.weight(append([]int{1}, s[1:]...)...))
	case 15:
		o.node("Concat", attrsOf("axis", axis), with(axis, 2*s[axis]), x, o.elementwise(x))
	}
}

// reduce keeps the axis with one element.
func (o *odd) reduce(x string, axis int) string {
	s := append([]int{}, o.shapes[x]...)
	s[axis] = 1
	if op := []string{"ReduceMean", "ReduceMax", "ReduceL2", "ReduceMin"}[o.rng.IntN(4)]; o.g.Opsets[""] < 18 {
		return o.node(op, attrsOf("axes", []int{axis}), s, x)
	}
	return o.node("ReduceSum", nil, s, x, o.ints(axis))
}

func repeats(rank, axis, n int) []int {
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
	}
	out[axis] = n
	return out
}

func product(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}

// strided adds a convolution with steps, one that is transposed, or a pooling.
func (o *odd) strided(x string) {
	c, h, w := o.shapes[x][1], o.shapes[x][2], o.shapes[x][3]
	m := o.size()
	switch o.rng.IntN(4) {
	case 0:
		o.node("Conv", attrsOf("kernel_shape", []int{3, 2}, "strides", []int{2, 1}, "pads", []int{1, 0, 1, 1}), []int{rows, m, (h-1)/2 + 1, w}, x, o.weight(m, c, 3, 2))
	case 1:
		group, _ := o.factors(c)
		o.node("ConvTranspose", attrsOf("kernel_shape", []int{2, 2}, "strides", []int{2, 2}, "group", group), []int{rows, group * 2, 2 * h, 2 * w}, x, o.weight(c, 2, 2, 2), o.weight(2*group))
	case 2:
		o.node("MaxPool", attrsOf("kernel_shape", []int{2, 2}, "pads", []int{0, 0, 1, 1}), o.shapes[x], x)
	case 3:
		o.node("InstanceNormalization", attrsOf("epsilon", 0.01), o.shapes[x], x, o.weight(c), o.weight(c))
	}
}

// ranked yields the place of the greatest element, an integer, as an output.
func (o *odd) ranked(x string) {
	name := o.node("ArgMax", attrsOf("axis", len(o.shapes[x])-1, "keepdims", o.rng.IntN(2)), []int{}, x)
	o.values = o.values[:len(o.values)-1]
	o.g.Outputs = append(o.g.Outputs, graph.Value{Name: name, DType: tensor.I64})
}
