package onnx

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// classicDomain is the domain of scikit-learn's operators.
const classicDomain = "ai.onnx.ml"

// lower rewrites a node in terms that can be split: linear models become matrix products, and a product with a transposed
// constant takes the constant itself. Other nodes stay as they are.
func (c *cleaner) lower(n *graph.Node) ([]*graph.Node, error) {
	switch {
	case n.Domain == "" && (n.Op == "MatMul" || n.Op == "Gemm") && len(n.Inputs) > 1:
		return []*graph.Node{c.unflip(n)}, nil
	case n.Domain == classicDomain && n.Op == "LinearClassifier" && len(n.Inputs) == 1 && len(n.Outputs) > 0:
		return c.linearClassifier(n)
	case n.Domain == classicDomain && n.Op == "LinearRegressor" && len(n.Inputs) == 1 && len(n.Outputs) == 1:
		return c.linearRegressor(n)
	}
	return []*graph.Node{n}, nil
}

// unflip lets a product of matrices take W instead of the constant Transpose(W).
func (c *cleaner) unflip(n *graph.Node) *graph.Node {
	from, ok := c.flipped[n.Inputs[1]]
	if !ok || n.Op == "MatMul" && len(c.net.values[n.Inputs[0]].Dims) != 2 || c.net.graph.Opsets[""] < 11 {
		return n
	}
	out := *n
	out.Inputs, out.Attrs = slices.Clone(n.Inputs), map[string]graph.Attr{}
	for name, a := range n.Attrs {
		out.Attrs[name] = a
	}
	out.Op, out.Inputs[1] = "Gemm", from
	out.Attrs["transB"] = graph.Attr{Kind: graph.AttrInt, Int: 1}
	if n.Op == "Gemm" && n.Int("transB", 0) != 0 {
		out.Attrs["transB"] = graph.Attr{Kind: graph.AttrInt, Int: 0}
	}
	return &out
}

// linear is a linear model of ai.onnx.ml: rows of coefficients, and an intercept for each or none.
type linear struct {
	node       *graph.Node
	name       string // of the values that it is made of
	rows, cols int
	intercepts []float32
}

func refuseNode(n *graph.Node, format string, args ...any) error {
	return &layout.RefusalError{Subject: subject(n), Reason: fmt.Sprintf(format, args...), Remedy: "export the model without this operator"}
}

// only refuses attributes that the operator is not known to have.
func only(n *graph.Node, names ...string) error {
	for _, name := range sorted(n.Attrs) {
		if !slices.Contains(names, name) {
			return refuseNode(n, "attribute %q is not known", name)
		}
	}
	return nil
}

// linearNodes adds the model's matrix and intercepts as weights and gives the nodes from the input to the raw scores.
func (c *cleaner) linearNodes(l linear, out string) ([]*graph.Node, error) {
	n := l.node
	coefficients := n.Attrs["coefficients"].Floats
	x := c.net.values[n.Inputs[0]]
	last := len(x.Dims) - 1
	if !x.Ranked || last != 1 || x.Dims[1].Size < 1 {
		return nil, refuseNode(n, "its input is no matrix with a known number of columns")
	}
	l.cols = x.Dims[1].Size
	if len(coefficients) != l.rows*l.cols || len(l.intercepts) != 0 && len(l.intercepts) != l.rows {
		return nil, refuseNode(n, "%d coefficients and %d intercepts for %d rows and %d columns", len(coefficients), len(l.intercepts), l.rows, l.cols)
	}
	matrix, err := tensor.FromSlice(tensor.F32, coefficients, l.rows, l.cols)
	if err != nil {
		return nil, err
	}
	if err := c.addWeight(l.name+"/coefficients", toWeight(matrix)); err != nil {
		return nil, err
	}
	var nodes []*graph.Node
	in := n.Inputs[0]
	if x.DType != tensor.F32 {
		in = l.name + "/input"
		nodes = append(nodes, &graph.Node{Name: in, Op: "Cast", Inputs: []string{n.Inputs[0]}, Outputs: []string{in}, Attrs: map[string]graph.Attr{
			"to": {Kind: graph.AttrInt, Int: onnx.TypeNumber(tensor.F32)}}})
	}
	gemm := &graph.Node{Name: n.Name, Op: "Gemm", Inputs: []string{in, l.name + "/coefficients"}, Outputs: []string{out},
		Attrs: map[string]graph.Attr{"transB": {Kind: graph.AttrInt, Int: 1}}}
	if len(l.intercepts) > 0 {
		v, err := tensor.FromSlice(tensor.F32, l.intercepts, l.rows)
		if err != nil {
			return nil, err
		}
		if err := c.addWeight(l.name+"/intercepts", toWeight(v)); err != nil {
			return nil, err
		}
		gemm.Inputs = append(gemm.Inputs, l.name+"/intercepts")
	}
	return append(nodes, gemm), nil
}

