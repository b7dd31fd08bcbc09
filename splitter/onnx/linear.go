package onnx

import (
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// linear is a linear model of ai.onnx.ml that can be written as a matrix product: rows of coefficients, and an intercept for
// each or none.
type linear struct {
	node       *graph.Node
	rows, cols int
	intercepts []float32
	labels     *graph.Weight // of a classifier
	transform  string        // the operator that post_transform is, "" for none
	name       string        // of the values that it is made of
}

// linearModel reads a node; ok is false when it has to stay a node: its input's columns are not known, or its transform is no
// operator of its own. Package classic defines what the model computes.
func (c *cleaner) linearModel(n *graph.Node) (l linear, ok bool) {
	x := c.net.values[n.Inputs[0]]
	if !x.Ranked || len(x.Dims) != 2 || x.Dims[1].Size < 1 {
		return l, false
	}
	l = linear{node: n, cols: x.Dims[1].Size, intercepts: n.Attrs["intercepts"].Floats, rows: int(n.Int("targets", 1)), name: n.Outputs[0]}
	if n.Op == "LinearClassifier" {
		if l.labels, ok = labelWeight(n); !ok {
			return l, false
		}
		if l.rows = l.labels.Shape[0]; l.rows == 2 && len(l.intercepts) == 1 {
			l.rows = 1
		}
		if len(n.Outputs) > 1 {
			l.name += n.Outputs[1]
		}
	}
	transforms := map[string]string{"NONE": "", "LOGISTIC": "Sigmoid", "SOFTMAX": "Softmax"}
	l.transform, ok = transforms[n.Text("post_transform", "NONE")]
	if l.rows == 1 {
		l.transform = "" // of a single score it changes nothing
	}
	opset := c.net.graph.Opsets[""]
	return l, ok && len(n.Attrs["coefficients"].Floats) == l.rows*l.cols && (opset == 0 || opset >= 7)
}

// labelWeight is the labels of a classifier.
func labelWeight(n *graph.Node) (*graph.Weight, bool) {
	if words := n.Attrs["classlabels_strings"].Strs; len(words) > 1 {
		return &graph.Weight{DType: tensor.String, Shape: tensor.Shape{len(words)}, Strings: words}, true
	}
	ints := n.Attrs["classlabels_ints"].Ints
	t, err := tensor.FromSlice(tensor.I64, slices.Clone(ints), len(ints))
	if err != nil || len(ints) < 2 {
		return nil, false
	}
	return toWeight(t), true
}

// linear writes the model: a product, its transform, and for a classifier the label of the greatest score.
func (c *cleaner) linear(l linear) ([]*graph.Node, error) {
	if c.net.graph.Opsets[""] == 0 {
		c.net.graph.Opsets[""] = 17 // what the model is made of comes from ai.onnx
	}
	raw := l.name + "/raw"
	nodes, err := c.product(l, raw)
	if err != nil {
		return nil, err
	}
	switch n := l.node; {
	case l.labels == nil:
		nodes = append(nodes, transformed(l, raw, n.Outputs[0]))
	case len(n.Outputs) == 1 || n.Outputs[1] == "":
	case l.rows > 1:
		nodes = append(nodes, transformed(l, raw, n.Outputs[1]))
	default:
		more, err := c.complement(l, raw, n.Outputs[1])
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, more...)
	}
	if l.labels == nil || l.node.Outputs[0] == "" {
		return nodes, nil
	}
	more, err := c.label(l, raw, l.node.Outputs[0])
	return append(nodes, more...), err
}

// product adds the model's matrix and intercepts as weights and gives the nodes from the input to the raw scores.
func (c *cleaner) product(l linear, out string) ([]*graph.Node, error) {
	n := l.node
	if err := addVector(c, l.name+"/coefficients", tensor.F32, n.Attrs["coefficients"].Floats, l.rows, l.cols); err != nil {
		return nil, err
	}
	var nodes []*graph.Node
	in := n.Inputs[0]
	if c.net.values[in].DType != tensor.F32 {
		in = l.name + "/input"
		nodes = append(nodes, onnxNode("Cast", in, map[string]graph.Attr{"to": {Kind: graph.AttrInt, Int: onnx.TypeNumber(tensor.F32)}}, n.Inputs[0]))
	}
	gemm := onnxNode("Gemm", out, map[string]graph.Attr{"transB": {Kind: graph.AttrInt, Int: 1}}, in, l.name+"/coefficients")
	gemm.Name = n.Name
	if len(l.intercepts) > 0 {
		if err := addVector(c, l.name+"/intercepts", tensor.F32, l.intercepts, l.rows); err != nil {
			return nil, err
		}
		gemm.Inputs = append(gemm.Inputs, l.name+"/intercepts")
	}
	return append(nodes, gemm), nil
}

// transformed is the node from the value raw to the scores.
func transformed(l linear, raw, out string) *graph.Node {
	switch l.transform {
	case "":
		return onnxNode("Identity", out, nil, raw)
	case "Softmax":
		return onnxNode("Softmax", out, map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: 1}}, raw)
	}
	return onnxNode(l.transform, out, nil, raw)
}

// complement writes the scores 1 - s and s of two classes with one row of coefficients.
func (c *cleaner) complement(l linear, raw, out string) ([]*graph.Node, error) {
	if err := addVector(c, l.name+"/one", tensor.F32, []float32{1}, 1); err != nil {
		return nil, err
	}
	return []*graph.Node{onnxNode("Sub", l.name+"/other", nil, l.name+"/one", raw),
		onnxNode("Concat", out, map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: 1}}, l.name+"/other", raw)}, nil
}

// label writes the label of the greatest score, or of a single score that exceeds 0.
func (c *cleaner) label(l linear, raw, out string) ([]*graph.Node, error) {
	if err := c.addWeight(l.name+"/labels", l.labels); err != nil {
		return nil, err
	}
	if err := addVector(c, l.name+"/flat", tensor.I64, []int64{-1}, 1); err != nil {
		return nil, err
	}
	best := l.name + "/best"
	nodes := []*graph.Node{onnxNode("ArgMax", best, map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: 1}}, raw)}
	if l.rows == 1 {
		if err := addVector(c, l.name+"/zero", tensor.F32, []float32{0}, 1); err != nil {
			return nil, err
		}
		nodes = []*graph.Node{onnxNode("Greater", l.name+"/second", nil, raw, l.name+"/zero"),
			onnxNode("Cast", best, map[string]graph.Attr{"to": {Kind: graph.AttrInt, Int: onnx.TypeNumber(tensor.I64)}}, l.name+"/second")}
	}
	pick := onnxNode("ArrayFeatureExtractor", l.name+"/pick", nil, l.name+"/labels", best)
	pick.Domain = classicDomain
	return append(nodes, pick, onnxNode("Reshape", out, nil, l.name+"/pick", l.name+"/flat")), nil
}

// onnxNode is a node of ai.onnx with one output, whose name it has.
func onnxNode(op, out string, attrs map[string]graph.Attr, in ...string) *graph.Node {
	if attrs == nil {
		attrs = map[string]graph.Attr{}
	}
	return &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs}
}

// addVector adds a weight of the values.
func addVector[T tensor.Element](c *cleaner, name string, d tensor.DType, values []T, shape ...int) error {
	t, err := tensor.FromSlice(d, slices.Clone(values), shape...)
	if err != nil {
		return err
	}
	return c.addWeight(name, toWeight(t))
}
