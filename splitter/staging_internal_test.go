package splitter

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/shardwise/shardwise/splitter/layout"
)

// makeDirectory makes a directory with a file in it, as a split that was killed leaves one.
func makeDirectory(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "shard-000.safetensors"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSplitClearsAwayWhatAKilledOneLeft(t *testing.T) {
	home := t.TempDir()
	out := filepath.Join(home, "pa[r]ts") // a name that is no pattern
	living, err := newStaging(out)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(home, ".pa[r]ts.partial-123456789")
	makeDirectory(t, dead)
	kept := []string{living.path}
	for _, name := range []string{".pa[r]ts.partial-mine", ".pa[r]ts.partial-", ".other.partial-123456789", "pa[r]ts.partial-123456789"} {
		path := filepath.Join(home, name)
		makeDirectory(t, path)
		kept = append(kept, path)
	}
	elsewhere := filepath.Join(t.TempDir(), "precious")
	makeDirectory(t, elsewhere)
	if err := os.Symlink(elsewhere, filepath.Join(home, ".pa[r]ts.partial-987654321")); err != nil {
		t.Fatal(err)
	}
	kept = append(kept, filepath.Join(elsewhere, "shard-000.safetensors"))
	if _, err := Split(t.Context(), "../examples/diabetes-xgboost/model.ubj", out, layout.Options{Shards: 2}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a dead split left is still there (%v)", err)
	}
	for _, path := range kept {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%v, wanted it kept", err)
		}
	}
	if err := living.close(); err != nil {
		t.Error(err)
	}
}

func TestStagingAndSweepAtOnceNeverTakeALiveDirectory(t *testing.T) {
	out := filepath.Join(t.TempDir(), "parts")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 30 {
				s, err := newStaging(out)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(s.path); err != nil {
					t.Errorf("a live directory was swept: %v", err)
				}
				if err := errors.Join(os.Remove(s.path), s.close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
