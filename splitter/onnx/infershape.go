package onnx

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Known small integers are kept as dimensions: a Size is the number itself, which may be negative, when Symbol is empty;
// otherwise the Symbol is a size that is only known at run time.

func fixedInts(list []graph.Dim) bool {
	return !slices.ContainsFunc(list, func(d graph.Dim) bool { return d.Symbol != "" })
}

// maxInts bounds the integer vectors whose elements are followed.
const maxInts = 64

// smallInts reads a constant vector or scalar of integers.
func smallInts(w *graph.Weight) ([]graph.Dim, bool) {
	n, err := w.Shape.Elements()
	if err != nil || len(w.Shape) > 1 || n > maxInts || w.Data == nil || w.DType != tensor.I64 && w.DType != tensor.I32 {
		return nil, false
	}
	t, err := tensor.FromBytes(w.DType, w.Shape, w.Data)
	if err != nil {
		return nil, false
	}
	list := make([]graph.Dim, n)
	for i := range list {
		if w.DType == tensor.I64 {
			list[i].Size = int(tensor.Of[int64](t)[i])
		} else {
			list[i].Size = int(tensor.Of[int32](t)[i])
		}
	}
	return list, true
}

func (c *cleaner) inferShape(n *graph.Node, in []graph.Value) ([]graph.Value, error) {
	x := in[0]
	switch n.Op {
	case "Reshape":
		return c.inferReshape(n, x)
	case "Flatten":
		return inferFlatten(n, x)
	case "Squeeze", "Unsqueeze":
		return c.inferSqueeze(n, x)
	case "Transpose":
		return inferTranspose(n, x)
	case "Concat":
		return c.inferConcat(n, in)
	case "Slice":
		return c.inferSlice(n, x)
	case "Gather":
		return c.inferGather(n, in)
	}
	return c.inferShapeOf(n, x)
}

func (c *cleaner) inferShapeOf(n *graph.Node, x graph.Value) ([]graph.Value, error) {
	rank := int64(len(x.Dims))
	bound := func(v int64) int64 {
		if v < 0 {
			v += rank
		}
		return max(0, min(v, rank))
	}
	lo, hi := bound(n.Int("start", 0)), bound(n.Int("end", rank))
	dims := x.Dims[lo:max(lo, hi)]
	if !slices.ContainsFunc(dims, func(d graph.Dim) bool { return d.Size < 0 && d.Symbol == "" }) {
		c.ints[n.Outputs[0]] = slices.Clone(dims)
	}
	return typed(tensor.I64, []graph.Dim{{Size: len(dims)}}), nil
}

// resolveShape replaces the computed shape of a Reshape by a constant when its elements are known: sizes stay, a
// dimension of the input in its own place becomes 0, one other symbol becomes -1.
func (c *cleaner) resolveShape(n *graph.Node) {
	if n.Domain != "" || n.Op != "Reshape" || len(n.Inputs) != 2 || n.Int("allowzero", 0) != 0 || c.net.graph.Weights[n.Inputs[1]] != nil {
		return
	}
	list, ok := c.ints[n.Inputs[1]]
	x := c.net.values[n.Inputs[0]]
	if !ok || !x.Ranked {
		return
	}
	values, inferred := make([]int64, len(list)), 0
	for i, d := range list {
		switch {
		case d.Symbol == "":
			values[i] = int64(d.Size)
			if d.Size == -1 {
				inferred++
			}
		case i < len(x.Dims) && x.Dims[i] == d:
			values[i] = 0
		default:
			values[i] = -1
			inferred++
		}
	}
	if inferred > 1 {
		return
	}
	t, err := tensor.FromSlice(tensor.I64, values, len(values))
	if err != nil {
		return
	}
	name := n.Outputs[0] + "/shape"
	if c.net.graph.Weights[name] == nil && c.addWeight(name, toWeight(t)) == nil {
		n.Inputs = []string{n.Inputs[0], name}
	}
}

