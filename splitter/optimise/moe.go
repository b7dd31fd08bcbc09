package optimise

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// runtimeDomain is the domain of ONNX Runtime's own operators.
const runtimeDomain = "com.microsoft"

// Inputs of com.microsoft.MoE by position: rows, the experts' logits, and for both products of all experts weights [experts, out, in] and biases
// [experts, out]. Later inputs are of a third product.
const (
	moeRows = iota
	moeLogits
	moeWeights1
	moeBias1
	moeWeights2
	moeBias2
	moeInputs
)

// packed is a com.microsoft.MoE as ONNX Runtime's kernel for processors computes it: with p = softmax(logits), of which the k largest count,
//
//	y = sum of p[e] · (activation(x · W1[e]ᵀ + b1[e]) · W2[e]ᵀ + b2[e])
type packed struct {
	n                     *graph.Node
	count, columns, width int
	k                     int64
	activation            string
	gated                 bool // the first product yields pairs of columns
}

// Packed reports whether Own makes shardwise.Experts of the node. types are what is known of its inputs.
func Packed(n *graph.Node, weights map[string]*graph.Weight, types []infer.Value) bool {
	_, ok := packedOf(n, weights, types)
	return ok
}

func packedOf(n *graph.Node, weights map[string]*graph.Weight, types []infer.Value) (*packed, bool) {
	if n.Domain != runtimeDomain || n.Op != "MoE" || len(n.Outputs) != 1 || len(n.Inputs) <= moeWeights2 || len(types) != len(n.Inputs) || n.Int("use_sparse_mixer", 0) != 0 {
		return nil, false
	}
	for i := moeInputs; i < len(n.Inputs); i++ {
		if n.Inputs[i] != "" {
			return nil, false
		}
	}
	p := &packed{n: n, k: n.Int("k", 1), activation: n.Text("activation_type", "relu")}
	switch p.activation {
	case "relu", "gelu", "silu", "identity":
	case "swiglu":
		p.gated = true
		if n.Int("swiglu_fusion", 0) != 1 {
			return nil, false
		}
	default:
		return nil, false
	}
	x, logits := types[moeRows], types[moeLogits]
	one, two := weights[n.Inputs[moeWeights1]], weights[n.Inputs[moeWeights2]]
	if x.DType != tensor.F32 || logits.DType != tensor.F32 || x.Rank() < 2 || x.Rank() > 3 || logits.Rank() != 2 || !plain(one, 3) || !plain(two, 3) {
		return nil, false
	}
	inner := one.Shape[1]
	if p.gated {
		inner /= 2
	}
	p.count, p.columns, p.width = one.Shape[0], one.Shape[2], two.Shape[1]
	fits := two.Shape[0] == p.count && two.Shape[2] == inner && (!p.gated || one.Shape[1]%2 == 0) && p.width == p.columns && p.k >= 1 && p.k <= int64(p.count) &&
		x.Dims[x.Rank()-1].Is(int64(p.columns)) && logits.Dims[1].Is(int64(p.count))
	for i, rows := range map[int]int{moeBias1: one.Shape[1], moeBias2: p.width} {
		if i < len(n.Inputs) && n.Inputs[i] != "" {
			b := weights[n.Inputs[i]]
			fits = fits && plain(b, 2) && b.Shape[0] == p.count && b.Shape[1] == rows
		}
	}
	return p, fits
}

// plain reports whether a weight is a dense one of the rank, of F32.
func plain(w *graph.Weight, rank int) bool {
	return w != nil && w.DType == tensor.F32 && w.Opaque == nil && w.Sparse == nil && len(w.Shape) == rank && w.Shape[0] > 0
}

// packs makes shardwise.Experts of com.microsoft.MoE.
func (w *work) packs() {
	var nodes []*graph.Node
	for _, n := range w.g.Nodes {
		types := make([]infer.Value, len(n.Inputs))
		for i, in := range n.Inputs {
			types[i] = w.value(in)
		}
		p, ok := packedOf(n, w.g.Weights, types)
		if ok && w.g.Opsets[""] >= 11 && p.sliced(w) {
			nodes = append(nodes, p.write(w)...)
			w.done.Experts += p.count
		}
		nodes = append(nodes, n)
	}
	w.g.Nodes = nodes
}

