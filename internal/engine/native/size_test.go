package native

import (
	"errors"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// A node that wants more than memory holds fails by its name, before anything is allocated; the program runs on.
func TestTensorsThatMemoryCannotHoldAreErrors(t *testing.T) {
	const many = 1 << 36
	scalar := il([]int64{0})
	for name, c := range map[string]struct {
		node    *graph.Node
		d       tensor.DType
		weights map[string]*tensor.Tensor
		in, ok  *tensor.Tensor
	}{
		"Range":           {node: &graph.Node{Op: "Range", Inputs: []string{"zero", "x", "one"}}, d: tensor.I64, in: il([]int64{many}), ok: il([]int64{3})},
		"ConstantOfShape": {node: &graph.Node{Op: "ConstantOfShape", Inputs: []string{"x"}}, d: tensor.F32, in: il([]int64{many}, 1), ok: il([]int64{3}, 1)},
		"two dimensions":  {node: &graph.Node{Op: "ConstantOfShape", Inputs: []string{"x"}}, d: tensor.F32, in: il([]int64{1 << 20, 1 << 20}, 2), ok: il([]int64{3, 2}, 2)},
		"Expand":          {node: &graph.Node{Op: "Expand", Inputs: []string{"data", "x"}}, d: tensor.I64, in: il([]int64{many, 2}, 2), ok: il([]int64{3, 2}, 2)},
		"Tile":            {node: &graph.Node{Op: "Tile", Inputs: []string{"data", "x"}}, d: tensor.I64, in: il([]int64{many}, 1), ok: il([]int64{3}, 1)},
		"OneHot":          {node: &graph.Node{Op: "OneHot", Inputs: []string{"data", "x", "data"}}, d: tensor.I64, in: il([]int64{1 << 30}, 1), ok: il([]int64{3}, 1)},
		"Pad":             {node: &graph.Node{Op: "Pad", Inputs: []string{"data", "x"}}, d: tensor.I64, in: il([]int64{many, 0}, 2), ok: il([]int64{3, 0}, 2)},
		"Resize":          {node: &graph.Node{Op: "Resize", Inputs: []string{"picture", "", "", "x"}}, d: tensor.F32, in: il([]int64{1, 1, 1 << 18, 1 << 18}, 4), ok: il([]int64{1, 1, 4, 4}, 4)},
		"Resize a line":   {node: &graph.Node{Op: "Resize", Inputs: []string{"picture", "", "", "x"}}, d: tensor.F32, in: il([]int64{1, 1, 4, 1 << 30}, 4), ok: il([]int64{1, 1, 4, 4}, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			c.node.Name, c.node.Outputs = "large", []string{"y"}
			x := graph.Value{Name: "x", DType: tensor.I64, Ranked: true}
			for _, n := range c.in.Shape() {
				x.Dims = append(x.Dims, graph.Dim{Size: n})
			}
			g := &graph.Graph{Name: "sizes", Opsets: map[string]int64{"": 17}, Inputs: []graph.Value{x}, Outputs: []graph.Value{{Name: "y", DType: c.d}}, Nodes: []*graph.Node{c.node},
				Weights: map[string]*graph.Weight{"zero": weight(scalar), "one": weight(il([]int64{1})), "data": weight(il([]int64{5, 7}, 2)), "picture": weight(f32(t, []float32{1, 2, 3, 4}, 1, 1, 2, 2))}}
			p := compile(t, g, nil)
			_, err := p.Run(t.Context(), tensor.Named{"x": c.in}, nil)
			var size *engine.SizeError
			if !errors.As(err, &size) || !strings.Contains(err.Error(), "node large ("+c.node.Op+")") || size.Bytes < 1<<33 || size.Limit <= 0 {
				t.Errorf("error %v, wanted a SizeError that names the node", err)
			}
			if out, err := p.Run(t.Context(), tensor.Named{"x": c.ok}, nil); err != nil || out["y"].Len() < 3 {
				t.Errorf("afterwards: %v, %v", out["y"], err)
			}
		})
	}
}

// Strings are not made by the call, and are bounded too.
func TestStringsThatMemoryCannotHoldAreErrors(t *testing.T) {
	words, err := tensor.FromStrings(tensor.Shape{1, 1}, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	g := &graph.Graph{Name: "words", Opsets: map[string]int64{"": 17}, Outputs: []graph.Value{{Name: "y", DType: tensor.String}},
		Inputs: []graph.Value{value("s", tensor.String, 1, 1), value("x", tensor.I64, 2)},
		Nodes:  []*graph.Node{{Name: "large", Op: "Expand", Inputs: []string{"s", "x"}, Outputs: []string{"y"}}}}
	var size *engine.SizeError
	if _, err := compile(t, g, nil).Run(t.Context(), tensor.Named{"s": words, "x": il([]int64{1 << 18, 1 << 18}, 2)}, nil); !errors.As(err, &size) {
		t.Errorf("error %v, wanted a SizeError", err)
	}
}
