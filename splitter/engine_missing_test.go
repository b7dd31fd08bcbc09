//go:build !onnxruntime

package splitter_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/assets"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// TestAShardWithoutTheEngineSaysSoAtStart opens a shard whose program needs ONNX Runtime with a binary that lacks it.
func TestAShardWithoutTheEngineSaysSoAtStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "parts")
	if _, err := splitter.Split(t.Context(), "../examples/digits-mlp/model.onnx", dir, layout.Options{Shards: 2, Engine: "onnxruntime"}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := shard.Open(dir, 0, shard.Options{})
	var missing *assets.EngineError
	if !errors.As(err, &missing) || missing.Engine != "onnxruntime" {
		t.Fatalf("wanted an EngineError for onnxruntime, found %v", err)
	}
	if kind := shard.KindOf(err); kind != shard.Unsupported || !strings.Contains(err.Error(), "-tags onnxruntime") {
		t.Errorf("wanted kind %v and what to build with, found kind %v: %v", shard.Unsupported, kind, err)
	}
}
