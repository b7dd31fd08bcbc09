package onnx_test

import (
	"errors"
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

// layers is x [rows, 4] -> MatMul -> Relu -> MatMul -> y, for tests that damage it.
func layers() *graph.Graph {
	matrix := func(rows, cols int) *graph.Weight {
		return &graph.Weight{DType: tensor.F32, Shape: tensor.Shape{rows, cols}, Data: make([]byte, 4*rows*cols)}
	}
	return &graph.Graph{Name: "layers", Opsets: map[string]int64{"": 17},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1}, {Size: 4}}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.F32}},
		Nodes: []*graph.Node{
			{Name: "first", Op: "MatMul", Inputs: []string{"x", "w0"}, Outputs: []string{"h"}},
			{Name: "act", Op: "Relu", Inputs: []string{"h"}, Outputs: []string{"z"}},
			{Name: "second", Op: "MatMul", Inputs: []string{"z", "w1"}, Outputs: []string{"y"}}},
		Weights: map[string]*graph.Weight{"w0": matrix(4, 6), "w1": matrix(6, 3)}}
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatCannotBeSplitIsRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*graph.Graph)
		want   string
	}{
		"operator":       {func(g *graph.Graph) { g.Nodes[1].Op = "Frobnicate" }, "node act (Frobnicate)"},
		"domain":         {func(g *graph.Graph) { g.Nodes[1].Domain = "com.example" }, "com.example.Relu"},
		"attribute":      {func(g *graph.Graph) { g.Nodes[1].Attrs = map[string]graph.Attr{"beta": {Kind: graph.AttrInt}} }, `"beta"`},
		"undefined":      {func(g *graph.Graph) { g.Nodes[1].Inputs[0] = "nothing" }, "defined nowhere"},
		"cycle":          {func(g *graph.Graph) { g.Nodes[0].Inputs[0] = "z" }, "cycle"},
		"twice":          {func(g *graph.Graph) { g.Nodes[1].Outputs[0] = "h" }, "twice"},
		"no such output": {func(g *graph.Graph) { g.Outputs[0].Name = "nowhere" }, "no node computes it"},
		"shapes":         {func(g *graph.Graph) { g.Nodes[2].Inputs[1] = "w0" }, "node second"},
		"a later time":   {func(g *graph.Graph) { g.Opsets[""] = 999 }, "operator set 999"},
		"no name":        {func(g *graph.Graph) { g.Nodes[1].Name, g.Nodes[1].Outputs[0] = "", "h" }, `node of "h" (Relu)`},
		"no question": {func(g *graph.Graph) {
			g.Nodes[0].Inputs[0] = "w2"
			g.Weights["w2"] = &graph.Weight{DType: tensor.F32, Shape: tensor.Shape{2, 4}, Data: make([]byte, 32)}
		}, "no output depends on an input"},
		"an input as an answer": {func(g *graph.Graph) { g.Outputs = append(g.Outputs, graph.Value{Name: "x", DType: tensor.F32}) }, "output x: it is an input of the model, too"},
		"no answer":             {func(g *graph.Graph) { g.Outputs = nil }, "no outputs"},
		"endless input": {func(g *graph.Graph) {
			g.Inputs = append(g.Inputs, graph.Value{Name: "e", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: 1 << 40}, {Size: 1 << 40}}})
		}, "more than 2^53"},
		"untyped input": {func(g *graph.Graph) { g.Inputs[0].Ranked = false }, "input x"},
		"missing file": {func(g *graph.Graph) {
			w := g.Weights["w0"]
			w.Data, w.Location, w.Length = nil, "weights.bin", 96
		}, "tensor w0"},
	} {
		g := layers()
		c.change(g)
		data, err := onnx.Encode(g)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = trySplit(t, write(t, data), layout.Options{Shards: 2})
		var refused *layout.RefusalError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || refused.Remedy == "" {
			t.Errorf("%s: error %v, wanted a refusal with %q and a remedy", name, err, c.want)
		}
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	data, err := onnx.Encode(layers())
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(data)-2; n += 7 {
		_, err := onnximport.Open(write(t, data[:n]))
		var refused *layout.RefusalError
		if !errors.As(err, &refused) {
			t.Errorf("cut to %d of %d bytes: error %v, wanted a refusal", n, len(data), err)
		}
	}
}

func TestInfoListsWhatIsNotCovered(t *testing.T) {
	g := layers()
	g.Nodes[1].Op = "Frobnicate"
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	model, err := onnximport.Open(write(t, data))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	info := model.Info()
	if len(info.Opaque) != 1 || info.Opaque[0].Operator != "Frobnicate" || info.Opaque[0].Nodes != 1 || info.Opaque[0].First != "act" || info.Operators["Frobnicate"] != 1 || info.Parameters != 42 || info.Bytes != 168 {
		t.Errorf("%+v", info)
	}
}

// The same model and options give the same layout, byte by byte, in every file.
func TestLayoutsAreDeterministic(t *testing.T) {
	for _, path := range []string{"testdata/deep-external.onnx", "testdata/heads.onnx", "testdata/skl-mlpc.onnx"} {
		first, _ := split(t, path, 3)
		second, _ := split(t, path, 3)
		files, err := os.ReadDir(first)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			a, err := os.ReadFile(filepath.Join(first, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(second, f.Name()))
			if err != nil || string(a) != string(b) {
				t.Errorf("%s: %s differs between two splits, error %v", path, f.Name(), err)
			}
		}
	}
}
