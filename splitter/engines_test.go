package splitter_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// engines are the engines of all programs of a manifest.
func engines(m *manifest.Manifest) map[string]int {
	count := map[string]int{}
	for i := range m.Shards {
		for _, p := range m.Shards[i].Programs {
			count[p.Engine]++
		}
	}
	if m.Local != nil {
		for _, p := range m.Local.Programs {
			count[p.Engine]++
		}
	}
	return count
}

func TestTheManifestRecordsTheEngineThatWasWanted(t *testing.T) {
	for _, c := range []struct{ model, engine, want, refusal string }{
		{"digits-mlp/model.onnx", "", "native", ""},
		{"digits-mlp/model.onnx", "auto", "native", ""},
		{"digits-mlp/model.onnx", "native", "native", ""},
		{"digits-mlp/model.onnx", "onnxruntime", "onnxruntime", ""},
		{"digits-mlp/model.onnx", "tensorflow", "", "engine tensorflow"},
		{"digits-xgboost/model.json", "auto", "native", ""},
		{"digits-xgboost/model.json", "onnxruntime", "", "TreeEnsemble"},
	} {
		t.Run(c.model+"/"+c.engine, func(t *testing.T) {
			o := layout.Options{Shards: 2, Engine: c.engine, Note: func(s string) { t.Errorf("nothing was to be noted, heard %q", s) }}
			m, err := splitter.Split(t.Context(), filepath.Join("../examples", c.model), filepath.Join(t.TempDir(), "parts"), o, nil)
			var refused *layout.RefusalError
			if c.refusal != "" {
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.refusal) || refused.Remedy == "" {
					t.Fatalf("wanted a refusal with %q and a remedy, found %v", c.refusal, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := engines(m); len(got) != 1 || got[c.want] == 0 {
				t.Errorf("wanted every program on %s, found %v", c.want, got)
			}
		})
	}
}
