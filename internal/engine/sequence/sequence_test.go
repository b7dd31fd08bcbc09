package sequence_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func of[T tensor.Element](d tensor.DType, values []T, shape ...int) *tensor.Tensor {
	t, err := tensor.FromSlice(d, values, shape...)
	if err != nil {
		panic(err)
	}
	return t
}

func fl(values []float32, shape ...int) *tensor.Tensor { return of(tensor.F32, values, shape...) }
func il(values []int64, shape ...int) *tensor.Tensor   { return of(tensor.I64, values, shape...) }

func ints(name string, v int64) map[string]graph.Attr {
	return map[string]graph.Attr{name: {Kind: graph.AttrInt, Int: v}}
}

// node is "out... = Op in...", with dashes for absent inputs.
func node(text string, attrs map[string]graph.Attr) *graph.Node {
	left, right, _ := strings.Cut(text, " = ")
	words := strings.Fields(right)
	n := &graph.Node{Name: text, Op: words[0], Outputs: strings.Fields(left), Attrs: attrs}
	for _, in := range words[1:] {
		n.Inputs = append(n.Inputs, strings.Trim(in, "-"))
	}
	return n
}

func run(t *testing.T, in tensor.Named, nodes ...*graph.Node) (*tensor.Tensor, error) {
	t.Helper()
	g := &graph.Graph{Name: "sequences", Opsets: map[string]int64{"": 18}, Weights: map[string]*graph.Weight{}, Outputs: []graph.Value{{Name: "y"}}, Nodes: nodes}
	for _, name := range in.Names() {
		g.Inputs = append(g.Inputs, graph.Value{Name: name, DType: in[name].DType()})
	}
	p, err := native.New().Compile(g, nil)
	if err != nil {
		return nil, err
	}
	var out tensor.Named
	for range 3 { // traced, placed, used again
		if out, err = p.Run(t.Context(), in, nil); err != nil {
			return nil, err
		}
	}
	return out["y"], nil
}

func inputs() tensor.Named {
	return tensor.Named{"a": fl([]float32{1, 2}, 2), "b": fl([]float32{3, 4}, 2), "m": fl([]float32{1, 2, 3, 4, 5, 6}, 2, 3), "i": il([]int64{-1}), "one": il([]int64{1}),
		"sizes": il([]int64{1, 2}, 2), "two": il([]int64{2}), "far": il([]int64{7})}
}

