//go:build onnxruntime

package backend

import (
	"os"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
)

// optional are the engines beside the native one that the cases are run on. SHARDWISE_ONNXRUNTIME names the shared
// library.
func optional(t *testing.T) []engine.Engine {
	t.Helper()
	library := os.Getenv("SHARDWISE_ONNXRUNTIME")
	if library == "" {
		t.Fatal("SHARDWISE_ONNXRUNTIME names no shared library; .ci/run onnxruntime installs one")
	}
	return []engine.Engine{onnxruntime.New(library)}
}
