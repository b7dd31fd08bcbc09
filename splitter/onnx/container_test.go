package onnx_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	onnximport "github.com/shardwise/shardwise/splitter/onnx"
)

func inspect(t *testing.T, path string) layout.Info {
	t.Helper()
	m, err := onnximport.Open(path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	return m.Info()
}

func encoded(t *testing.T, g *graph.Graph) string {
	t.Helper()
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, data)
}

// Every model that ONNX publishes for the tests of back ends is inspected, whatever its operators and types.
func TestEveryPublishedModelIsInspected(t *testing.T) {
	const root = "/usr/share/libonnx-testdata/data"
	if _, err := os.Stat(root); err != nil {
		t.Skip("Debian's libonnx-testdata is not installed")
	}
	models := 0
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".onnx" {
			return err
		}
		models++
		if info := inspect(t, path); len(info.Operators) == 0 && info.Bytes == 0 && !strings.Contains(path, "identity") {
			t.Logf("%s: nothing is left of it", path)
		}
		return nil
	})
	if err != nil || models < 1000 {
		t.Errorf("%d models, error %v", models, err)
	}
}

// conditional is layers with an If between, whose branches read h and have weights of their own.
func conditional() *graph.Graph {
	g := layers()
	branch := func(name string) graph.Attr {
		return graph.Attr{Kind: graph.AttrGraph, Graph: &graph.Graph{Name: name, Outputs: []graph.Value{{Name: name + "/z", DType: tensor.F32}},
			Nodes: []*graph.Node{
				{Op: "Constant", Outputs: []string{name + "/c"}, Attrs: map[string]graph.Attr{"value_float": {Kind: graph.AttrFloat, Float: 2}}},
				{Op: "Mul", Inputs: []string{name + "/m", name + "/c"}, Outputs: []string{name + "/z"}},
				{Op: "MatMul", Inputs: []string{"h", name + "/w"}, Outputs: []string{name + "/m"}}},
			Weights: map[string]*graph.Weight{name + "/w": zeroed(tensor.F32, 6, 6)}}}
	}
	g.Inputs = append(g.Inputs, graph.Value{Name: "c", DType: tensor.Bool, Ranked: true})
	g.Nodes[1] = &graph.Node{Name: "act", Op: "If", Inputs: []string{"c"}, Outputs: []string{"z"},
		Attrs: map[string]graph.Attr{"then_branch": branch("then"), "else_branch": branch("else")}}
	// The If stands before the node whose value its branches read.
	g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0]
	return g
}

func TestBodiesAreInspected(t *testing.T) {
	info := inspect(t, encoded(t, conditional()))
	// Two layers, a matrix and a constant in each branch.
	if info.Operators["If"] != 1 || info.Operators["MatMul"] != 4 || info.Operators["Constant"] != 0 || info.Parameters != 42+2*37 || info.Bytes != 4*info.Parameters {
		t.Errorf("%+v", info)
	}
	if facts := fmt.Sprint(info.Facts); !strings.Contains(facts, "2 inside nodes, with 4 weights of 296 bytes") {
		t.Errorf("facts %s", facts)
	}
}