func (c *cleaner) inferReshape(n *graph.Node, x graph.Value) ([]graph.Value, error) {
	if len(n.Inputs) < 2 {
		return unknown(x.DType), nil
	}
	want, ok := c.ints[n.Inputs[1]]
	if !ok {
		return unknown(x.DType), nil
	}
	out := make([]graph.Dim, len(want))
	infer := -1
	for i, d := range want {
		out[i] = d
		switch {
		case d.Symbol != "" || d.Size > 0:
		case d.Size == 0 && n.Int("allowzero", 0) == 0:
			if i >= len(x.Dims) {
				return nil, fmt.Errorf("it copies dimension %d of %s", i, text(x.Dims))
			}
			out[i] = x.Dims[i]
		case d.Size == -1 && infer < 0:
			infer = i
		case d.Size < 0:
			return nil, fmt.Errorf("the shape %s has more than one -1 or a negative size", text(want))
		}
	}
	if infer >= 0 {
		d, err := remainder(x.Dims, out, infer)
		if err != nil {
			return nil, err
		}
		out[infer] = d
	}
	from, fixedFrom := fixedShape(x)
	if to, fixed := fixedShape(graph.Value{Ranked: true, Dims: out}); fixedFrom && fixed {
		have, errFrom := from.Elements()
		want, errTo := to.Elements()
		if errFrom != nil || errTo != nil || have != want {
			return nil, fmt.Errorf("%s does not fit into %s", text(x.Dims), text(out))
		}
	}
	return typed(x.DType, out), nil
}

// remainder is the dimension that -1 stands for: symbols on both sides cancel, and so do sizes.
func remainder(from, to []graph.Dim, infer int) (graph.Dim, error) {
	have, need := 1, 1
	var symbols []string
	for _, d := range from {
		if d.Size >= 0 {
			have *= d.Size
		} else {
			symbols = append(symbols, d.Symbol)
		}
	}
	for i, d := range to {
		if i == infer {
			continue
		}
		if d.Size >= 0 && d.Symbol == "" {
			need *= d.Size
			continue
		}
		j := slices.Index(symbols, d.Symbol)
		if j < 0 || d.Symbol == "" {
			return graph.Dim{Size: -1}, nil
		}
		symbols = slices.Delete(symbols, j, j+1)
	}
	switch {
	case need == 0 || have%need != 0 && len(symbols) == 0:
		return graph.Dim{}, fmt.Errorf("%s does not fit into %s", text(from), text(to))
	case len(symbols) == 0:
		return graph.Dim{Size: have / need}, nil
	case len(symbols) == 1 && have == need:
		return graph.Dim{Size: -1, Symbol: symbols[0]}, nil
	}
	return graph.Dim{Size: -1}, nil
}

func inferFlatten(n *graph.Node, x graph.Value) ([]graph.Value, error) {
	a := n.Int("axis", 1)
	if a < 0 {
		a += int64(len(x.Dims))
	}
	if a < 0 || a > int64(len(x.Dims)) {
		return nil, fmt.Errorf("axis %d does not exist in %s", a, text(x.Dims))
	}
	rows, columns := graph.Dim{Size: 1}, graph.Dim{Size: 1}
	for _, d := range x.Dims[:a] {
		rows = times(rows, d)
	}
	for _, d := range x.Dims[a:] {
		columns = times(columns, d)
	}
	return typed(x.DType, []graph.Dim{rows, columns}), nil
}

func (c *cleaner) inferSqueeze(n *graph.Node, x graph.Value) ([]graph.Value, error) {
	axes, ok := c.axesOf(n)
	if !ok {
		return unknown(x.DType), nil
	}
	if list, known := c.ints[n.Inputs[0]]; known && len(list) == 1 {
		c.ints[n.Outputs[0]] = list // a scalar and a vector of one element
	}
	rank := len(x.Dims)
	if n.Op == "Unsqueeze" {
		rank += len(axes)
	}
	at := map[int]bool{}
	for _, a := range axes {
		i, err := axis(a, rank)
		if err != nil {
			return nil, err
		}
		if at[i] && n.Op == "Unsqueeze" {
			return nil, fmt.Errorf("it adds axis %d twice", a)
		}
		at[i] = true
	}
	var dims []graph.Dim
	if n.Op == "Unsqueeze" {
		rest := x.Dims
		for i := range rank {
			if at[i] || len(rest) == 0 {
				dims = append(dims, graph.Dim{Size: 1})
			} else {
				dims, rest = append(dims, rest[0]), rest[1:]
			}
		}
		return typed(x.DType, dims), nil
	}
	for i, d := range x.Dims {
		if at[i] && d.Size > 1 {
			return nil, fmt.Errorf("axis %d of %s is not 1", i, text(x.Dims))
		}
		if len(axes) == 0 && d.Size < 0 {
			return unknown(x.DType), nil
		}
		if !at[i] && (len(axes) > 0 || d.Size != 1) {
			dims = append(dims, d)
		}
	}
	return typed(x.DType, dims), nil
}

