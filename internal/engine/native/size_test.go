package native

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
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

// Tensors that fit one by one and not together are an error of the node that wants one too many, in the graph and in bodies;
// afterwards nothing is held against the next run, and a run of few rows follows its layout.
func TestTensorsThatMemoryCannotHoldTogetherAreErrors(t *testing.T) {
	const wide = 1 << 16
	old := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(old) })
	for name, body := range map[string]bool{"graph": false, "body": true} {
		t.Run(name, func(t *testing.T) {
			// Eight values of x's size are in use before the first is added.
			g := &graph.Graph{Name: "sizes", Opsets: map[string]int64{"": 17}, Inputs: []graph.Value{value("x", tensor.F32, -1, wide)}, Weights: map[string]*graph.Weight{}}
			sum := &graph.Node{Name: "sum", Op: "Sum", Outputs: []string{"total"}}
			for i := range 8 {
				v := fmt.Sprint("v", i)
				g.Nodes = append(g.Nodes, &graph.Node{Name: v, Op: "Exp", Inputs: []string{"x"}, Outputs: []string{v}})
				sum.Inputs = append(sum.Inputs, v)
			}
			g.Nodes = append(g.Nodes, sum, &graph.Node{Name: "mean", Op: "ReduceMean", Inputs: []string{"total"}, Outputs: []string{"y"}})
			g.Outputs = []graph.Value{value("y", tensor.F32, 1, 1)}
			if body {
				inner := &graph.Graph{Name: "then", Nodes: g.Nodes, Outputs: g.Outputs, Weights: map[string]*graph.Weight{}}
				g.Weights["yes"] = weight(of(tensor.Bool, []bool{true}))
				g.Nodes = []*graph.Node{{Name: "if", Op: "If", Inputs: []string{"yes"}, Outputs: []string{"z"}, Attrs: map[string]graph.Attr{
					"then_branch": {Kind: graph.AttrGraph, Graph: inner}, "else_branch": {Kind: graph.AttrGraph, Graph: inner}}}}
				g.Outputs = []graph.Value{value("z", tensor.F32, 1, 1)}
			}
			p := compile(t, g, nil)
			rows := func(n int) error {
				_, err := p.Run(t.Context(), tensor.Named{"x": tensor.New(tensor.F32, n, wide)}, nil)
				return err
			}
			debug.SetMemoryLimit(48 << 20) // of 64 MB in all, which 7 values of 10 MB do not fit
			for range 3 {
				var size *engine.SizeError
				if err := rows(40); !errors.As(err, &size) || !strings.Contains(err.Error(), "node v6 (Exp)") || size.Held != 6*40*4*wide || size.Limit != 64<<20 {
					t.Fatalf("error %v", err)
				}
				if err := rows(16); err != nil { // 8 values and the sum, of 4 MB each
					t.Fatal(err)
				}
			}
			debug.SetMemoryLimit(math.MaxInt64)
			if err := rows(40); err != nil {
				t.Errorf("without a limit: %v", err)
			}
			if used := p.(*program).block.budget.used.Load(); used != 0 {
				t.Errorf("%d bytes are counted after all runs", used)
			}
		})
	}
}