func TestSequencesByHand(t *testing.T) {
	axis := func(v int64) map[string]graph.Attr { return ints("axis", v) }
	stacked := map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: 1}, "new_axis": {Kind: graph.AttrInt, Int: 1}}
	flat := map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: 1}, "keepdims": {Kind: graph.AttrInt}}
	for name, c := range map[string]struct {
		nodes []*graph.Node
		want  *tensor.Tensor
	}{
		"at":            {[]*graph.Node{node("s = SequenceConstruct a b", nil), node("y = SequenceAt s i", nil)}, fl([]float32{3, 4}, 2)},
		"length":        {[]*graph.Node{node("s = SequenceConstruct a b a", nil), node("y = SequenceLength s", nil)}, il([]int64{3})},
		"empty":         {[]*graph.Node{node("s = SequenceEmpty", nil), node("y = SequenceLength s", nil)}, il([]int64{0})},
		"insert":        {[]*graph.Node{node("s = SequenceConstruct a b", nil), node("n = Neg a", nil), node("r = SequenceInsert s n i", nil), node("y = ConcatFromSequence r", axis(0))}, fl([]float32{1, 2, -1, -2, 3, 4}, 6)},
		"insert at end": {[]*graph.Node{node("s = SequenceEmpty", nil), node("n = Neg a", nil), node("r = SequenceInsert s n", nil), node("q = SequenceInsert r b one", nil), node("y = ConcatFromSequence q", stacked)}, fl([]float32{-1, 3, -2, 4}, 2, 2)},
		"erase":         {[]*graph.Node{node("s = SequenceConstruct a b a", nil), node("r = SequenceErase s one", nil), node("q = SequenceErase r", nil), node("y = ConcatFromSequence q", axis(0))}, fl([]float32{1, 2}, 2)},
		"split":         {[]*graph.Node{node("s = SplitToSequence m - ", flat), node("y = SequenceAt s one", nil)}, fl([]float32{2, 5}, 2)},
		"split sizes":   {[]*graph.Node{node("s = SplitToSequence m sizes", axis(1)), node("y = SequenceAt s one", nil)}, fl([]float32{2, 3, 5, 6}, 2, 2)},
		"split evenly":  {[]*graph.Node{node("s = SplitToSequence m two", axis(1)), node("y = SequenceAt s i", nil)}, fl([]float32{3, 6}, 2, 1)},
		"join again":    {[]*graph.Node{node("s = SplitToSequence m two", axis(1)), node("y = ConcatFromSequence s", axis(1))}, fl([]float32{1, 2, 3, 4, 5, 6}, 2, 3)},
		"has":           {[]*graph.Node{node("o = Optional a", nil), node("y = OptionalHasElement o", nil)}, of(tensor.Bool, []bool{true})},
		"has not":       {[]*graph.Node{node("o = Optional", map[string]graph.Attr{"type": {Kind: graph.AttrString}}), node("y = OptionalHasElement o", nil)}, of(tensor.Bool, []bool{false})},
		"has no input":  {[]*graph.Node{node("y = OptionalHasElement", nil)}, of(tensor.Bool, []bool{false})},
		"get":           {[]*graph.Node{node("s = SequenceConstruct a b", nil), node("o = Optional s", nil), node("g = OptionalGetElement o", nil), node("y = SequenceAt g one", nil)}, fl([]float32{3, 4}, 2)},
	} {
		got, err := run(t, inputs(), c.nodes...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d, err := tensor.Diff(got, c.want, tensor.Tolerance{Exact: true}); err != nil || d.Unequal > 0 {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

// A loop carries a sequence, to which each iteration adds, and a branch hands it on.
func TestLoopsCarrySequences(t *testing.T) {
	body := &graph.Graph{Inputs: []graph.Value{{Name: "k"}, {Name: "c"}, {Name: "s"}}, Outputs: []graph.Value{{Name: "c"}, {Name: "s2"}}, Weights: map[string]*graph.Weight{},
		Nodes: []*graph.Node{node("f = Cast k", ints("to", 1)), node("x = Mul a f", nil), node("s2 = SequenceInsert s x", nil)}}
	branch := &graph.Graph{Outputs: []graph.Value{{Name: "q"}}, Nodes: []*graph.Node{node("q = Identity r", nil)}, Weights: map[string]*graph.Weight{}}
	in := inputs()
	in["cond"] = of(tensor.Bool, []bool{true})
	got, err := run(t, in, node("s0 = SequenceEmpty", nil),
		node("r = Loop two - s0", map[string]graph.Attr{"body": {Kind: graph.AttrGraph, Graph: body}}),
		node("q = If cond", map[string]graph.Attr{"then_branch": {Kind: graph.AttrGraph, Graph: branch}, "else_branch": {Kind: graph.AttrGraph, Graph: branch}}),
		node("y = ConcatFromSequence q", ints("axis", 0)))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := tensor.Diff(got, fl([]float32{0, 0, 1, 2}, 4), tensor.Tolerance{Exact: true}); err != nil || d.Unequal > 0 {
		t.Errorf("%v %v", d, err)
	}
}

func TestSequencesFailByName(t *testing.T) {
	s := node("s = SequenceConstruct a b", nil)
	for name, c := range map[string]struct {
		want  string
		nodes []*graph.Node
	}{
		"leaves the program": {"output y is a sequence", []*graph.Node{node("y = SequenceConstruct a b", nil)}},
		"arithmetic":         {"input 0 (s) is a sequence", []*graph.Node{s, node("y = Neg s", nil)}},
		"shape of it":        {"input 0 (s) is a sequence", []*graph.Node{s, node("y = Shape s", nil)}},
		"two dtypes":         {"I64[] in a sequence of F32", []*graph.Node{node("s = SequenceConstruct a i", nil), node("y = SequenceLength s", nil)}},
		"position":           {"position 7 does not lie in a sequence of 2", []*graph.Node{s, node("y = SequenceAt s far", nil)}},
		"insert position":    {"within a sequence of 2", []*graph.Node{s, node("q = SequenceInsert s a far", nil), node("y = SequenceLength q", nil)}},
		"not a sequence":     {"wanted a sequence", []*graph.Node{node("y = SequenceLength a", nil)}},
		"sizes":              {"add up to 3, wanted 2", []*graph.Node{node("s = SplitToSequence m sizes", nil), node("y = SequenceLength s", nil)}},
		"shapes":             {"do not fit together", []*graph.Node{node("s = SequenceConstruct a m", nil), node("y = ConcatFromSequence s", ints("axis", 0))}},
		"empty":              {"the sequence is empty", []*graph.Node{node("s = SequenceEmpty", nil), node("y = ConcatFromSequence s", ints("axis", 0))}},
		"no value": {"no value", []*graph.Node{node("o = Optional", map[string]graph.Attr{"type": {Kind: graph.AttrString}}),
			node("y = OptionalGetElement o", nil)}},
	} {
		if _, err := run(t, inputs(), c.nodes...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted one with %q", name, err, c.want)
		}
	}
}
