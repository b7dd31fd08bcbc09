package infer

import (
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Attention, as exporters write it, folds heads and positions into the dimension of the rows and back.
func TestRowsAreFollowedThroughFoldedDimensions(t *testing.T) {
	shape := func(name string, d ...int64) *graph.Weight {
		x, err := tensor.FromSlice(tensor.I64, d, len(d))
		if err != nil {
			t.Fatal(err)
		}
		return &graph.Weight{Name: name, DType: tensor.I64, Shape: tensor.Shape{len(d)}, Data: x.Bytes()}
	}
	reshape := func(in, to, out string) *graph.Node {
		return &graph.Node{Name: out, Op: "Reshape", Inputs: []string{in, to}, Outputs: []string{out}}
	}
	turn := func(in, out string, perm ...int64) *graph.Node {
		return &graph.Node{Name: out, Op: "Transpose", Inputs: []string{in}, Outputs: []string{out}, Attrs: map[string]graph.Attr{"perm": {Kind: graph.AttrInts, Ints: perm}}}
	}
	g := &graph.Graph{Opsets: map[string]int64{"": 17},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: 5}, {Size: 12}}}},
		Weights: map[string]*graph.Weight{"heads": shape("heads", 5, -1, 4), "flat": shape("flat", -1, 12), "back": shape("back", 5, -1, 12), "lost": shape("lost", -1, 5)},
		Nodes: []*graph.Node{
			turn("x", "sequence", 1, 0, 2),         // [5, batch, 12]
			reshape("sequence", "heads", "folded"), // [5, 3*batch, 4]
			turn("folded", "batched", 1, 0, 2),     // [3*batch, 5, 4]
			{Name: "softmax", Op: "Softmax", Inputs: []string{"batched"}, Outputs: []string{"soft"}},
			turn("soft", "unbatched", 1, 0, 2),    // [5, 3*batch, 4]
			reshape("unbatched", "flat", "table"), // [5*batch, 12]
			reshape("table", "back", "rows"),      // [5, batch, 12]
			turn("rows", "y", 1, 0, 2),
			reshape("sequence", "lost", "mixed"),
		}}
	s := NewScope(g.Opsets)
	if err := s.Graph(g); err != nil {
		t.Fatal(err)
	}
	r := AnalyseRows(g, s, "batch")
	for name, want := range map[string]string{"folded": "F32[5, 3*batch, 4]", "table": "F32[5*batch, 12]", "y": "F32[batch, 5, 12]", "mixed": "F32[12*batch, 5]"} {
		if got := s.Value(name).String(); got != want {
			t.Errorf("%s is %s, wanted %s", name, got, want)
		}
	}
	if why := r.Mixed("y"); why != "" {
		t.Errorf("y: %s", why)
	}
	if r.Mixed("table") == "" || r.Mixed("mixed") == "" {
		t.Error("values without the rows in front are said to have them")
	}
}
