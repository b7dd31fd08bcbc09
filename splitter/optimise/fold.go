package optimise

import (
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// fold takes what scales or shifts the channels of a Conv, ConvTranspose or Gemm into its weights, and makes a Gemm of a
// MatMul and its bias.
func fold(w *work) {
	for _, n := range w.g.Nodes {
		if w.taken[n] || n.Domain != "" || len(n.Outputs) != 1 {
			continue
		}
		switch n.Op {
		case "BatchNormalization", "Add", "Sub", "Mul", "Div":
			w.foldInto(n)
		}
	}
}

// target is a product whose channels can be scaled and shifted.
type target struct {
	node   *graph.Node
	weight *graph.Weight
	// channel is the dimension of the result, counted from the end, that has count channels; rank is the result's.
	channel, count, rank int
	// of gives the channel of an element of the weight.
	of func(element int) int
	// bias has one element for each channel, or one for all.
	bias []float64
}

// foldInto folds the node into the product that makes its input. The product's other readers, or those of its weight, would keep
// the old one alive: then nothing is gained.
func (w *work) foldInto(n *graph.Node) {
	for _, in := range n.Inputs[:min(2, len(n.Inputs))] {
		p := w.made(in, "Conv", "ConvTranspose", "Gemm", "MatMul")
		if p == nil || w.taken[p] || !w.alone(in) {
			continue
		}
		t, ok := w.target(p)
		if !ok {
			return
		}
		a, x, ok := w.affineOf(n, t.channel, t.count, t.rank)
		if !ok || x != in || a.scales() && !w.canScale(t) {
			return
		}
		w.apply(t, a, n)
		switch {
		case a.norm:
			w.done.Norms++
		case a.scales():
			w.done.Scales++
		default:
			w.done.Biases++
		}
		return
	}
}

// canScale reports whether the weight may be replaced by a scaled one.
func (w *work) canScale(t *target) bool {
	return len(w.readers[t.weight.Name]) == 1 && !w.output[t.weight.Name] && (t.weight.Data != nil || w.weights.CanDerive(t.weight))
}

// target reads a product; ok is false when its channels are not all known constants.
func (w *work) target(p *graph.Node) (t *target, ok bool) {
	if len(p.Inputs) < 2 {
		return nil, false
	}
	c := w.g.Weights[p.Inputs[1]]
	out := w.value(p.Outputs[0])
	if c == nil || c.Opaque != nil || c.DType != tensor.F32 && c.DType != tensor.F64 || out.Rank() < 2 || out.DType != c.DType {
		return nil, false
	}
	t = &target{node: p, weight: c, rank: out.Rank(), bias: []float64{0}}
	if p.Op == "Conv" || p.Op == "ConvTranspose" {
		ok = t.convolution()
	} else {
		ok = t.product(w.value(p.Inputs[0]).Rank())
	}
	if !ok || t.count < 1 || len(p.Inputs) < 3 || p.Inputs[2] == "" {
		return t, ok && t.count > 0
	}
	bias, b, known := w.numbers(p.Inputs[2])
	if !known || !perChannel(b.Shape, 1, t.count, 2) {
		return nil, false
	}
	t.bias = bias
	if p.Op == "Gemm" {
		beta := float64(p.Float("beta", 1))
		t.bias = mapped(bias, func(v float64) float64 { return beta * v })
	}
	return t, true
}

// convolution: weights [channels, in/group, kernel...], or [in, channels/group, kernel...] when transposed.
func (t *target) convolution() bool {
	shape, group := t.weight.Shape, int(t.node.Int("group", 1))
	if len(shape) != t.rank || len(shape) < 3 || group < 1 {
		return false
	}
	t.channel = t.rank - 1
	kernel := 1
	for _, k := range shape[2:] {
		kernel *= k
	}
	if t.node.Op == "Conv" {
		t.count = shape[0]
		row := shape[1] * kernel
		t.of = func(e int) int { return e / row }
		return row > 0
	}
	if kernel == 0 || shape[1] == 0 || shape[0] == 0 || shape[0]%group != 0 {
		return false
	}
	inGroup, outGroup := shape[0]/group, shape[1]
	t.count = outGroup * group
	t.of = func(e int) int {
		in, out := e/(outGroup*kernel), e/kernel%outGroup
		return in/inGroup*outGroup + out
	}
	return true
}

// product: a matrix [in, channels], or [channels, in] when a Gemm transposes it.
func (t *target) product(left int) bool {
	if len(t.weight.Shape) != 2 || t.rank != 2 || left != 2 {
		return false
	}
	t.channel = 1
	rows, columns := t.weight.Shape[0], t.weight.Shape[1]
	if rows == 0 || columns == 0 {
		return false
	}
	if t.node.Op == "Gemm" && t.node.Int("transB", 0) != 0 {
		t.count, t.of = rows, func(e int) int { return e / columns }
	} else {
		t.count, t.of = columns, func(e int) int { return e % columns }
	}
	return true
}

// apply gives n, whose readers stay, the product with the new weights. The old product has no reader any more.
func (w *work) apply(t *target, a affine, n *graph.Node) {
	p := t.node
	inputs := slices.Clone(p.Inputs[:2])
	if a.scales() {
		inputs[1] = w.scaled(t, a.scale)
	}
	attrs, op := maps.Clone(p.Attrs), p.Op
	if op == "MatMul" {
		op = "Gemm"
	}
	bias := w.ownBias(t, a, n)
	if bias == "" {
		shift := make([]float64, t.count)
		for c := range shift {
			shift[c] = at(a.scale, c)*at(t.bias, c) + at(a.shift, c)
		}
		bias = w.constant(n.Outputs[0]+"/bias", floatWeight(t.weight.DType, tensor.Shape{t.count}, shift))
	}
	delete(attrs, "beta")
	w.become(n, op, attrs, append(inputs, bias)...)
	w.taken[p] = true
}

// ownBias is the constant that n adds when it can be the product's bias as it stands, else "".
func (w *work) ownBias(t *target, a affine, n *graph.Node) string {
	if n.Op != "Add" || a.scales() || len(t.node.Inputs) > 2 {
		return ""
	}
	for _, in := range n.Inputs {
		c := w.g.Weights[in]
		if c == nil || c.DType != t.weight.DType {
			continue
		}
		if t.channel == 1 || len(c.Shape) == 1 && c.Shape[0] == t.count { // of a Gemm, else of a convolution
			return in
		}
	}
	return ""
}

// scaled is the product's weight with each channel scaled: now when the weight is at hand, else when it is read.
func (w *work) scaled(t *target, scale []float64) string {
	from, of := t.weight, t.of
	make := func(data []byte) ([]byte, error) {
		in, err := toTensor(from.DType, from.Shape, data)
		if err != nil {
			return nil, err
		}
		if from.DType == tensor.F64 {
			for i, v := range tensor.Of[float64](in) {
				tensor.Of[float64](in)[i] = v * at(scale, of(i))
			}
		} else {
			for i, v := range tensor.Of[float32](in) {
				tensor.Of[float32](in)[i] = float32(float64(v) * at(scale, of(i)))
			}
		}
		return in.Bytes(), nil
	}
	c := &graph.Weight{DType: from.DType, Shape: from.Shape}
	if from.Data == nil {
		name := w.constant(from.Name+"/scaled", c)
		w.weights.Derive(c, from, make)
		return name
	}
	data, err := make(from.Data)
	if err != nil {
		w.fail(t.node, err)
		data = from.Data
	}
	c.Data = data
	return w.constant(from.Name+"/scaled", c)
}
