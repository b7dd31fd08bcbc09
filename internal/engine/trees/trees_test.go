package trees_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func kernel(t *testing.T, n *graph.Node) (engine.Kernel, error) {
	t.Helper()
	n.Domain, n.Name = graph.ShardwiseDomain, "n"
	ops := trees.Table()[engine.Key{Domain: n.Domain, Op: n.Op}]
	if len(ops) != 1 {
		t.Fatalf("%s has %d definitions", n.Op, len(ops))
	}
	return ops[0].Build(&engine.Site{Node: n, Opset: trees.Version, Const: func(i int) *graph.Weight {
		if i == 0 {
			return nil
		}
		return &graph.Weight{Name: n.Inputs[i]}
	}})
}

func of[T tensor.Element](t *testing.T, d tensor.DType, v []T, shape ...int) *tensor.Tensor {
	t.Helper()
	if shape == nil {
		shape = []int{len(v)}
	}
	x, err := tensor.FromSlice(d, v, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func text(s string) graph.Attr { return graph.Attr{Kind: graph.AttrString, Str: s} }

func TestObjectivesTransformAsTheLibraryDocuments(t *testing.T) {
	e := math.E
	for _, c := range []struct {
		objective, version string
		margin, want       []float32
		k                  int
		shape              tensor.Shape
	}{
		{"binary:logistic", "3.2.0", []float32{0, 2, -200, 200}, []float32{0.5, float32(1 / (1 + math.Exp(-2))), 3e-39, 1}, 1, tensor.Shape{4}},
		{"reg:squarederror", "3.2.0", []float32{1, -2}, []float32{1, -2}, 1, tensor.Shape{2}},
		{"reg:squarederror", "3.2.0", []float32{1, -2}, []float32{1, -2}, 2, tensor.Shape{1, 2}},
		{"count:poisson", "1.7.6", []float32{0, 1}, []float32{1, float32(e)}, 1, tensor.Shape{2}},
		{"binary:hinge", "1.7.6", []float32{0, 0.1, -1}, []float32{0, 1, 0}, 1, tensor.Shape{3}},
		{"multi:softprob", "1.7.6", []float32{0, 0, 1000, 0}, []float32{0.5, 0.5, 1, 0}, 2, tensor.Shape{2, 2}},
		{"multi:softmax", "1.7.6", []float32{1, 3, 3, -1, -2, -3}, []float32{1, 0}, 3, tensor.Shape{2}},
		{"reg:quantileerror", "3.3.0", []float32{3, 1, 2}, []float32{3, 1, 2}, 3, tensor.Shape{1, 3}},
		{"reg:quantileerror", "3.4.0", []float32{3, 1, 2}, []float32{1, 2, 3}, 3, tensor.Shape{1, 3}},
		{"reg:quantileerror", "10.0", []float32{3, 1, 2}, []float32{1, 2, 3}, 3, tensor.Shape{1, 3}},
		{"reg:expectileerror", "3.5.0", []float32{1, 0, 100}, []float32{1, 1 + float32(math.Ln2) + 1e-6, 101 + float32(math.Ln2) + 2e-6}, 3, tensor.Shape{1, 3}},
	} {
		transform, err := trees.ObjectiveTransform(c.objective, c.version)
		if err != nil {
			t.Fatal(err)
		}
		k, err := kernel(t, &graph.Node{Op: trees.OpObjective, Inputs: []string{"m"}, Outputs: []string{"p"},
			Attrs: map[string]graph.Attr{trees.AttrObjective: text(c.objective), trees.AttrTransform: text(string(transform))}})
		if err != nil {
			t.Fatal(err)
		}
		m := of(t, tensor.F32, c.margin, len(c.margin)/c.k, c.k)
		if c.k == 1 {
			m = of(t, tensor.F32, c.margin)
		}
		call := &engine.Call{Ctx: context.Background(), In: []*tensor.Tensor{m}, Want: []bool{true}, Out: make([]*tensor.Tensor, 1)}
		if err := k.Run(call); err != nil {
			t.Fatal(err)
		}
		if !call.Out[0].Shape().Equal(c.shape) {
			t.Errorf("%s %s: shape %v, want %v", c.objective, c.version, call.Out[0].Shape(), c.shape)
		}
		for i, got := range tensor.Of[float32](call.Out[0]) {
			if d := math.Abs(float64(got - c.want[i])); !(d <= 1e-6*math.Abs(float64(c.want[i])) || c.want[i] < 1e-38 && got < 1e-37 && got >= 0) {
				t.Errorf("%s %s: prediction %d is %v, want %v", c.objective, c.version, i, got, c.want[i])
			}
		}
	}
	if transform, err := trees.ObjectiveTransform("my:own", "3.2.0"); err == nil {
		t.Errorf("an unknown objective has transform %q", transform)
	}
}

// stump is the packed layout of one tree: feature 0 below 1 goes left, to 10; right is 20, and so is a missing value.
func stump(t *testing.T) []*tensor.Tensor {
	t.Helper()
	info := forest.TreeInfo{Nodes: 3, Leaves: 2, Outputs: []int{0}, Tests: []forest.Test{forest.NewTest(0, false, false)}}
	plan, err := forest.NewPlan([]forest.TreeInfo{info}, func(f int) int { return f })
	if err != nil {
		t.Fatal(err)
	}
	var p forest.Packed
	tree := forest.Tree{Feature: make([]int32, 3), Threshold: []float32{1, 0, 0}, Left: []int32{1, -1, -1}, Right: []int32{2, -1, -1}, Default: make([]bool, 3),
		Original: []int32{0, 7, 9}, Category: make([][]uint32, 3), Values: []float32{0, 10, 20}}
	if err := plan.NewPacker().Pack(&tree, &p); err != nil {
		t.Fatal(err)
	}
	return []*tensor.Tensor{nil, of(t, tensor.U64, p.Nodes), of(t, tensor.U32, plan.Slots), of(t, tensor.I64, plan.Starts), of(t, tensor.I32, plan.First),
		of(t, tensor.I32, plan.Columns), of(t, tensor.I32, p.Original)}
}

func ensembleNode() *graph.Node {
	return &graph.Node{Op: trees.OpEnsemble, Inputs: []string{"x", "nodes", "slots", "starts", "first", "columns"}, Outputs: []string{"v", "s", "n"},
		Attrs: map[string]graph.Attr{trees.AttrOutputs: {Kind: graph.AttrInt, Int: 1}}}
}

func TestEnsembleGivesValuesSumsAndLeavesWhenWanted(t *testing.T) {
	k, err := kernel(t, ensembleNode())
	if err != nil {
		t.Fatal(err)
	}
	in := stump(t)
	ids := in[6]
	in = append([]*tensor.Tensor{of(t, tensor.F32, []float32{0.5, 1, float32(math.NaN())}, 3, 1)}, in[1:6]...)
	call := &engine.Call{Ctx: context.Background(), In: in, Want: []bool{true, true, true}, Out: make([]*tensor.Tensor, 3)}
	if err := k.Run(call); err != nil {
		t.Fatal(err)
	}
	leaf, err := kernel(t, &graph.Node{Op: trees.OpLeaf, Inputs: []string{"n", "ids"}, Outputs: []string{"leaf"}})
	if err != nil {
		t.Fatal(err)
	}
	leaves := &engine.Call{Ctx: context.Background(), In: []*tensor.Tensor{call.Out[trees.OutLeafNode], ids}, Want: []bool{true}, Out: make([]*tensor.Tensor, 1)}
	if err := leaf.Run(leaves); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{10, 20, 20} {
		if got := tensor.Of[float32](call.Out[trees.OutLeafValues])[i]; got != want {
			t.Errorf("row %d: leaf value %v, want %v", i, got, want)
		}
		if got := tensor.Of[float64](call.Out[trees.OutMarginSum])[i]; got != float64(want) {
			t.Errorf("row %d: sum %v, want %v", i, got, want)
		}
		if got := tensor.Of[int32](leaves.Out[0])[i]; got != []int32{7, 9, 9}[i] {
			t.Errorf("row %d: leaf index %d", i, got)
		}
	}
	call = &engine.Call{Ctx: context.Background(), In: in, Want: []bool{false, true, false}, Out: make([]*tensor.Tensor, 3)}
	if err := k.Run(call); err != nil || call.Out[0] != nil || call.Out[1] == nil || call.Out[2] != nil {
		t.Errorf("only the sum was wanted: outputs %v, error %v", call.Out, err)
	}
}

func TestEnsembleRefusesBadInputsAndTables(t *testing.T) {
	good := stump(t)
	for name, c := range map[string]struct {
		position int
		with     *tensor.Tensor
		hostile  bool
	}{
		"no features":     {0, nil, false},
		"f64 features":    {0, tensor.New(tensor.F64, 2, 1), false},
		"no columns":      {0, tensor.New(tensor.F32, 2, 0), false},
		"flat features":   {0, tensor.New(tensor.F32, 2), false},
		"nodes of F32":    {1, tensor.New(tensor.F32, 3), true},
		"too few nodes":   {1, tensor.New(tensor.U64, 2), true},
		"three words":     {1, tensor.New(tensor.U64, 1, 3), true},
		"no slots":        {2, tensor.New(tensor.U32, 0), true},
		"starts of I32":   {3, tensor.New(tensor.I32, 2), true},
		"first too short": {4, tensor.New(tensor.I32, 1), true},
		"no columns' map": {5, tensor.New(tensor.I32, 0), true},
	} {
		in := append([]*tensor.Tensor{tensor.New(tensor.F32, 1, 1)}, good[1:6]...)
		in[c.position] = c.with
		k, err := kernel(t, ensembleNode())
		if err != nil {
			t.Fatal(err)
		}
		err = k.Run(&engine.Call{Ctx: context.Background(), In: in, Want: []bool{true, true, true}, Out: make([]*tensor.Tensor, 3)})
		var input *engine.InputError
		var packed *forest.PackedError
		if c.hostile != errors.As(err, &packed) || c.hostile == errors.As(err, &input) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestBuildRefusesByName(t *testing.T) {
	odd := ensembleNode()
	odd.Attrs["colour"] = text("red")
	none := ensembleNode()
	none.Attrs = nil
	for name, n := range map[string]*graph.Node{"unknown attribute": odd, "no outputs attribute": none,
		"missing table":     {Op: trees.OpEnsemble, Inputs: []string{"x"}, Outputs: []string{"v"}},
		"unknown transform": {Op: trees.OpObjective, Inputs: []string{"m"}, Outputs: []string{"p"}, Attrs: map[string]graph.Attr{trees.AttrTransform: text("magic")}},
		"leaf without ids":  {Op: trees.OpLeaf, Inputs: []string{"n"}, Outputs: []string{"l"}}} {
		_, err := kernel(t, n)
		var unsupported *engine.UnsupportedError
		if !errors.As(err, &unsupported) {
			t.Errorf("%s: error %v, want an *UnsupportedError", name, err)
		}
	}
}
