package onnx_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// tableRows is how many rows look-up tables have.
const tableRows = 37

// oddGraph is a random graph of up to so many layers.
func oddGraph(rng *rand.Rand, layers int) *odd {
	o := newOdd(rng)
	o.input(rows, o.size())
	switch rng.IntN(5) {
	case 0:
		o.input(rows, 1+rng.IntN(6), o.size())
	case 1:
		o.input(rows, 1+rng.IntN(6), 5+rng.IntN(4), 5+rng.IntN(4))
	case 2:
		o.ids()
	}
	for range 1 + rng.IntN(layers) {
		o.layer()
	}
	if rng.IntN(3) == 0 {
		o.input(rows, 2) // nobody reads it
	}
	if x := o.any(2); rng.IntN(4) == 0 {
		o.ranked(x)
	}
	o.outputs()
	return o
}

// ids is an input of row numbers and what a table has in them.
func (o *odd) ids() {
	k, width := 1+o.rng.IntN(3), o.size()
	ids := o.input(rows, k)
	o.g.Inputs[len(o.g.Inputs)-1].DType = tensor.I64
	o.values = o.values[:len(o.values)-1] // no layer of floats reads it
	o.node("Gather", nil, []int{rows, k, width}, o.weight(tableRows, width), ids)
}

func (o *odd) layer() {
	switch rank := 2 + o.rng.IntN(3); {
	case o.rng.IntN(4) == 0 && len(o.of(rank)) > 0:
		o.rarely(o.any(rank))
	case rank == 4 && len(o.of(4)) > 0 && o.rng.IntN(3) == 0:
		o.strided(o.any(4))
	case rank == 4 && len(o.of(4)) > 0:
		o.image(o.any(4))
	case rank == 3 && len(o.of(3)) > 0:
		o.sequence(o.any(3))
	default:
		if x := o.any(2); x != "" {
			o.matrix(x)
		}
	}
}

// matrix adds a layer over [rows, width].
func (o *odd) matrix(x string) {
	d := o.shapes[x][1]
	switch o.rng.IntN(16) {
	case 0, 1:
		m := o.size()
		o.node("MatMul", nil, []int{rows, m}, x, o.weight(d, m))
	case 2, 3:
		m := o.size()
		o.node("Gemm", attrsOf("transB", 1, "alpha", 0.75), []int{rows, m}, x, o.weight(m, d), o.weight([][]int{{m}, {1, m}, {1}, {1, 1}}[o.rng.IntN(4)]...))
	case 4:
		o.elementwise(x)
	case 5:
		o.node([]string{"Add", "Mul", "Sub"}[o.rng.IntN(3)], nil, o.shapes[x], x, o.same(x))
	case 6:
		o.concat(x, 1)
	case 7:
		o.split(x, 1)
	case 8:
		a, b := o.factors(d)
		o.node("Reshape", nil, []int{rows, a, b}, x, o.ints([][]int{{-1, a, b}, {0, a, b}, {0, -1, b}}[o.rng.IntN(3)]...))
	case 9:
		o.norm(x)
	case 10:
		o.node("Softmax", attrsOf("axis", 1), o.shapes[x], x)
	case 11:
		m := 1 + o.rng.IntN(d)
		list := make([]int, m)
		for i := range list {
			list[i] = o.rng.IntN(2*d) - d
		}
		o.node("Gather", attrsOf("axis", 1), []int{rows, m}, x, o.ints(list...))
	case 12:
		m := o.size() // a weight in front
		t := o.node("Transpose", attrsOf("perm", []int{1, 0}), []int{d, rows}, x)
		y := o.node("MatMul", nil, []int{m, rows}, o.weight(m, d), t)
		o.node("Transpose", attrsOf("perm", []int{1, 0}), []int{rows, m}, y)
	case 13:
		from := o.rng.IntN(d)
		to := from + 1 + o.rng.IntN(d-from)
		o.node("Slice", nil, []int{rows, to - from}, x, o.ints(from), o.ints(to), o.ints(1))
	case 14:
		m := o.size()
		h := o.node("Gemm", nil, []int{rows, m}, x, o.weight(d, m), o.weight(m))
		h = o.elementwise(h)
		h = o.node("MatMul", nil, []int{rows, d}, h, o.weight(m, d))
		o.node("Add", nil, o.shapes[x], x, h)
	case 15:
		o.node("Pad", nil, []int{rows, d + 3}, x, o.ints(0, 1, 0, 2))
	}
}

