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

// withLoss is a model file with an operator that the native engine does not have, because only training needs it.
func withLoss(t *testing.T) string {
	t.Helper()
	batch := graph.Dim{Size: -1, Symbol: "batch"}
	g := &graph.Graph{Name: "loss", Opsets: map[string]int64{"": 17},
		Inputs: []graph.Value{{Name: "x", DType: tensor.F32, Dims: []graph.Dim{batch, {Size: 8}}, Ranked: true},
			{Name: "label", DType: tensor.I64, Dims: []graph.Dim{batch}, Ranked: true}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.F32, Dims: []graph.Dim{batch}, Ranked: true}},
		Nodes: []*graph.Node{{Name: "act", Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"h"}},
			{Name: "loss", Op: "NegativeLogLikelihoodLoss", Inputs: []string{"h", "label"}, Outputs: []string{"y"},
				Attrs: map[string]graph.Attr{"reduction": {Kind: graph.AttrString, Str: "none"}}}}}
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "loss.onnx")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAutoSaysWhichOperatorsDecideForAnotherEngine(t *testing.T) {
	var notes []string
	o := layout.Options{Shards: 1, Engine: layout.EngineAuto, Note: func(s string) { notes = append(notes, s) }}
	m, err := splitter.Split(t.Context(), withLoss(t), filepath.Join(t.TempDir(), "parts"), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := engines(m); len(got) != 1 || got["onnxruntime"] == 0 {
		t.Errorf("wanted every program on onnxruntime, found %v", got)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "NegativeLogLikelihoodLoss") || strings.Contains(notes[0], "Relu") {
		t.Errorf("wanted one note that names NegativeLogLikelihoodLoss alone, heard %q", notes)
	}
	o.Engine = "native"
	_, err = splitter.Split(t.Context(), withLoss(t), filepath.Join(t.TempDir(), "parts"), o, nil)
	var refused *layout.RefusalError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "NegativeLogLikelihoodLoss") {
		t.Errorf("native was wanted: wanted a refusal that names NegativeLogLikelihoodLoss, found %v", err)
	}
}