func inferTranspose(n *graph.Node, x graph.Value) ([]graph.Value, error) {
	perm := n.Attrs["perm"].Ints
	dims := make([]graph.Dim, len(x.Dims))
	if len(perm) != 0 && len(perm) != len(dims) {
		return nil, fmt.Errorf("perm %v does not fit %s", perm, text(x.Dims))
	}
	for i := range dims {
		from := int64(len(dims) - 1 - i)
		if len(perm) > 0 {
			from = perm[i]
		}
		if from < 0 || from >= int64(len(dims)) || len(perm) > 0 && slices.Contains(perm[:i], from) {
			return nil, fmt.Errorf("perm %v does not fit %s", perm, text(x.Dims))
		}
		dims[i] = x.Dims[from]
	}
	return typed(x.DType, dims), nil
}

func (c *cleaner) inferConcat(n *graph.Node, in []graph.Value) ([]graph.Value, error) {
	x := in[0]
	at, err := axis(n.Int("axis", 0), len(x.Dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.Dims)
	var list []graph.Dim
	known := len(dims) == 1
	for i, v := range in {
		if !v.Ranked || len(v.Dims) != len(dims) {
			return unknown(x.DType), nil
		}
		part, ok := c.ints[n.Inputs[i]]
		list, known = append(list, part...), known && ok
		if i == 0 {
			continue
		}
		if dims[at].Size < 0 || v.Dims[at].Size < 0 {
			dims[at] = graph.Dim{Size: -1}
		} else {
			dims[at].Size += v.Dims[at].Size
		}
	}
	if known && len(list) <= maxInts {
		c.ints[n.Outputs[0]] = list
	}
	return typed(x.DType, dims), nil
}

func (c *cleaner) inferSlice(n *graph.Node, x graph.Value) ([]graph.Value, error) {
	dims := slices.Clone(x.Dims)
	var lists [5][]graph.Dim
	for i := 1; i < len(n.Inputs) && i < 5; i++ {
		list, ok := c.ints[n.Inputs[i]]
		if n.Inputs[i] != "" && (!ok || !fixedInts(list)) {
			return unknown(x.DType), nil
		}
		lists[i] = list
	}
	for i := range lists[1] {
		a := i
		if i < len(lists[3]) {
			a = lists[3][i].Size
		}
		at, err := axis(int64(a), len(dims))
		if err != nil {
			return nil, err
		}
		step := 1
		if i < len(lists[4]) {
			step = lists[4][i].Size
		}
		if dims[at].Size < 0 || step != 1 || i >= len(lists[2]) {
			dims[at] = graph.Dim{Size: -1}
			continue
		}
		clamp := func(v int) int {
			if v < 0 {
				v += dims[at].Size
			}
			return max(0, min(v, dims[at].Size))
		}
		lo, hi := clamp(lists[1][i].Size), clamp(lists[2][i].Size)
		if part, ok := c.ints[n.Inputs[0]]; ok && len(x.Dims) == 1 && len(lists[1]) == 1 {
			c.ints[n.Outputs[0]] = part[lo:max(lo, hi)]
		}
		dims[at] = graph.Dim{Size: max(0, hi-lo)}
	}
	return typed(x.DType, dims), nil
}

func (c *cleaner) inferGather(n *graph.Node, in []graph.Value) ([]graph.Value, error) {
	x := in[0]
	at, err := axis(n.Int("axis", 0), len(x.Dims))
	if err != nil {
		return nil, err
	}
	if len(in) < 2 || !in[1].Ranked {
		return unknown(x.DType), nil
	}
	from, known := c.ints[n.Inputs[0]]
	index, fixed := c.ints[n.Inputs[1]]
	if known && fixed && fixedInts(index) && len(x.Dims) == 1 {
		var list []graph.Dim
		for _, d := range index {
			i, err := axis(int64(d.Size), len(from))
			if err != nil {
				return nil, err
			}
			list = append(list, from[i])
		}
		c.ints[n.Outputs[0]] = list
	}
	dims := append(slices.Clone(x.Dims[:at]), in[1].Dims...)
	return typed(x.DType, append(dims, x.Dims[at+1:]...)), nil
}
