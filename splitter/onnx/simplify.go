package onnx

import (
	"context"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// simplify handles the nodes that vanish: those that hand their input on and those that compute constants. It reports
// whether the node is done with.
func (c *cleaner) simplify(n *graph.Node) (bool, error) {
	switch {
	case n.Domain == "" && n.Op == "Constant":
		return c.constant(n)
	case n.Domain == "ai.onnx.ml" && n.Op == "ZipMap" && len(n.Inputs) == 1 && len(n.Outputs) == 1:
		c.net.zipMaps++
		c.alias[n.Outputs[0]] = n.Inputs[0]
		return true, nil
	case c.covers.Refuses(n, c.net.graph.Opsets, c.net.graph.Weights, nil) != nil:
		return false, nil // keep says why
	}
	out, err := c.infer(n)
	if err != nil || len(out) == 0 {
		return false, nil // keep says why
	}
	if passes(n) && onlyFirst(n) && sameType(c.net.values[n.Inputs[0]], out[0]) {
		c.alias[n.Outputs[0]] = n.Inputs[0]
		return true, nil
	}
	if list, ok := c.scope.Value(n.Outputs[0]).Ints(); ok && n.Domain == "" && len(n.Outputs) == 1 && wholeType(out[0].DType) {
		return true, c.intWeight(n.Outputs[0], list, out[0])
	}
	return c.fold(n, out)
}

// onlyFirst reports whether the node has no output but its first: Dropout may give its mask, too.
func onlyFirst(n *graph.Node) bool {
	return !slices.ContainsFunc(n.Outputs[1:], func(o string) bool { return o != "" })
}

// passes reports whether the operator hands its first input on when the type does not change.
func passes(n *graph.Node) bool {
	return n.Domain == "" && slices.Contains([]string{"Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}, n.Op)
}

func sameType(a, b graph.Value) bool {
	if a.DType != b.DType || !a.Ranked || !b.Ranked || len(a.Dims) != len(b.Dims) {
		return false
	}
	for i := range a.Dims {
		if a.Dims[i] != b.Dims[i] || a.Dims[i].Size < 0 && a.Dims[i].Symbol == "" {
			return false
		}
	}
	return true
}

// constant turns a Constant node into a weight.
func (c *cleaner) constant(n *graph.Node) (bool, error) {
	w, err := c.constantWeight(n)
	if w == nil || err != nil {
		return false, err // keep says why
	}
	return true, c.addWeight(n.Outputs[0], w)
}

// constantWeight is what a Constant node holds; nil when the node is another or not one that ONNX defines.
func (c *cleaner) constantWeight(n *graph.Node) (*graph.Weight, error) {
	if n.Domain != "" || n.Op != "Constant" || len(n.Attrs) != 1 || len(n.Inputs) > 0 || len(n.Outputs) != 1 || n.Outputs[0] == "" {
		return nil, nil
	}
	name := sorted(n.Attrs)[0]
	a := n.Attrs[name]
	var t *tensor.Tensor
	var err error
	switch {
	case name == "value" && a.Kind == graph.AttrTensor, name == "sparse_value" && a.Kind == graph.AttrSparseTensor:
		return a.Tensor, nil // no other node has it
	case name == "value_float" && a.Kind == graph.AttrFloat:
		t, err = tensor.FromSlice(tensor.F32, []float32{a.Float})
	case name == "value_floats" && a.Kind == graph.AttrFloats:
		t, err = tensor.FromSlice(tensor.F32, a.Floats, len(a.Floats))
	case name == "value_int" && a.Kind == graph.AttrInt:
		t, err = tensor.FromSlice(tensor.I64, []int64{a.Int})
	case name == "value_ints" && a.Kind == graph.AttrInts:
		t, err = tensor.FromSlice(tensor.I64, a.Ints, len(a.Ints))
	case name == "value_string" && a.Kind == graph.AttrString:
		return &graph.Weight{DType: tensor.String, Shape: tensor.Shape{}, Strings: []string{a.Str}}, nil
	case name == "value_strings" && a.Kind == graph.AttrStrings:
		return &graph.Weight{DType: tensor.String, Shape: tensor.Shape{len(a.Strs)}, Strings: a.Strs}, nil
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return toWeight(t), nil
}

func toWeight(t *tensor.Tensor) *graph.Weight {
	w := &graph.Weight{DType: t.DType(), Shape: t.Shape(), Data: t.Bytes()}
	if t.DType() == tensor.String {
		w.Data = nil
		for i := range t.Len() {
			w.Strings = append(w.Strings, t.StringAt(i))
		}
	}
	return w
}

// fold computes a node whose inputs are all constants: now when they are small, else when the result is read, which works
// for one large input. Transposes of matrices are remembered, because a product can often take the matrix as it is.
func (c *cleaner) fold(n *graph.Node, out []graph.Value) (bool, error) {
	var large *graph.Weight
	for _, in := range n.Inputs {
		w := c.net.graph.Weights[in]
		switch {
		case in == "":
		case w == nil:
			return false, nil
		case w.Data == nil && w.Strings == nil && large != nil && large != w:
			return false, nil
		case w.Data == nil && w.Strings == nil:
			large = w
		}
	}
	if len(n.Inputs) == 0 || len(n.Outputs) != 1 || n.HasBodies() {
		return false, nil
	}
	if large == nil {
		if shape, ok := fixedShape(out[0]); !ok || !c.foldable(n, shape, out[0].DType) {
			return false, nil
		}
		t, err := c.run(n, c.constants(n), nil)
		if err != nil {
			return false, nil // keep says why
		}
		return true, c.addWeight(n.Outputs[0], toWeight(t))
	}
	shape, ok := fixedShape(out[0])
	if !ok {
		return false, nil
	}
	w := &graph.Weight{Name: n.Outputs[0], DType: out[0].DType, Shape: shape}
	if c.store.isSparse(large) && !passes(n) {
		return false, nil // it is not held dense here
	}
	inputs := c.constants(n) // now: what no output needs is gone when the result is read
	make := func(data []byte) ([]byte, error) {
		t, err := c.run(n, inputs, map[string][]byte{large.Name: data})
		if err != nil {
			return nil, err
		}
		return t.Bytes(), nil
	}
	if passes(n) && large.DType == w.DType {
		make = nil
	}
	if n.Op == "Transpose" && len(shape) == 2 && shape[0] == large.Shape[1] && (shape[0] != shape[1] || !slices.Equal(n.Attrs["perm"].Ints, []int64{0, 1})) {
		c.flipped[w.Name] = large.Name
	}
	c.store.derive(w, large, make)
	c.net.graph.Weights[w.Name] = w
	c.net.values[w.Name] = weightValue(w)
	c.scope.Define(w.Name, infer.OfWeight(w))
	return true, nil
}

// maxGrown is the size up to which a constant may be larger than what it is computed from.
const maxGrown = 64 << 10

// foldable reports whether the result of a node of small constants is worth holding. ConstantOfShape, Expand and their like
// make tensors of any size from a few numbers: such a node stays and makes it where it runs.
func (c *cleaner) foldable(n *graph.Node, shape tensor.Shape, d tensor.DType) bool {
	limit := int64(maxGrown)
	for _, in := range n.Inputs {
		if w := c.net.graph.Weights[in]; w != nil {
			if size, err := w.Bytes(); err == nil {
				limit = max(limit, size)
			}
		}
	}
	size, err := (&graph.Weight{DType: d, Shape: shape}).Bytes()
	return err == nil && size <= limit
}

// constants are the weights that a node reads.
func (c *cleaner) constants(n *graph.Node) map[string]*graph.Weight {
	out := map[string]*graph.Weight{}
	for _, in := range n.Inputs {
		if w := c.net.graph.Weights[in]; w != nil {
			out[in] = w
		}
	}
	return out
}

// run computes one node from constants; data are the bytes of those that are not in memory.
func (c *cleaner) run(n *graph.Node, inputs map[string]*graph.Weight, data map[string][]byte) (*tensor.Tensor, error) {
	g := &graph.Graph{Name: "constant", Opsets: c.net.graph.Opsets, Nodes: []*graph.Node{n}, Weights: map[string]*graph.Weight{},
		Outputs: []graph.Value{{Name: n.Outputs[0]}}}
	for in, from := range inputs {
		w := *from
		if d, ok := data[in]; ok {
			w.Data, w.Location = d, ""
		}
		g.Weights[in] = &w
	}
	p, err := native.New().Compile(g, nil)
	if err != nil {
		return nil, err
	}
	out, err := p.Run(context.Background(), nil, nil)
	if err != nil {
		return nil, err
	}
	return out[n.Outputs[0]], nil
}

// intWeight makes a weight of known integers.
func (c *cleaner) intWeight(name string, values []int64, v graph.Value) error {
	shape, ok := fixedShape(v)
	if !ok {
		return fmt.Errorf("value %s: %d known integers of unknown shape", name, len(values))
	}
	t, err := tensor.FromSlice(tensor.I64, values, shape...)
	if err != nil {
		return err
	}
	if t, err = tensor.Convert(t, v.DType); err != nil {
		return err
	}
	return c.addWeight(name, toWeight(t))
}

// wholeType reports whether values of the dtype are integers or truth values that intWeight can make.
func wholeType(d tensor.DType) bool { return d == tensor.I64 || d == tensor.I32 || d == tensor.Bool }

func fixedShape(v graph.Value) (tensor.Shape, bool) {
	if !v.Ranked || !fixedDims(v.Dims) {
		return nil, false
	}
	s := tensor.Shape{}
	for _, d := range v.Dims {
		s = append(s, d.Size)
	}
	return s, true
}
