package graph_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// nested is a node whose body reads x, has a weight w and a node whose own body reads x, y, w and its input i.
func nested() *graph.Node {
	inner := &graph.Graph{Name: "inner", Inputs: []graph.Value{{Name: "i"}}, Outputs: []graph.Value{{Name: "o"}, {Name: "z"}},
		Nodes: []*graph.Node{{Op: "Sum", Inputs: []string{"x", "", "y", "w", "i"}, Outputs: []string{"o"}}}}
	body := &graph.Graph{Name: "body", Outputs: []graph.Value{{Name: "o2"}}, Weights: map[string]*graph.Weight{"w": {Name: "w"}},
		Nodes: []*graph.Node{{Op: "Neg", Inputs: []string{"x"}, Outputs: []string{"n"}},
			{Op: "Loop", Inputs: []string{"n"}, Outputs: []string{"o2"}, Attrs: map[string]graph.Attr{"body": {Kind: graph.AttrGraph, Graph: inner}}}}}
	return &graph.Node{Op: "If", Inputs: []string{"c"}, Outputs: []string{"r"}, Attrs: map[string]graph.Attr{
		"then_branch": {Kind: graph.AttrGraph, Graph: body}, "many": {Kind: graph.AttrGraphs, Graphs: []*graph.Graph{{Name: "empty"}}}}}
}

func TestCapturesAreWhatBodiesReadFromOutside(t *testing.T) {
	if got := nested().Captures(); !slices.Equal(got, []string{"x", "y", "z"}) {
		t.Errorf("captures %v, wanted x, y and z", got)
	}
	if got := (&graph.Node{Inputs: []string{"a"}}).Captures(); len(got) != 0 {
		t.Errorf("a node without bodies captures %v", got)
	}
}

func TestRenameReachesCapturesAndLeavesWhatBodiesDefine(t *testing.T) {
	n := nested()
	n.Rename(func(name string) string { return strings.ToUpper(name) })
	if !slices.Equal(n.Inputs, []string{"C"}) || !slices.Equal(n.Outputs, []string{"r"}) {
		t.Errorf("inputs %v and outputs %v, wanted C and r", n.Inputs, n.Outputs)
	}
	if got := n.Captures(); !slices.Equal(got, []string{"X", "Y", "Z"}) {
		t.Errorf("captures %v, wanted X, Y and Z", got)
	}
	inner := n.Attrs["then_branch"].Graph.Nodes[1].Attrs["body"].Graph
	if got := inner.Nodes[0].Inputs; !slices.Equal(got, []string{"X", "", "Y", "w", "i"}) {
		t.Errorf("the inner node reads %v", got)
	}
}

func TestAllVisitsEveryBodyOnce(t *testing.T) {
	g := &graph.Graph{Name: "main", Nodes: []*graph.Node{nested()}, Weights: map[string]*graph.Weight{"b": {}, "a": {}}}
	var graphs, weights []string
	for b := range g.All() {
		graphs = append(graphs, b.Name)
	}
	for name := range g.AllWeights() {
		weights = append(weights, name)
	}
	if !slices.Equal(graphs, []string{"main", "empty", "body", "inner"}) || !slices.Equal(weights, []string{"a", "b", "w"}) {
		t.Errorf("graphs %v, weights %v", graphs, weights)
	}
	for b := range g.All() { // a visit may end early
		if b.Name == "body" {
			break
		}
	}
}

func TestCloneSharesNothingThatChanges(t *testing.T) {
	g := &graph.Graph{Name: "main", Nodes: []*graph.Node{nested()}, Weights: map[string]*graph.Weight{"a": {Location: "file"}}, Outputs: []graph.Value{{Name: "r"}}}
	c := g.Clone()
	if !reflect.DeepEqual(c, g) {
		t.Fatalf("the copy is\n%+v\nwanted\n%+v", c, g)
	}
	c.Nodes[0].Rename(strings.ToUpper)
	c.Weights["a"].Location, c.Outputs[0].Name = "other", "s"
	for b := range c.All() {
		b.Name = "changed"
	}
	want := &graph.Graph{Name: "main", Nodes: []*graph.Node{nested()}, Weights: map[string]*graph.Weight{"a": {Location: "file"}}, Outputs: []graph.Value{{Name: "r"}}}
	if !reflect.DeepEqual(g, want) {
		t.Errorf("changing the copy changed the original: %+v", g)
	}
}

func TestBytesOfWeights(t *testing.T) {
	for name, c := range map[string]struct {
		w    graph.Weight
		want int64
	}{
		"scalar":        {graph.Weight{DType: tensor.F64}, 8},
		"strings":       {graph.Weight{DType: tensor.String, Shape: tensor.Shape{3}}, 0},
		"half a byte":   {graph.Weight{Opaque: &graph.Opaque{Type: "INT4", Bits: 4}, Shape: tensor.Shape{3}}, 2},
		"unknown type":  {graph.Weight{Opaque: &graph.Opaque{Type: "data type 99"}, Shape: tensor.Shape{3}}, 0},
		"too many":      {graph.Weight{DType: tensor.F64, Shape: tensor.Shape{1 << 31, 1 << 31}}, -1},
		"no such shape": {graph.Weight{DType: tensor.F64, Shape: tensor.Shape{-1}}, -1},
	} {
		got, err := c.w.Bytes()
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%s: %d bytes, error %v, wanted %d", name, got, err, c.want)
		}
	}
}
