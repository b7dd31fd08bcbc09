//go:build onnxruntime

package backend

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestShardsRunOnONNXRuntime predicts with processes whose programs run on ONNX Runtime, on weights that it maps from
// the shards' files, and compares with what the library gave when the model was trained.
func TestShardsRunOnONNXRuntime(t *testing.T) {
	optional(t) // fails without the library
	exe := filepath.Join(t.TempDir(), "shardwise")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "onnxruntime", "-o", exe, "../../cmd/shardwise").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	example := filepath.Join("..", "..", "examples", "digits-mlp")
	args := []string{"predict", filepath.Join(example, "model.onnx"), "--engine", "onnxruntime", "--shards", "2",
		"--input", filepath.Join(example, "input.csv"), "--expect", filepath.Join(example, "expected.csv")}
	out, err := exec.CommandContext(t.Context(), exe, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "every compared value keeps") {
		t.Errorf("%v\n%s", err, out)
	}
	command := exec.CommandContext(t.Context(), exe, args...)
	command.Env = append(os.Environ(), "SHARDWISE_ONNXRUNTIME=/nowhere/libonnxruntime.so.1")
	if out, err = command.CombinedOutput(); err == nil || !strings.Contains(string(out), "/nowhere/libonnxruntime.so.1") {
		t.Errorf("without the library: wanted an error that names its path, found %v\n%s", err, out)
	}
}
