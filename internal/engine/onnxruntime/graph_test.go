package onnxruntime

import (
	"errors"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func value(name string, d tensor.DType, dims ...int) graph.Value {
	v := graph.Value{Name: name, DType: d, Ranked: true}
	for _, n := range dims {
		v.Dims = append(v.Dims, graph.Dim{Size: n})
	}
	return v
}

func node(op string, in []string, out ...string) *graph.Node {
	return &graph.Node{Name: op, Op: op, Inputs: in, Outputs: out}
}

// twoHeads has an output for each input, and a body that reads a value around it.
func twoHeads() *graph.Graph {
	body := &graph.Graph{Name: "body", Nodes: []*graph.Node{node("Neg", []string{"shared"}, "inner")}, Outputs: []graph.Value{{Name: "inner"}}}
	choice := node("If", []string{"which"}, "second")
	choice.Attrs = map[string]graph.Attr{"then_branch": {Kind: graph.AttrGraph, Graph: body}, "else_branch": {Kind: graph.AttrGraph, Graph: body}}
	return &graph.Graph{Name: "heads", Opsets: map[string]int64{"": 17},
		Inputs:  []graph.Value{value("x", tensor.F32, 2), value("y", tensor.F32, 2), value("which", tensor.Bool)},
		Outputs: []graph.Value{value("first", tensor.F32, 2), value("second", tensor.F32, 2)},
		Nodes:   []*graph.Node{node("Add", []string{"x", "c"}, "first"), node("Abs", []string{"y"}, "shared"), choice},
		Weights: map[string]*graph.Weight{"c": {Name: "c", DType: tensor.F32, Shape: tensor.Shape{2}, Data: make([]byte, 8)}}}
}

func TestPruneKeepsWhatTheWantedOutputsNeed(t *testing.T) {
	for _, c := range []struct {
		want           []string
		ops            []string
		needed         []bool
		weights, wants int
	}{
		{[]string{"first"}, []string{"Add"}, []bool{true, false, false}, 1, 1},
		{[]string{"second"}, []string{"Abs", "If"}, []bool{false, true, true}, 0, 1},
		{[]string{"second", "first"}, []string{"Add", "Abs", "If"}, []bool{true, true, true}, 1, 2},
	} {
		part, needed := prune(twoHeads(), c.want)
		var ops []string
		for _, n := range part.Nodes {
			ops = append(ops, n.Op)
		}
		if !slices.Equal(ops, c.ops) || !slices.Equal(needed, c.needed) || len(part.Weights) != c.weights || len(part.Outputs) != c.wants {
			t.Errorf("%v: kept %v, inputs %v, %d weights, %d outputs; wanted %+v", c.want, ops, needed, len(part.Weights), len(part.Outputs), c)
		}
	}
}

func TestValuesThatTheBindingLacksCrossInOtherForms(t *testing.T) {
	g := &graph.Graph{Opsets: map[string]int64{"": 17}, Nodes: []*graph.Node{node("Identity", []string{"scalar"}, "out")},
		Inputs:  []graph.Value{value("plain", tensor.F32, 3), value("scalar", tensor.F16), value("half", tensor.BF16, 2)},
		Outputs: []graph.Value{{Name: "out", DType: tensor.F16}}}
	a, in, out := adapt(g)
	var crossing []string
	for _, v := range append(a.Inputs, a.Outputs...) {
		if v.DType == tensor.F16 || v.DType == tensor.BF16 || len(v.Dims) == 0 {
			t.Errorf("%s crosses as %s of rank %d", v.Name, v.DType, len(v.Dims))
		}
		crossing = append(crossing, v.Name)
	}
	want := []string{"plain", "shardwise/scalar/elements", "shardwise/scalar/shape", "shardwise/half/elements", "shardwise/out/elements", "shardwise/out/shape"}
	if !slices.Equal(crossing, want) {
		t.Errorf("what crosses is %v, wanted %v", crossing, want)
	}
	if len(in) != 3 || len(out) != 1 || len(g.Nodes) != 1 || len(g.Weights) != 0 {
		t.Errorf("%d inputs and %d outputs, and the graph itself has %d nodes now", len(in), len(out), len(g.Nodes))
	}
}

func TestRefusesWhatONNXDoesNotHave(t *testing.T) {
	attr := func(n *graph.Node, name string) *graph.Node {
		n.Attrs = map[string]graph.Attr{name: {Kind: graph.AttrFloat}}
		return n
	}
	for _, c := range []struct {
		node  *graph.Node
		knows bool
	}{
		{node("Relu", nil), true},
		{attr(node("LeakyRelu", nil), "alpha"), true},
		{attr(node("Relu", nil), "beta"), false},
		{node("Frobnicate", nil), false},
		{&graph.Node{Op: "Scaler", Domain: "ai.onnx.ml"}, true},
		{&graph.Node{Op: "TreeEnsemble", Domain: graph.ShardwiseDomain}, false},
		{&graph.Node{Op: "FusedMatMul", Domain: "com.microsoft"}, true},
	} {
		err := Refuses(c.node)
		var u *engine.UnsupportedError
		if (err == nil) != c.knows || err != nil && (!errors.As(err, &u) || u.Op != c.node.Op) {
			t.Errorf("%s of %q: %v, wanted known = %v", c.node.Op, c.node.Domain, err, c.knows)
		}
	}
}
