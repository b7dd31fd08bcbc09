package splitter_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

func TestOpenRefusesForeignFilesByName(t *testing.T) {
	for _, c := range []struct{ name, content, format, remedy string }{
		{"model.txt", "tree\nversion=v4\n", "LightGBM", "ONNX"},
		{"windows.txt", "tree\r\nversion=v4\r\n", "LightGBM", "trees stay whole on a shard and --plan rows"},
		{"formatless.json", `{"combine": "mean", "members": [{"model": "a.onnx"}]}`, "\"format\": \"shardwise-ensemble/1\"", "docs/plans.md"},
		{"formatless-tables.json", `{"name": "m", "tables": [{"name": "a"}]}`, "\"format\": \"shardwise-recommender/1\"", "docs/plans.md"},
		{"model.pkl", "\x80\x04\x95\x00\x00", "pickle", "save_model"},
		{"model.pt", "PK\x03\x04rest", "zip", "torch.onnx.export"},
		{"model.h5", "\x89HDF\r\n\x1a\n", "HDF5", "tf2onnx"},
		{"model.bin", "binf\x00\x00", "XGBoost binary", "save_model"},
		{"model.tflite", "\x1c\x00\x00\x00TFL3....", "TensorFlow Lite", "tf2onnx"},
		{"model.any", "hello, world", "no known format", "XGBoost"},
		{"model.json", "", "empty", "save"},
		{"later-ensemble.json", `{"format": "shardwise-ensemble/2", "combine": "mean", "members": [{"model": "a.onnx"}]}`, "format is \"shardwise-ensemble/2\"", "docs/plans.md"},
		{"later-recommender.json", `{"format": "shardwise-recommender/2", "top": [1]}`, "format is \"shardwise-recommender/2\"", "docs/plans.md"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.name)
			if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
				t.Fatal(err)
			}
			m, err := splitter.Open(path)
			if err == nil {
				m.Close()
				t.Fatal("was opened")
			}
			var refusal *layout.RefusalError
			if !errors.As(err, &refusal) {
				t.Fatalf("error is %T (%v), want a *layout.RefusalError", err, err)
			}
			if !strings.Contains(err.Error(), c.format) || !strings.Contains(refusal.Remedy, c.remedy) {
				t.Errorf("error %q (remedy %q) should name %q and help with %q", err, refusal.Remedy, c.format, c.remedy)
			}
		})
	}
}

func TestOpenRefusesDirectoriesAndMissingFiles(t *testing.T) {
	if _, err := splitter.Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a directory: error %v, want one that says it is a directory", err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe.onnx")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := splitter.Open(pipe); err == nil || !strings.Contains(err.Error(), "pipe") {
		t.Errorf("a pipe: error %v, want one that says it is a pipe", err)
	}
	if _, err := splitter.Open(filepath.Join(t.TempDir(), "absent.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: error %v, want os.ErrNotExist", err)
	}
}