func (o *odd) elementwise(x string) string {
	s := o.shapes[x]
	last := s[len(s)-1]
	switch o.rng.IntN(6) {
	case 0:
		return o.node("Mul", nil, s, x, o.node("Sigmoid", nil, s, x))
	case 1:
		return o.node("Add", nil, s, x, o.weight(last))
	case 2:
		return o.node("Mul", nil, s, o.weight(1, last), x)
	}
	return o.node([]string{"Relu", "Tanh", "Sigmoid", "Softplus", "Abs", "LeakyRelu"}[o.rng.IntN(6)], nil, s, x)
}

func (o *odd) concat(x string, axis int) {
	s := append([]int{}, o.shapes[x]...)
	in := []string{x}
	for range 1 + o.rng.IntN(2) {
		y := o.same(x)
		in, s[axis] = append(in, y), s[axis]+o.shapes[x][axis]
	}
	o.node("Concat", attrsOf("axis", axis-len(s)*o.rng.IntN(2)), s, in...)
}

func (o *odd) split(x string, axis int) {
	d := o.shapes[x][axis]
	if d < 2 {
		return
	}
	at := 1 + o.rng.IntN(d-1)
	var shapes [][]int
	for _, part := range []int{at, d - at} {
		s := append([]int{}, o.shapes[x]...)
		s[axis] = part
		shapes = append(shapes, s)
	}
	o.nodes("Split", attrsOf("axis", axis), shapes, x, o.ints(at, d-at))
}

// norm normalises over the last dimension, by one operator or several.
func (o *odd) norm(x string) string {
	s := o.shapes[x]
	d := s[len(s)-1]
	one := append(append([]int{}, s[:len(s)-1]...), 1)
	mean := func(x string) string {
		if o.g.Opsets[""] < 18 {
			return o.node("ReduceMean", attrsOf("axes", []int{-1}), one, x)
		}
		return o.node("ReduceMean", nil, one, x, o.ints(-1))
	}
	if o.rng.IntN(2) == 0 {
		root := o.node("Sqrt", nil, one, o.node("Add", nil, one, mean(o.node("Mul", nil, s, x, x)), o.number(0.01)))
		return o.node("Mul", nil, s, o.node("Div", nil, s, x, root), o.weight(d))
	}
	if o.g.Opsets[""] >= 17 {
		return o.node("LayerNormalization", attrsOf("epsilon", 0.01), s, x, o.weight(d), o.weight(d))
	}
	dev := o.node("Sub", nil, s, x, mean(x))
	root := o.node("Sqrt", nil, one, o.node("Add", nil, one, mean(o.node("Mul", nil, s, dev, dev)), o.number(0.01)))
	return o.node("Add", nil, s, o.node("Mul", nil, s, o.node("Div", nil, s, dev, root), o.weight(d)), o.weight(d))
}

// sequence adds a layer over [rows, steps, width].
func (o *odd) sequence(x string) {
	n, d := o.shapes[x][1], o.shapes[x][2]
	switch o.rng.IntN(13) {
	case 0, 1:
		m := o.size()
		o.node("MatMul", nil, []int{rows, n, m}, x, o.weight(d, m))
	case 2:
		o.elementwise(x)
	case 3:
		o.node("Transpose", attrsOf("perm", []int{0, 2, 1}), []int{rows, d, n}, x)
	case 4, 5:
		o.attention(x)
	case 6:
		o.lstm(x)
	case 7:
		o.node("Reshape", nil, []int{rows, n * d}, x, o.ints([][]int{{-1, n * d}, {0, -1}}[o.rng.IntN(2)]...))
	case 8:
		o.norm(x)
	case 9:
		o.split(x, 1+o.rng.IntN(2))
	case 10:
		o.concat(x, 1+o.rng.IntN(2))
	case 11:
		at := tensor.New(tensor.I64)
		tensor.Of[int64](at)[0] = int64(o.rng.IntN(n))
		name := fmt.Sprintf("w%d", len(o.g.Weights))
		o.g.Weights[name] = weightOf(name, at)
		o.node("Gather", attrsOf("axis", 1), []int{rows, d}, x, name)
	case 12:
		a, b := o.factors(d)
		r := o.node("Reshape", nil, []int{rows, n, a, b}, x, o.ints(0, 0, a, b))
		t := o.node("Transpose", attrsOf("perm", []int{0, 2, 1, 3}), []int{rows, a, n, b}, r)
		o.node("Reshape", nil, []int{rows, a, n * b}, t, o.ints(0, a, -1))
	}
}