// sliced reports whether every weight of it can be had expert by expert.
func (p *packed) sliced(w *work) bool {
	for _, in := range p.n.Inputs[moeWeights1:] {
		c := w.g.Weights[in]
		if c != nil && c.Data == nil && c.Length == 0 && !w.weights.CanDerive(c) {
			return false
		}
	}
	return true
}

// write makes the layer of the node, and returns the nodes that stand before it. The node yields the result in the form of the rows.
func (p *packed) write(w *work) []*graph.Node {
	n := p.n
	b := &nodes{w: w, base: n.Outputs[0] + "/experts"}
	rows, gates := n.Inputs[moeRows], p.gates(b)
	flat := w.value(rows).Rank() == 3
	x := rows
	if flat {
		x = b.add("Reshape", "rows", nil, rows, w.ints(b.base+"/flat", -1, int64(p.columns)))
	}
	attrs := map[string]graph.Attr{experts.AttrWidth: intAttr(int64(p.width)), experts.AttrTop: intAttr(p.k)}
	for e := range p.count {
		attrs[experts.BodyName(e)] = graph.Attr{Kind: graph.AttrGraph, Graph: p.body(w, e)}
	}
	w.g.Opsets[graph.ShardwiseDomain] = experts.Version
	if !flat {
		w.become(n, experts.Op, attrs, x, gates)
		n.Domain = graph.ShardwiseDomain
		return b.list
	}
	sum := w.unused(b.base + "/sum")
	layer := &graph.Node{Name: sum, Domain: graph.ShardwiseDomain, Op: experts.Op, Attrs: attrs, Inputs: []string{x, gates}, Outputs: []string{sum}}
	w.infer(layer)
	shape := b.add("Shape", "shape", nil, rows)
	w.become(n, "Reshape", nil, sum, shape)
	n.Domain = ""
	return append(b.list, layer)
}

// gates are the nodes of the experts' weights, [rows, experts]: 0 for all but the k with the largest logits.
func (p *packed) gates(b *nodes) string {
	share := b.add("Softmax", "shares", map[string]graph.Attr{"axis": intAttr(-1)}, p.n.Inputs[moeLogits])
	best, numbers := b.w.unused(b.base+"/best"), b.w.unused(b.base+"/numbers")
	top := &graph.Node{Name: best, Op: "TopK", Inputs: []string{share, b.w.ints(b.base+"/k", p.k)}, Outputs: []string{best, numbers}, Attrs: map[string]graph.Attr{"axis": intAttr(-1)}}
	b.list = append(b.list, top)
	b.w.infer(top)
	b.w.enter(top)
	if p.n.Int("normalize_routing_weights", 0) != 0 {
		best = b.add("Div", "parts", nil, best, b.axes("ReduceSum", "whole", 13, nil, -1, best))
	}
	all := make([]int64, p.count)
	for i := range all {
		all[i] = int64(i)
	}
	chosen := b.add("Equal", "chosen", nil, b.axes("Unsqueeze", "number", 13, nil, -1, numbers), b.w.ints(b.base+"/all", all...))
	hot := b.add("Cast", "hot", map[string]graph.Attr{"to": intAttr(castCode(tensor.F32))}, chosen)
	each := b.add("Mul", "weighted", nil, b.axes("Unsqueeze", "weight", 13, nil, -1, best), hot)
	return b.axes("ReduceSum", "gates", 13, map[string]graph.Attr{"keepdims": intAttr(0)}, 1, each)
}

