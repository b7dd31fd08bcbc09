package onnx

import (
	"fmt"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// microsoft is the domain of ONNX Runtime's own operators. Its optimiser and quantiser, and exporters that are made for it,
// write them in place of the operators that they are made of.
const microsoft = "com.microsoft"

// fusion writes one node as the operators that it is made of, which can be split and which every runtime has.
type fusion struct {
	c     *cleaner
	n     *graph.Node
	base  string // of the names of new values
	opset int64  // of ai.onnx
	dtype tensor.DType
	nodes []*graph.Node
	made  int
	err   error
}

// fusions are the rewritings by operator. One that answers false leaves a form of the operator as it is, and so refused.
func fusions() map[string]func(f *fusion) bool {
	return map[string]func(f *fusion) bool{
		"BiasGelu": fuseBiasGelu, "FastGelu": fuseFastGelu, "Gelu": fuseGelu, "QuickGelu": fuseQuickGelu, "BiasAdd": fuseBiasAdd,
		"FusedConv": fuseConv, "FusedGemm": fuseGemm, "FusedMatMul": fuseMatMul, "TransposeMatMul": fuseMatMul,
		"EmbedLayerNormalization": fuseEmbedding, "SkipLayerNormalization": fuseSkipNorm, "SkipSimplifiedLayerNormalization": fuseSkipNorm,
		"Attention": fuseAttention, "MultiHeadAttention": fuseHeads, "RotaryEmbedding": fuseRotary, "GroupQueryAttention": fuseGroups,
		"DynamicQuantizeMatMul": fuseDynamicProduct, "MatMulIntegerToFloat": fuseIntegerProduct, "QGemm": fuseQuantGemm,
		"QLinearAdd": fuseQuantPair, "QLinearMul": fuseQuantPair, "QLinearSigmoid": fuseQuantUnary, "QLinearLeakyRelu": fuseQuantUnary,
		"QLinearAveragePool": fuseQuantUnary, "QLinearGlobalAveragePool": fuseQuantUnary, "QLinearConcat": fuseQuantConcat,
	}
}

// oldestFused is the oldest operator set that the rewritings are written in.
const oldestFused = 11

// unfused rewrites a node of ONNX Runtime's own; ok is false for every other, and for forms that stay as they are.
func (c *cleaner) unfused(n *graph.Node) (nodes []*graph.Node, ok bool, err error) {
	f := &fusion{c: c, n: n, opset: c.net.graph.Opsets[""]}
	var write func(*fusion) bool
	switch {
	case n.Domain == microsoft:
		write = fusions()[n.Op]
	case n.Domain == "" && (n.Op == "SimplifiedLayerNormalization" || n.Op == "LayerNormalization" && f.opset < 17):
		write = fuseNorm // ONNX Runtime takes them in every operator set
	}
	if write == nil || f.opset < oldestFused || len(n.Inputs) == 0 || len(n.Outputs) == 0 || n.Outputs[0] == "" {
		return nil, false, nil
	}
	f.base, f.dtype = n.Outputs[0], c.net.values[n.Inputs[0]].DType
	if !write(f) || f.err != nil {
		return nil, false, f.err
	}
	c.net.unfused[operator(n)]++
	return f.nodes, true, nil
}

// only reports whether the node has no other attributes, and at least so many inputs.
func (f *fusion) only(inputs int, names ...string) bool {
	for name := range f.n.Attrs {
		if !slices.Contains(names, name) {
			return false
		}
	}
	for i := range inputs {
		if !f.has(i) {
			return false
		}
	}
	return true
}

func (f *fusion) has(i int) bool { return i < len(f.n.Inputs) && f.n.Inputs[i] != "" }

// in is input i, "" when it is absent.
func (f *fusion) in(i int) string {
	if i >= len(f.n.Inputs) {
		return ""
	}
	return f.n.Inputs[i]
}

// wants reports whether output i is used by name.
func (f *fusion) wants(i int) bool { return i < len(f.n.Outputs) && f.n.Outputs[i] != "" }

// onlyOutputs reports whether no output but the given ones has a name.
func (f *fusion) onlyOutputs(list ...int) bool {
	for i := range f.n.Outputs {
		if f.wants(i) && !slices.Contains(list, i) {
			return false
		}
	}
	return true
}

// rank is the rank of a value of the model, -1 when it is not known.
func (f *fusion) rank(name string) int {
	if v := f.c.net.values[name]; v.Ranked {
		return len(v.Dims)
	}
	return -1
}

// size is an extent of a value of the model, -1 when it is not known; axes count from the end when they are negative.
func (f *fusion) size(name string, axis int) int {
	dims := f.c.net.values[name].Dims
	if axis < 0 {
		axis += len(dims)
	}
	if axis < 0 || axis >= len(dims) {
		return -1
	}
	return dims[axis].Size
}

// op adds a node with one output and gives the output's name. The node's last inputs may be absent.
func (f *fusion) op(op string, attrs map[string]graph.Attr, in ...string) string {
	for len(in) > 0 && in[len(in)-1] == "" {
		in = in[:len(in)-1]
	}
	n := onnxNode(op, f.fresh(op), attrs, in...)
	f.nodes = append(f.nodes, n)
	return n.Outputs[0]
}

func (f *fusion) fresh(what string) string {
	f.made++
	return fmt.Sprintf("%s/%s_%d", f.base, what, f.made)
}

// result makes a value the node's output i, if that is wanted.
func (f *fusion) result(i int, value string) {
	if f.wants(i) {
		f.nodes = append(f.nodes, onnxNode("Identity", f.n.Outputs[i], nil, value))
	}
}

// number is a scalar constant of the node's float type.
func (f *fusion) number(v float64) string {
	t, err := tensor.FromSlice(tensor.F64, []float64{v})
	if err == nil {
		t, err = tensor.Convert(t, f.dtype)
	}
	return f.constant(t, err)
}

// ints is a vector constant of integers.
func (f *fusion) ints(values ...int64) string {
	return f.constant(tensor.FromSlice(tensor.I64, values, len(values)))
}

// whole is a scalar constant.
func (f *fusion) whole(v int64) string { return f.constant(tensor.FromSlice(tensor.I64, []int64{v})) }

func (f *fusion) constant(t *tensor.Tensor, err error) string {
	name := f.fresh("constant")
	if err == nil {
		err = f.c.addWeight(name, toWeight(t))
	}
	if f.err == nil {
		f.err = err
	}
	return name
}

func intAttr(v int64) graph.Attr        { return graph.Attr{Kind: graph.AttrInt, Int: v} }
func floatAttr(v float32) graph.Attr    { return graph.Attr{Kind: graph.AttrFloat, Float: v} }
func intsAttr(list ...int64) graph.Attr { return graph.Attr{Kind: graph.AttrInts, Ints: list} }

func (f *fusion) cast(x string, d tensor.DType) string {
	return f.op("Cast", map[string]graph.Attr{"to": intAttr(onnx.TypeNumber(d))}, x)
}

// add is the sum of those values that are present.
func (f *fusion) add(values ...string) string {
	sum := ""
	for _, v := range values {
		switch {
		case v == "":
		case sum == "":
			sum = v
		default:
			sum = f.op("Add", nil, sum, v)
		}
	}
	return sum
}

// unsqueeze adds dimensions.
func (f *fusion) unsqueeze(x string, axes ...int64) string {
	if f.opset < 13 {
		return f.op("Unsqueeze", map[string]graph.Attr{"axes": intsAttr(axes...)}, x)
	}
	return f.op("Unsqueeze", nil, x, f.ints(axes...))
}

// slice takes the places from start to end of one axis; math.MaxInt64 is the axis's end.
func (f *fusion) slice(x string, axis, start, end int64) string {
	return f.op("Slice", nil, x, f.ints(start), f.ints(end), f.ints(axis))
}

// mean is the mean along the last axis, which stays.
func (f *fusion) mean(x string) string {
	if f.opset < 18 {
		return f.op("ReduceMean", map[string]graph.Attr{"axes": intsAttr(-1)}, x)
	}
	return f.op("ReduceMean", nil, x, f.ints(-1))
}

// extent is the size of one axis, a scalar of I64.
func (f *fusion) extent(x string, axis int64) string {
	return f.op("Gather", nil, f.op("Shape", nil, x), f.whole(axis))
}

// count is 0, 1, ... below a scalar, or from one scalar to below another.
func (f *fusion) count(from, below string) string {
	if from == "" {
		from = f.whole(0)
	}
	return f.op("Range", nil, from, below, f.whole(1))
}

// lowest is the most negative number of the node's type.
func (f *fusion) lowest() float64 {
	switch f.dtype {
	case tensor.F16:
		return -65504
	case tensor.F64:
		return -math.MaxFloat64
	}
	return -math.MaxFloat32 / 2
}
