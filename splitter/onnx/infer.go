package onnx

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// batchSymbol stands for the number of rows, in every value that has them.
const batchSymbol = "batch"

// infer gives the types of a node's outputs, as far as they follow from the inputs' types; an unknown one has dtype
// Invalid or no rank. It fails when the inputs contradict each other. Operators without a rule give unknown outputs.
func (c *cleaner) infer(n *graph.Node) ([]graph.Value, error) {
	in := make([]graph.Value, len(n.Inputs))
	for i, name := range n.Inputs {
		in[i] = c.net.values[name]
	}
	if len(in) == 0 || in[0].DType == tensor.Invalid || !in[0].Ranked || len(n.Outputs) == 0 || n.Outputs[0] == "" {
		return nil, nil
	}
	if len(in) < 2 && (n.Op == "MatMul" || n.Op == "Gemm") {
		return nil, nil // the engine refuses it
	}
	if n.Domain == classicDomain {
		return inferClassic(n, in)
	}
	if n.Domain != "" {
		return nil, nil
	}
	x := in[0]
	switch n.Op {
	case "Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Min", "Max", "Sum":
		return inferBroadcast(in)
	case "And", "Or", "Equal", "Greater", "Less":
		out, err := inferBroadcast(in)
		if err == nil {
			out[0].DType = tensor.Bool
		}
		return out, err
	case "Where":
		return inferWhere(in)
	case "MatMul":
		return inferMatMul(in)
	case "Gemm":
		return inferGemm(n, in)
	case "Cast":
		to, _ := onnx.DTypeOf(n.Int("to", 0))
		if list, ok := c.ints[n.Inputs[0]]; ok && (to == tensor.I64 || to == tensor.I32) {
			c.ints[n.Outputs[0]] = list
		}
		return typed(to, x.Dims), nil
	case "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin":
		return c.inferReduce(n, x)
	case "ArgMax", "ArgMin":
		return inferArg(n, x)
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Slice", "Gather", "Shape":
		return c.inferShape(n, in)
	case "Identity":
		if list, ok := c.ints[n.Inputs[0]]; ok {
			c.ints[n.Outputs[0]] = list
		}
		return typed(x.DType, x.Dims), nil
	}
	if slices.Contains(sameAsInput(), n.Op) {
		return typed(x.DType, x.Dims), nil
	}
	return nil, nil
}

// sameAsInput are the operators whose output has their first input's type.
func sameAsInput() []string {
	return []string{"Neg", "Abs", "Reciprocal", "Sqrt", "Exp", "Log", "Tanh", "Erf", "Sigmoid", "Softplus", "Softsign", "Relu", "HardSwish",
		"Mish", "LeakyRelu", "Elu", "Celu", "Selu", "ThresholdedRelu", "HardSigmoid", "Gelu", "Clip", "BatchNormalization", "Softmax",
		"LogSoftmax", "Dropout", "Not"}
}

func typed(d tensor.DType, dims []graph.Dim) []graph.Value {
	return []graph.Value{{DType: d, Dims: slices.Clone(dims), Ranked: true}}
}

// unknown is a value of known dtype and unknown shape.
func unknown(d tensor.DType) []graph.Value { return []graph.Value{{DType: d}} }

func inferBroadcast(in []graph.Value) ([]graph.Value, error) {
	out := in[0]
	for _, v := range in[1:] {
		if v.DType == tensor.Invalid || !v.Ranked {
			return unknown(in[0].DType), nil
		}
		if v.DType != out.DType {
			return nil, fmt.Errorf("its operands are %s and %s", out.DType, v.DType)
		}
		dims, err := broadcastDims(out.Dims, v.Dims)
		if err != nil {
			return nil, err
		}
		out.Dims = dims
	}
	return typed(out.DType, out.Dims), nil
}

func inferWhere(in []graph.Value) ([]graph.Value, error) {
	if len(in) < 3 || !in[1].Ranked || !in[2].Ranked {
		return nil, nil
	}
	out, err := inferBroadcast(in[1:])
	if err != nil {
		return nil, err
	}
	dims, err := broadcastDims(out[0].Dims, in[0].Dims)
	return typed(out[0].DType, dims), err
}

// broadcastDims is numpy's rule over symbols: a symbol against a size above 1 is taken to be that size.
func broadcastDims(a, b []graph.Dim) ([]graph.Dim, error) {
	out := make([]graph.Dim, max(len(a), len(b)))
	one := graph.Dim{Size: 1}
	for i := range out {
		x, y := one, one
		if j := i - len(out) + len(a); j >= 0 {
			x = a[j]
		}
		if j := i - len(out) + len(b); j >= 0 {
			y = b[j]
		}
		switch {
		case x == y || y == one:
			out[i] = x
		case x == one:
			out[i] = y
		case x.Size >= 0 && y.Size >= 0:
			return nil, fmt.Errorf("its operands' shapes %s and %s do not broadcast", text(a), text(b))
		case x.Size >= 0:
			out[i] = x
		case y.Size >= 0:
			out[i] = y
		default:
			out[i] = graph.Dim{Size: -1}
		}
	}
	return out, nil
}

func text(dims []graph.Dim) string {
	var parts []string
	for _, d := range dims {
		switch {
		case d.Size >= 0:
			parts = append(parts, fmt.Sprint(d.Size))
		case d.Symbol != "":
			parts = append(parts, d.Symbol)
		default:
			parts = append(parts, "?")
		}
	}
	return fmt.Sprint(parts)
}

