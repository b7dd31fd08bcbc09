package splitter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// A manifest that no reader takes is refused before anything of it is written.
func TestManifestsTooLargeToBeReadAreRefused(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	m, err := Split(t.Context(), "../examples/digits-mlp/model.onnx", out, layout.Options{Shards: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(out, manifest.FileName))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = writeContracts(m, manifest.DefaultDeployment(m), dir, len(data)-1)
	var refusal *layout.RefusalError
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Remedy, "fewer shards") {
		t.Errorf("a manifest one byte too large: error %v, wanted a refusal", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the refused manifest left %v, error %v", left, err)
	}
	if err := writeContracts(m, manifest.DefaultDeployment(m), dir, len(data)); err != nil {
		t.Errorf("a manifest of just the size: %v", err)
	}
}