func TestWhatNoEngineReadsIsInspectedAndRefusedByName(t *testing.T) {
	attribute := func(name string, a graph.Attr) func(*graph.Graph) {
		return func(g *graph.Graph) {
			g.Nodes[1].Op, g.Nodes[1].Domain, g.Nodes[1].Attrs = "Thing", "com.example", map[string]graph.Attr{name: a}
			g.Opsets["com.example"] = 1
		}
	}
	for name, c := range map[string]struct {
		change func(*graph.Graph)
		want   string
	}{
		"list of tensors":  {attribute("t", graph.Attr{Kind: graph.AttrTensors, Tensors: []*graph.Weight{zeroed(tensor.F32, 2)}}), `attribute "t" holds a list of tensors`},
		"list of graphs":   {attribute("g", graph.Attr{Kind: graph.AttrGraphs, Graphs: []*graph.Graph{{Name: "b"}}}), `attribute "g" holds a list of graphs`},
		"stray reference":  {attribute("r", graph.Attr{Kind: graph.AttrRef, Str: "alpha"}), `attribute "r" holds a reference`},
		"untyped input":    {func(g *graph.Graph) { g.Inputs[0].Ranked = false }, "input x: it is no tensor of a known type and rank"},
		"many of one kind": {func(g *graph.Graph) { g.Nodes[0].Op, g.Nodes[2].Op = "Foo", "Foo" }, "node first (Foo)"},
		"dangling in body": {func(g *graph.Graph) {
			*g = *conditional()
			g.Nodes[0].Attrs["then_branch"].Graph.Nodes[0].Inputs = []string{"nothing"}
		}, `what its body reads, "nothing" is defined nowhere`},
		"cycle by a body": {func(g *graph.Graph) { *g = *conditional(); g.Nodes[1].Inputs[0] = "z" }, "act, first"},
		"cycle in a body": {func(g *graph.Graph) {
			*g = *conditional()
			g.Nodes[0].Attrs["then_branch"].Graph.Nodes[2].Inputs[0] = "then/z"
		}, "cycle"},
		"its own input": {func(g *graph.Graph) { g.Nodes[1].Inputs[0] = "z" }, "is its own output"},
		"twice in a body": {func(g *graph.Graph) {
			*g = *conditional()
			b := g.Nodes[0].Attrs["then_branch"].Graph
			b.Nodes = append(b.Nodes, b.Nodes[2])
		}, "defined twice"},
		"one input twice": {func(g *graph.Graph) { g.Inputs = append(g.Inputs, g.Inputs[0]) }, `input "x"`},
		"body file missing": {func(g *graph.Graph) {
			*g = *conditional()
			w := g.Nodes[0].Attrs["else_branch"].Graph.Weights["else/w"]
			w.Data, w.Location, w.Length = nil, "w.bin", 144
		}, "tensor else/w"},
	} {
		g := layers()
		c.change(g)
		_, _, err := trySplit(t, encoded(t, g), layout.Options{Shards: 1, Engine: "native"})
		var refused *layout.RefusalError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || refused.Remedy == "" {
			t.Errorf("%s: error %v, wanted a refusal with %q and a remedy", name, err, c.want)
		}
	}
}

func TestUncoveredNodesAreGatheredByOperator(t *testing.T) {
	g := layers()
	g.Nodes[0].Op, g.Nodes[2].Op = "Foo", "Foo"
	info := inspect(t, encoded(t, g))
	if len(info.Opaque) != 1 || info.Opaque[0].Operator != "Foo" || info.Opaque[0].Nodes != 2 || info.Opaque[0].First != "first" || info.MaxShards != 0 {
		t.Errorf("%+v", info.Opaque)
	}
	if len(info.Signature.Inputs) != 1 {
		t.Errorf("the signature is not shown: %+v", info.Signature)
	}
}

// Exporters may write one file for each tensor, more than a process may have open.
func TestManyExternalFiles(t *testing.T) {
	const n = 300
	dir := t.TempDir()
	g := &graph.Graph{Name: "many", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}, Inputs: layers().Inputs, Outputs: []graph.Value{{Name: fmt.Sprint("h", n), DType: tensor.F32}}}
	in := "x"
	for i := range n {
		out := fmt.Sprint("h", i+1)
		location := fmt.Sprintf("t%d.bin", i)
		data := make([]byte, 64)
		data[i%64] = 1
		if err := os.WriteFile(filepath.Join(dir, location), data, 0o600); err != nil {
			t.Fatal(err)
		}
		g.Weights[location] = &graph.Weight{DType: tensor.F32, Shape: tensor.Shape{4, 4}, Location: location, Length: 64}
		g.Nodes = append(g.Nodes, &graph.Node{Name: out, Op: "MatMul", Inputs: []string{in, location}, Outputs: []string{out}})
		in = out
	}
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	m, err := onnximport.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if now := openFiles(t); now > before+70 {
		t.Errorf("%d more files are open", now-before)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if now := openFiles(t); now > before {
		t.Errorf("%d files are open after Close, %d before", now, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	return len(list)
}