// agree reports whether two dimensions may be equal.
func agree(a, b graph.Dim) bool { return a.Size < 0 || b.Size < 0 || a.Size == b.Size }

func inferMatMul(in []graph.Value) ([]graph.Value, error) {
	a, b := in[0], in[1]
	if b.DType == tensor.Invalid || !b.Ranked {
		return unknown(a.DType), nil
	}
	if len(a.Dims) == 0 || len(b.Dims) == 0 || a.DType != b.DType {
		return nil, fmt.Errorf("its operands are %s%s and %s%s", a.DType, text(a.Dims), b.DType, text(b.Dims))
	}
	left, right := a.Dims, b.Dims
	if len(left) == 1 {
		left = []graph.Dim{{Size: 1}, left[0]}
	}
	if len(right) == 1 {
		right = []graph.Dim{right[0], {Size: 1}}
	}
	if !agree(left[len(left)-1], right[len(right)-2]) {
		return nil, fmt.Errorf("shapes %s and %s cannot be multiplied", text(a.Dims), text(b.Dims))
	}
	dims, err := broadcastDims(left[:len(left)-2], right[:len(right)-2])
	if err != nil {
		return nil, err
	}
	if len(a.Dims) > 1 {
		dims = append(dims, left[len(left)-2])
	}
	if len(b.Dims) > 1 {
		dims = append(dims, right[len(right)-1])
	}
	return typed(a.DType, dims), nil
}

func inferGemm(n *graph.Node, in []graph.Value) ([]graph.Value, error) {
	a, b := in[0], in[1]
	if b.DType == tensor.Invalid || !b.Ranked {
		return unknown(a.DType), nil
	}
	if len(a.Dims) != 2 || len(b.Dims) != 2 || a.DType != b.DType {
		return nil, fmt.Errorf("its operands are %s%s and %s%s, wanted two matrices", a.DType, text(a.Dims), b.DType, text(b.Dims))
	}
	m, k := a.Dims[0], a.Dims[1]
	if n.Int("transA", 0) != 0 {
		m, k = k, m
	}
	kb, cols := b.Dims[0], b.Dims[1]
	if n.Int("transB", 0) != 0 {
		kb, cols = cols, kb
	}
	if !agree(k, kb) {
		return nil, fmt.Errorf("the inner dimensions of %s and %s differ", text(a.Dims), text(b.Dims))
	}
	return typed(a.DType, []graph.Dim{m, cols}), nil
}

// axesOf are the axes of a reduction, from the attribute or the constant input; ok is false when they are not known.
func (c *cleaner) axesOf(n *graph.Node) (axes []int64, ok bool) {
	if a, has := n.Attrs["axes"]; has {
		return a.Ints, true
	}
	if len(n.Inputs) < 2 || n.Inputs[1] == "" {
		return nil, true
	}
	list, known := c.ints[n.Inputs[1]]
	if !known || !fixedInts(list) {
		return nil, false
	}
	for _, d := range list {
		axes = append(axes, int64(d.Size))
	}
	return axes, true
}

func (c *cleaner) inferReduce(n *graph.Node, x graph.Value) ([]graph.Value, error) {
	axes, ok := c.axesOf(n)
	if !ok {
		return unknown(x.DType), nil
	}
	if len(axes) == 0 && n.Int("noop_with_empty_axes", 0) != 0 {
		return typed(x.DType, x.Dims), nil
	}
	return dropAxes(x, axes, n.Int("keepdims", 1) != 0, x.DType)
}

func inferArg(n *graph.Node, x graph.Value) ([]graph.Value, error) {
	return dropAxes(x, []int64{n.Int("axis", 0)}, n.Int("keepdims", 1) != 0, tensor.I64)
}

func dropAxes(x graph.Value, axes []int64, keep bool, d tensor.DType) ([]graph.Value, error) {
	drop := map[int]bool{}
	for _, a := range axes {
		i, err := axis(a, len(x.Dims))
		if err != nil {
			return nil, err
		}
		drop[i] = true
	}
	var dims []graph.Dim
	for i, dim := range x.Dims {
		switch {
		case !drop[i] && len(axes) > 0:
			dims = append(dims, dim)
		case keep:
			dims = append(dims, graph.Dim{Size: 1})
		}
	}
	return typed(d, dims), nil
}

func inferClassic(n *graph.Node, in []graph.Value) ([]graph.Value, error) {
	x := in[0]
	switch n.Op {
	case "Normalizer", "Scaler", "Binarizer":
		return typed(tensor.F32, x.Dims), nil
	case "ArrayFeatureExtractor":
		if len(in) < 2 || !in[1].Ranked || len(x.Dims) == 0 {
			return unknown(x.DType), nil
		}
		count := graph.Dim{Size: 1}
		for _, d := range in[1].Dims {
			count = times(count, d)
		}
		if len(x.Dims) == 1 {
			return typed(x.DType, []graph.Dim{{Size: 1}, count}), nil
		}
		dims := slices.Clone(x.Dims)
		dims[len(dims)-1] = count
		return typed(x.DType, dims), nil
	}
	return nil, nil
}

// times multiplies dimensions; a product of a symbol and a size above 1 is unknown.
func times(a, b graph.Dim) graph.Dim {
	one := graph.Dim{Size: 1}
	switch {
	case a == one:
		return b
	case b == one:
		return a
	case a.Size >= 0 && b.Size >= 0:
		return graph.Dim{Size: a.Size * b.Size}
	}
	return graph.Dim{Size: -1}
}

func axis(a int64, rank int) (int, error) {
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d does not exist in %d dimensions", a, rank)
	}
	return int(a), nil
}