// attention is a block of heads, with projections in one matrix or in three.
func (o *odd) attention(x string) {
	n, d := o.shapes[x][1], o.shapes[x][2]
	heads, size := 1+o.rng.IntN(5), 1+o.rng.IntN(4)
	w := heads * size
	var qkv []string
	if o.rng.IntN(2) == 0 {
		all := o.node("Add", nil, []int{rows, n, 3 * w}, o.node("MatMul", nil, []int{rows, n, 3 * w}, x, o.weight(d, 3*w)), o.weight(3*w))
		qkv = slices.Clone(o.nodes("Split", attrsOf("axis", -1), [][]int{{rows, n, w}, {rows, n, w}, {rows, n, w}}, all, o.ints(w, w, w)))
	} else {
		for range 3 {
			qkv = append(qkv, o.node("MatMul", nil, []int{rows, n, w}, x, o.weight(d, w)))
		}
	}
	perms := [][]int{{0, 2, 1, 3}, {0, 2, 3, 1}, {0, 2, 1, 3}}
	for i := range qkv {
		r := o.node("Reshape", nil, []int{rows, n, heads, size}, qkv[i], o.ints(0, n, heads, size))
		s := []int{rows, heads, n, size}
		if i == 1 {
			s = []int{rows, heads, size, n}
		}
		qkv[i] = o.node("Transpose", attrsOf("perm", perms[i]), s, r)
	}
	square := []int{rows, heads, n, n}
	scores := o.node("Softmax", attrsOf("axis", -1), square, o.node("Mul", nil, square, o.node("MatMul", nil, square, qkv[0], qkv[1]), o.number(0.5)))
	y := o.node("MatMul", nil, []int{rows, heads, n, size}, scores, qkv[2])
	y = o.node("Transpose", attrsOf("perm", []int{0, 2, 1, 3}), []int{rows, n, heads, size}, y)
	y = o.node("Reshape", nil, []int{rows, n, w}, y, o.ints(0, n, w))
	y = o.node("MatMul", nil, []int{rows, n, d}, y, o.weight(w, d))
	o.node("Add", nil, o.shapes[x], x, y)
}

func (o *odd) lstm(x string) {
	n, d, h := o.shapes[x][1], o.shapes[x][2], 1+o.rng.IntN(7)
	t := o.node("Transpose", attrsOf("perm", []int{1, 0, 2}), []int{n, rows, d}, x)
	op, gates := "LSTM", 4
	if o.rng.IntN(2) == 0 {
		op, gates = "GRU", 3
	}
	y := o.node(op, attrsOf("hidden_size", h), []int{n, 1, rows, h}, t, o.weight(1, gates*h, d), o.weight(1, gates*h, h), o.weight(1, 2*gates*h))
	s := o.node("Squeeze", nil, []int{n, rows, h}, y, o.ints(1))
	o.node("Transpose", attrsOf("perm", []int{1, 0, 2}), []int{rows, n, h}, s)
}

// image adds a layer over [rows, channels, height, width].
func (o *odd) image(x string) {
	c, h, w := o.shapes[x][1], o.shapes[x][2], o.shapes[x][3]
	switch o.rng.IntN(9) {
	case 0, 1, 2:
		group, _ := o.factors(c)
		m := group * (1 + o.rng.IntN(4))
		k := 1 + 2*o.rng.IntN(2)
		o.node("Conv", attrsOf("group", group, "kernel_shape", []int{k, k}, "pads", []int{k / 2, k / 2, k / 2, k / 2}), []int{rows, m, h, w}, x, o.weight(m, c/group, k, k), o.weight(m))
	case 3:
		o.node("BatchNormalization", nil, o.shapes[x], x, o.weight(c), o.weight(c), o.weight(c), o.positive(c))
	case 4:
		o.node([]string{"Relu", "Sigmoid", "Tanh"}[o.rng.IntN(3)], nil, o.shapes[x], x)
	case 5:
		g := o.node("GlobalAveragePool", nil, []int{rows, c, 1, 1}, x)
		o.node("Flatten", attrsOf("axis", 1), []int{rows, c}, g)
	case 6:
		o.concat(x, 1)
	case 7:
		o.split(x, 1)
	case 8:
		o.node("Add", nil, o.shapes[x], x, o.same(x))
	}
}

// graphText lists a graph for a failing test.
func graphText(g *graph.Graph) string {
	text := ""
	for _, v := range g.Inputs {
		text += fmt.Sprintf("input %s %v\n", v.Name, v.Dims)
	}
	for _, n := range g.Nodes {
		text += fmt.Sprintf("%s = %s(%v) %v", n.Outputs, n.Op, n.Inputs, n.Attrs)
		for _, in := range n.Inputs {
			if w := g.Weights[in]; w != nil {
				text += fmt.Sprintf(" %s%v", in, w.Shape)
			}
		}
		text += "\n"
	}
	for _, v := range g.Outputs {
		text += "output " + v.Name + "\n"
	}
	return text
}
