package onnx_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/splitter/layout"
	onnximport "github.com/shardwise/shardwise/splitter/onnx"
)

// Whatever the file says, opening it and laying it out ends with a model or a refusal.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"torchlike", "heads", "skl-logistic-strings", "cast-weights", "deep-constants", "gemm-opset9", "functions", "functions-older", "sparse", "constants-unordered", "ir3"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".onnx"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, 2)
	}
	small, err := onnx.Encode(layers())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small, 3)
	branches, err := onnx.Encode(conditional())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(branches, 1)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, shards int) {
		path := filepath.Join(dir, "model.onnx")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		model, err := onnximport.Open(path)
		var refused *layout.RefusalError
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("error %v, wanted a refusal", err)
			}
			return
		}
		defer model.Close()
		if most := model.Info().MaxShards; shards > 50 || shards < 1 || most < 0 {
			return
		}
		if _, err := model.Layout(t.Context(), layout.Options{Shards: shards, Name: "m", Version: "1"}); err != nil && !errors.As(err, &refused) {
			t.Fatalf("error %v, wanted a refusal", err)
		}
	})
}
