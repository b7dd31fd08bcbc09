package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/workdir"
)

func TestPredictClearsAwayWhatAKilledRunLeft(t *testing.T) {
	var out, errs buffer
	a := testApp(t, &out, &errs) // checks that the temporary folder is empty in the end
	dead := filepath.Join(a.TempDir, "shardwise-model-abcdefghijkl")
	if err := os.MkdirAll(filepath.Join(dead, "parts"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dead, "parts", "shard-000.safetensors"), make([]byte, 1000))
	put(t, dead+".lock", nil) // which nobody holds
	alive, err := workdir.New(a.TempDir, "model")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"predict", examplePath("diabetes-xgboost", "model.ubj"), "--shards", "2", "--input", examplePath("diabetes-xgboost", "input.csv")}
	if status := a.Run(t.Context(), args); status != StatusOK {
		t.Fatalf("status %d:\n%s", status, errs.String())
	}
	if _, err := os.Stat(alive.Path()); err != nil {
		t.Errorf("a living run's folder was swept: %v", err)
	}
	if err := alive.Close(); err != nil {
		t.Error(err)
	}
}
