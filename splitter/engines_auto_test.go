package splitter_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// fourier is a model file with an operator that the native engine does not have.
func fourier(t *testing.T) string {
	t.Helper()
	dims := []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: 8}, {Size: 2}}
	g := &graph.Graph{Name: "fourier", Opsets: map[string]int64{"": 17},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.F32, Dims: dims, Ranked: true}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.F32, Dims: dims, Ranked: true}},
		Nodes: []*graph.Node{{Name: "transform", Op: "DFT", Inputs: []string{"x"}, Outputs: []string{"h"}},
			{Name: "act", Op: "Relu", Inputs: []string{"h"}, Outputs: []string{"y"}}}}
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fourier.onnx")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAutoSaysWhichOperatorsDecideForAnotherEngine(t *testing.T) {
	var notes []string
	o := layout.Options{Shards: 1, Engine: layout.EngineAuto, Note: func(s string) { notes = append(notes, s) }}
	m, err := splitter.Split(t.Context(), fourier(t), filepath.Join(t.TempDir(), "parts"), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := engines(m); len(got) != 1 || got["onnxruntime"] == 0 {
		t.Errorf("wanted every program on onnxruntime, found %v", got)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "DFT") || strings.Contains(notes[0], "Relu") {
		t.Errorf("wanted one note that names DFT alone, heard %q", notes)
	}
	o.Engine = "native"
	_, err = splitter.Split(t.Context(), fourier(t), filepath.Join(t.TempDir(), "parts"), o, nil)
	var refused *layout.RefusalError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "DFT") {
		t.Errorf("native was wanted: wanted a refusal that names DFT, found %v", err)
	}
}