// transformed appends the post_transform from the value raw to the value out.
func transformed(n *graph.Node, nodes []*graph.Node, raw, out string) ([]*graph.Node, error) {
	op := &graph.Node{Name: out, Inputs: []string{raw}, Outputs: []string{out}}
	switch kind := n.Text("post_transform", "NONE"); kind {
	case "NONE":
		op.Op = "Identity"
	case "LOGISTIC":
		op.Op = "Sigmoid"
	case "SOFTMAX":
		op.Op, op.Attrs = "Softmax", map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: 1}}
	default:
		return nil, refuseNode(n, "post_transform %q is not covered", kind)
	}
	return append(nodes, op), nil
}

func (c *cleaner) linearRegressor(n *graph.Node) ([]*graph.Node, error) {
	if err := only(n, "coefficients", "intercepts", "post_transform", "targets"); err != nil {
		return nil, err
	}
	l := linear{node: n, name: n.Outputs[0], rows: int(n.Int("targets", 1)), intercepts: n.Attrs["intercepts"].Floats}
	c.importDefault()
	nodes, err := c.linearNodes(l, l.name+"/raw")
	if err != nil {
		return nil, err
	}
	return transformed(n, nodes, l.name+"/raw", n.Outputs[0])
}

// linearClassifier computes scores by a product and labels as those of the largest score. One row of coefficients
// for two labels, an older convention, is refused.
func (c *cleaner) linearClassifier(n *graph.Node) ([]*graph.Node, error) {
	if err := only(n, "classlabels_ints", "classlabels_strings", "coefficients", "intercepts", "multi_class", "post_transform"); err != nil {
		return nil, err
	}
	ints, strings := n.Attrs["classlabels_ints"].Ints, n.Attrs["classlabels_strings"].Strs
	labels := &graph.Weight{DType: tensor.String, Shape: tensor.Shape{len(strings)}, Strings: strings}
	if len(strings) == 0 {
		t, err := tensor.FromSlice(tensor.I64, slices.Clone(ints), len(ints))
		if err != nil {
			return nil, err
		}
		labels = toWeight(t)
	}
	rows := len(ints) + len(strings)
	if x := c.net.values[n.Inputs[0]]; rows < 2 || len(x.Dims) == 2 && len(n.Attrs["coefficients"].Floats) != rows*x.Dims[1].Size {
		return nil, refuseNode(n, "%d coefficients for %d labels: one row for each label is wanted", len(n.Attrs["coefficients"].Floats), rows)
	}
	c.importDefault()
	label, scores := n.Outputs[0], ""
	if len(n.Outputs) > 1 {
		scores = n.Outputs[1]
	}
	base := label + scores
	nodes, err := c.linearNodes(linear{node: n, name: base, rows: rows, intercepts: n.Attrs["intercepts"].Floats}, base+"/raw")
	if err != nil {
		return nil, err
	}
	if scores != "" {
		if nodes, err = transformed(n, nodes, base+"/raw", scores); err != nil {
			return nil, err
		}
	}
	if label == "" {
		return nodes, nil
	}
	flat, err := tensor.FromSlice(tensor.I64, []int64{-1}, 1)
	if err != nil {
		return nil, err
	}
	if err := c.addWeight(base+"/labels", labels); err != nil {
		return nil, err
	}
	if err := c.addWeight(base+"/flat", toWeight(flat)); err != nil {
		return nil, err
	}
	return append(nodes,
		&graph.Node{Name: base + "/best", Op: "ArgMax", Inputs: []string{base + "/raw"}, Outputs: []string{base + "/best"},
			Attrs: map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: 1}}},
		&graph.Node{Name: base + "/pick", Op: "ArrayFeatureExtractor", Domain: classicDomain, Inputs: []string{base + "/labels", base + "/best"}, Outputs: []string{base + "/pick"}},
		&graph.Node{Name: label, Op: "Reshape", Inputs: []string{base + "/pick", base + "/flat"}, Outputs: []string{label}}), nil
}

// importDefault makes sure that the graph imports ai.onnx, which the operators of a lowered model come from.
func (c *cleaner) importDefault() {
	if c.net.graph.Opsets[""] == 0 {
		c.net.graph.Opsets[""] = 17
	}
}