// body is expert e as a graph of its own, from rows of x to rows of y.
func (p *packed) body(w *work, e int) *graph.Graph {
	base := fmt.Sprintf("%s/expert_%d", p.n.Outputs[0], e)
	dims := func(columns int) []graph.Dim { return []graph.Dim{{Size: -1, Symbol: "rows"}, {Size: columns}} }
	in := graph.Value{Name: w.unused(base + "/rows"), DType: tensor.F32, Ranked: true, Dims: dims(p.columns)}
	g := &graph.Graph{Name: base, Weights: map[string]*graph.Weight{}, Inputs: []graph.Value{in}}
	add := func(op, what string, attrs map[string]graph.Attr, inputs ...string) string {
		out := w.unused(base + "/" + what)
		g.Nodes = append(g.Nodes, &graph.Node{Name: out, Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
		return out
	}
	product := func(what, x string, weights, bias int) string {
		inputs := []string{x, p.part(w, weights, e)}
		if bias < len(p.n.Inputs) && p.n.Inputs[bias] != "" {
			inputs = append(inputs, p.part(w, bias, e))
		}
		return add("Gemm", what, map[string]graph.Attr{"transB": intAttr(1)}, inputs...)
	}
	single := func(v float64) string { return w.constant(base+"/number", floatWeight(tensor.F32, nil, []float64{v})) }
	out := product("y", p.activate(add, single, func(v int64) string { return w.ints(base+"/at", v) }, product("h", in.Name, moeWeights1, moeBias1)), moeWeights2, moeBias2)
	g.Outputs = []graph.Value{{Name: out, DType: tensor.F32, Ranked: true, Dims: dims(p.width)}}
	return g
}

// activate adds the activation of h.
func (p *packed) activate(add func(op, what string, attrs map[string]graph.Attr, inputs ...string) string, single func(float64) string, at func(int64) string, h string) string {
	switch p.activation {
	case "relu":
		return add("Relu", "relu", nil, h)
	case "silu":
		return add("Mul", "silu", nil, h, add("Sigmoid", "sigmoid", nil, h))
	case "gelu": // ONNX Runtime takes the approximation by tanh
		cube := add("Mul", "cube", nil, add("Mul", "square", nil, h, h), h)
		inner := add("Add", "inner", nil, h, add("Mul", "bent", nil, cube, single(0.044715)))
		curve := add("Tanh", "curve", nil, add("Mul", "scaled", nil, inner, single(math.Sqrt(2/math.Pi))))
		return add("Mul", "gelu", nil, add("Mul", "half", nil, h, single(0.5)), add("Add", "above", nil, curve, single(1)))
	case "swiglu": // pairs of columns
		gate := add("Slice", "gate", nil, h, at(0), at(math.MaxInt32), at(1), at(2))
		linear := add("Slice", "linear", nil, h, at(1), at(math.MaxInt32), at(1), at(2))
		if limit, ok := p.n.Attrs["swiglu_limit"]; ok {
			v := float64(limit.Float)
			gate = add("Min", "bounded", nil, gate, single(v))
			linear = add("Clip", "clipped", nil, linear, single(-v), single(v))
		}
		curve := add("Sigmoid", "curve", nil, add("Mul", "bent", nil, gate, single(float64(p.n.Float("activation_alpha", 1)))))
		return add("Mul", "swiglu", nil, add("Mul", "swish", nil, gate, curve), add("Add", "shifted", nil, linear, single(float64(p.n.Float("activation_beta", 0)))))
	}
	return h
}

// part enters expert e's part of an input, a weight whose first dimension counts the experts: where its bytes are, when they stand in a file.
func (p *packed) part(w *work, input, e int) string {
	from := w.g.Weights[p.n.Inputs[input]]
	c := &graph.Weight{DType: from.DType, Shape: from.Shape[1:].Clone(), Location: from.Location}
	size := int64(from.DType.Size())
	for _, d := range c.Shape {
		size *= int64(d)
	}
	at := int64(e) * size
	switch {
	case from.Data != nil:
		c.Data, c.Location = from.Data[at:at+size], ""
	case from.Length > 0:
		c.Offset, c.Length = from.Offset+at, size
	}
	name := w.constant(fmt.Sprintf("%s/expert_%d", from.Name, e), c)
	if c.Data == nil && c.Length == 0 {
		w.weights.Derive(c, from, func(data []byte) ([]byte, error) { return data[at : at+size], nil })
	}
	return name
}
