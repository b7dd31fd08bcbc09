package onnx

import (
	"maps"
	"math"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// fuseGelu is Gelu: x / 2 · (1 + erf(x / √2)).
func fuseGelu(f *fusion) bool {
	if !f.only(1) || !f.dtype.Float() {
		return false
	}
	f.result(0, f.gelu(f.in(0), false))
	return true
}

// fuseBiasGelu is Gelu of x plus a bias.
func fuseBiasGelu(f *fusion) bool {
	if !f.only(2) || !f.dtype.Float() {
		return false
	}
	f.result(0, f.gelu(f.add(f.in(0), f.in(1)), false))
	return true
}

// fuseFastGelu is Gelu with the approximation by tanh, of x plus a bias that may be absent.
func fuseFastGelu(f *fusion) bool {
	if !f.only(1) || !f.dtype.Float() {
		return false
	}
	f.result(0, f.gelu(f.add(f.in(0), f.in(1)), true))
	return true
}

func (f *fusion) gelu(x string, tanh bool) string {
	if f.opset >= 20 {
		kind := "none"
		if tanh {
			kind = "tanh"
		}
		return f.op("Gelu", map[string]graph.Attr{"approximate": {Kind: graph.AttrString, Str: kind}}, x)
	}
	var inner string
	if tanh {
		cube := f.op("Mul", nil, f.op("Mul", nil, x, x), x)
		sum := f.op("Add", nil, x, f.op("Mul", nil, cube, f.number(0.044715)))
		inner = f.op("Tanh", nil, f.op("Mul", nil, sum, f.number(math.Sqrt(2/math.Pi))))
	} else {
		inner = f.op("Erf", nil, f.op("Div", nil, x, f.number(math.Sqrt2)))
	}
	return f.op("Mul", nil, f.op("Mul", nil, x, f.op("Add", nil, inner, f.number(1))), f.number(0.5))
}

// fuseQuickGelu is x · sigmoid(alpha · x).
func fuseQuickGelu(f *fusion) bool {
	if !f.only(1, "alpha") || !f.dtype.Float() {
		return false
	}
	x := f.in(0)
	f.result(0, f.op("Mul", nil, x, f.op("Sigmoid", nil, f.op("Mul", nil, x, f.number(float64(f.n.Float("alpha", 1.702)))))))
	return true
}

// fuseBiasAdd is x + bias + skip.
func fuseBiasAdd(f *fusion) bool {
	if !f.only(3) {
		return false
	}
	f.result(0, f.add(f.in(0), f.in(1), f.in(2)))
	return true
}

// fuseNorm is LayerNormalization, and SimplifiedLayerNormalization, which is the root of the mean square.
func fuseNorm(f *fusion) bool {
	if !f.only(2, "axis", "epsilon", "stash_type") || !f.dtype.Float() || !f.onlyOutputs(0) {
		return false
	}
	if axis := int(f.n.Int("axis", -1)); axis != -1 && axis != f.rank(f.in(0))-1 {
		return false
	}
	f.result(0, f.norm(f.in(0), f.in(1), f.in(2), f.n.Op == "SimplifiedLayerNormalization"))
	return true
}

// norm is the normalisation of the last axis with the node's epsilon.
func (f *fusion) norm(x, gamma, beta string, simplified bool) string {
	epsilon := f.n.Float("epsilon", 1e-5)
	if f.n.Domain == microsoft {
		epsilon = f.n.Float("epsilon", 1e-12)
	}
	attrs := map[string]graph.Attr{"axis": intAttr(-1), "epsilon": floatAttr(epsilon)}
	switch {
	case !simplified && f.opset >= 17:
		return f.op("LayerNormalization", attrs, x, gamma, beta)
	case simplified && f.opset >= 23:
		return f.op("RMSNormalization", attrs, x, gamma)
	}
	halves := f.dtype == tensor.F16 || f.dtype == tensor.BF16
	from := f.dtype
	if halves {
		x, f.dtype = f.cast(x, tensor.F32), tensor.F32 // squares of halves leave their range
	}
	if !simplified {
		x = f.op("Sub", nil, x, f.mean(x))
	}
	square := f.mean(f.op("Mul", nil, x, x))
	y := f.op("Div", nil, x, f.op("Sqrt", nil, f.op("Add", nil, square, f.number(float64(epsilon)))))
	if halves {
		y, f.dtype = f.cast(y, from), from
	}
	return f.add(f.op("Mul", nil, y, gamma), beta)
}

// fuseSkipNorm is the normalisation of x + skip + bias; output 3 is that sum.
func fuseSkipNorm(f *fusion) bool {
	if !f.only(3, "epsilon") || !f.dtype.Float() || !f.onlyOutputs(0, 3) {
		return false
	}
	beta, bias := f.in(3), f.in(4)
	simplified := f.n.Op == "SkipSimplifiedLayerNormalization"
	if simplified {
		beta, bias = "", f.in(3)
	}
	sum := f.add(f.in(0), f.in(1), bias)
	f.result(0, f.norm(sum, f.in(2), beta, simplified))
	f.result(3, sum)
	return true
}

// fuseEmbedding is EmbedLayerNormalization: the sum of the embeddings of words, positions and segments, normalised. Output 1
// is the number of words of each row that the mask keeps, 0 without a mask; output 2 is the sum.
func fuseEmbedding(f *fusion) bool {
	if !f.only(1, "epsilon", "mask_index_type") || !f.has(2) || !f.has(3) || !f.has(5) || !f.has(6) || f.has(1) != f.has(4) || !f.onlyOutputs(0, 1, 2) {
		return false
	}
	if f.n.Int("mask_index_type", 1) != 1 && f.wants(1) {
		return false
	}
	f.dtype = f.c.net.values[f.in(2)].DType
	if !f.dtype.Float() {
		return false
	}
	sum := f.op("Gather", nil, f.in(2), f.in(0))
	if f.has(8) {
		sum = f.add(sum, f.op("Gather", nil, f.in(3), f.in(8)))
	} else {
		end := f.op("Reshape", nil, f.extent(f.in(0), 1), f.ints(1))
		sum = f.add(sum, f.op("Slice", nil, f.in(3), f.ints(0), end, f.ints(0)))
	}
	if f.has(1) {
		sum = f.add(sum, f.op("Gather", nil, f.in(4), f.in(1)))
	}
	f.result(0, f.norm(sum, f.in(5), f.in(6), false))
	f.result(2, sum)
	if f.wants(1) {
		mask := f.in(7)
		if mask == "" {
			ids := f.cast(f.in(0), tensor.I32)
			mask = f.op("Sub", nil, ids, ids)
		}
		attrs, in := map[string]graph.Attr{"axes": intsAttr(1), "keepdims": intAttr(0)}, []string{mask}
		if f.opset >= 13 {
			attrs, in = map[string]graph.Attr{"keepdims": intAttr(0)}, []string{mask, f.ints(1)}
		}
		f.result(1, f.op("ReduceSum", attrs, in...))
	}
	return true
}

// fuseMatMul is FusedMatMul: alpha times the product, of transposed matrices if that is asked.
func fuseMatMul(f *fusion) bool {
	if !f.only(2, "alpha", "transA", "transB", "transBatchA", "transBatchB") || f.n.Int("transBatchA", 0) != 0 || f.n.Int("transBatchB", 0) != 0 {
		return false
	}
	var in [2]string
	for i, attr := range []string{"transA", "transB"} {
		in[i] = f.in(i)
		if f.n.Int(attr, 0) == 0 {
			continue
		}
		rank := f.rank(in[i])
		if rank < 0 {
			return false
		}
		if rank < 2 {
			continue // a vector is its own transpose there
		}
		perm := make([]int64, rank)
		for k := range perm {
			perm[k] = int64(k)
		}
		perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
		in[i] = f.op("Transpose", map[string]graph.Attr{"perm": intsAttr(perm...)}, in[i])
	}
	y := f.op("MatMul", nil, in[0], in[1])
	if alpha := f.n.Float("alpha", 1); alpha != 1 {
		y = f.op("Mul", nil, y, f.number(float64(alpha)))
	}
	f.result(0, y)
	return true
}

// fuseGemm is Gemm with an activation behind it.
func fuseGemm(f *fusion) bool {
	if !f.only(2, "activation", "activation_alpha", "activation_beta", "activation_gamma", "alpha", "beta", "transA", "transB") {
		return false
	}
	attrs := maps.Clone(f.n.Attrs)
	for _, name := range []string{"activation", "activation_alpha", "activation_beta", "activation_gamma"} {
		delete(attrs, name)
	}
	var parameters []float32
	for _, name := range []string{"activation_alpha", "activation_beta"} {
		if a, ok := f.n.Attrs[name]; ok {
			parameters = append(parameters, a.Float)
		}
	}
	y, ok := f.activation(f.op("Gemm", attrs, f.n.Inputs...), parameters)
	f.result(0, y)
	return ok
}

// fuseConv is Conv, a value of its shape added, and an activation.
func fuseConv(f *fusion) bool {
	if !f.only(2, "activation", "activation_params", "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides") {
		return false
	}
	attrs := maps.Clone(f.n.Attrs)
	delete(attrs, "activation")
	delete(attrs, "activation_params")
	y, ok := f.activation(f.add(f.op("Conv", attrs, f.in(0), f.in(1), f.in(2)), f.in(3)), f.n.Attrs["activation_params"].Floats)
	f.result(0, y)
	return ok
}

// activation applies the activation that the node names; ok is false for one that is not known.
func (f *fusion) activation(x string, parameters []float32) (y string, ok bool) {
	kind := f.n.Text("activation", "")
	names := map[string][]string{"": {}, "Relu": {}, "Tanh": {}, "Sigmoid": {}, "LeakyRelu": {"alpha"}, "HardSigmoid": {"alpha", "beta"}}
	list, known := names[kind]
	switch {
	case kind == "":
		return x, true
	case kind == "Clip" && len(parameters) == 2:
		return f.op("Clip", nil, x, f.number(float64(parameters[0])), f.number(float64(parameters[1]))), true
	case !known || len(parameters) != 0 && len(parameters) != len(list):
		return "", false
	}
	attrs := map[string]graph.Attr{}
	for i, v := range parameters {
		attrs[list[i]] = floatAttr(v)
	}
	return f.op(kind, attrs, x), true
}
