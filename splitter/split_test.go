package splitter_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// examples are the repository's real models.
func examples() []string {
	return []string{
		"../examples/digits-xgboost/model.json",
		"../examples/digits-mlp/model.onnx",
	}
}

// tree reads every file below dir.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[rel], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSplitIsDeterministicWhereverTheModelLies(t *testing.T) {
	for _, model := range examples() {
		t.Run(filepath.Base(filepath.Dir(model)), func(t *testing.T) {
			elsewhere := filepath.Join(t.TempDir(), filepath.Base(model))
			data, err := os.ReadFile(model)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(elsewhere, data, 0o644); err != nil {
				t.Fatal(err)
			}
			first, second := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
			split(t, model, first, layout.Options{Shards: 3})
			split(t, elsewhere, second, layout.Options{Shards: 3})
			a, b := tree(t, first), tree(t, second)
			if len(a) != len(b) || len(a) < 5 {
				t.Fatalf("%d files against %d, want equally many and at least 5", len(a), len(b))
			}
			for name := range a {
				if !bytes.Equal(a[name], b[name]) {
					t.Errorf("%s differs between two splits of the same model", name)
				}
			}
		})
	}
}

func split(t *testing.T, model, out string, o layout.Options) *manifest.Manifest {
	t.Helper()
	m, err := splitter.Split(context.Background(), model, out, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManifestNamesEveryFileWithItsHash(t *testing.T) {
	for _, model := range examples() {
		out := filepath.Join(t.TempDir(), "out")
		split(t, model, out, layout.Options{Shards: 2})
		m, _, err := manifest.Read(filepath.Join(out, manifest.FileName))
		if err != nil {
			t.Fatal(err)
		}
		files := tree(t, out)
		listed := []manifest.File{}
		for _, s := range m.Shards {
			listed = append(listed, s.Files...)
		}
		if m.Local != nil {
			listed = append(listed, m.Local.Files...)
		}
		if len(listed)+2 != len(files) {
			t.Errorf("%s: the manifest lists %d files beside the two contracts, the directory has %d", model, len(listed), len(files))
		}
		for _, f := range listed {
			sum := sha256.Sum256(files[filepath.FromSlash(f.Path)])
			if hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(files[filepath.FromSlash(f.Path)])) != f.Bytes {
				t.Errorf("%s: size or SHA-256 of %s in the manifest is not the file's", model, f.Path)
			}
		}
	}
}

func TestMemorySplitsIntoAsFewShardsAsFit(t *testing.T) {
	model := examples()[0]
	m := split(t, model, filepath.Join(t.TempDir(), "out"), layout.Options{MemoryMB: 512})
	if len(m.Shards) != 1 {
		t.Errorf("a model of some MB in functions of 512 MB: %d shards, want 1", len(m.Shards))
	}
	_, err := splitter.Split(context.Background(), model, filepath.Join(t.TempDir(), "out"), layout.Options{MemoryMB: 1}, nil)
	var refusal *layout.RefusalError
	if !errors.As(err, &refusal) {
		t.Errorf("1 MB of memory: error %v, want a refusal", err)
	}
}

func TestFailedSplitLeavesNothing(t *testing.T) {
	model := examples()[0]
	data, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	for _, keep := range []int{1, 100, len(data) / 2, len(data) - 2} {
		broken := filepath.Join(t.TempDir(), "model.json")
		if err := os.WriteFile(broken, data[:keep], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := splitter.Split(context.Background(), broken, filepath.Join(parent, "out"), layout.Options{Shards: 2}, nil); err == nil {
			t.Errorf("a model cut to %d bytes was split", keep)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	_, err = splitter.Split(ctx, model, filepath.Join(parent, "out"), layout.Options{Shards: 4}, func(done, total int64, file string) {
		if calls++; calls == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a split cancelled half way: error %v, want context.Canceled", err)
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 0 {
		t.Errorf("failed splits left %v behind", entries)
	}
}

func TestAnInterruptedSplitRemovesTheFoldersThatItMade(t *testing.T) {
	parent := t.TempDir()
	for name, kept := range map[string]bool{"new": false, "shared": true} {
		top := filepath.Join(parent, name)
		ctx, stop := context.WithCancel(context.Background())
		other := filepath.Join(top, "inner", "other")
		_, err := splitter.Split(ctx, examples()[0], filepath.Join(top, "inner", "out"), layout.Options{Shards: 2}, func(int64, int64, string) {
			if kept {
				if err := os.WriteFile(other, nil, 0o644); err != nil {
					t.Error(err)
				}
			}
			stop()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want the interruption's", name, err)
		}
		left := tree(t, parent)
		if _, err := os.Stat(top); (err == nil) != kept {
			t.Errorf("%s: stat says %v; want it kept: %v", name, err, kept)
		}
		if kept && len(left) != 1 {
			t.Errorf("%s: left are %d files, want the other's", name, len(left))
		}
		stop()
	}
}

func TestTheLaterOfTwoSplitsIntoOneFolderIsRefused(t *testing.T) {
	for _, before := range []bool{false, true} {
		parent := t.TempDir()
		out := filepath.Join(parent, "out")
		if before {
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		first := true
		_, err := splitter.Split(context.Background(), examples()[0], out, layout.Options{Shards: 2}, func(int64, int64, string) {
			if first {
				first = false
				split(t, examples()[0], out, layout.Options{Shards: 3})
			}
		})
		var refusal *layout.RefusalError
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "was filled by another while the model was split; look at what is there") {
			t.Errorf("error %v, want a refusal that says what happened", err)
		}
		if m, _, err := manifest.Read(filepath.Join(out, manifest.FileName)); err != nil || len(m.Shards) != 3 {
			t.Errorf("the first one's directory: %v, want its 3 shards", err)
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Errorf("left are %v (%v), want the first one's directory only", entries, err)
		}
	}
}

func TestSplitRefusesTargetsAndOptions(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "precious"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		out  string
		o    layout.Options
		says string
	}{
		"target in use":   {full, layout.Options{Shards: 2}, "not empty"},
		"no wish":         {filepath.Join(t.TempDir(), "o"), layout.Options{}, "--shards"},
		"two wishes":      {filepath.Join(t.TempDir(), "o"), layout.Options{Shards: 2, MemoryMB: 128}, "exactly one"},
		"no name":         {filepath.Join(t.TempDir(), "o"), layout.Options{Shards: 2, Name: "a b"}, `"a b" is no model name`},
		"no version":      {filepath.Join(t.TempDir(), "o"), layout.Options{Shards: 2, Version: "1 ü"}, `"1 ü" is no version`},
		"negative":        {filepath.Join(t.TempDir(), "o"), layout.Options{Shards: -2}, "positive"},
		"too many shards": {filepath.Join(t.TempDir(), "o"), layout.Options{Shards: 1 << 30}, "shards"},
	} {
		_, err := splitter.Split(context.Background(), examples()[0], c.out, c.o, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
		}
	}
}

func TestTreesInAGraphAreRefusedWithWhatHelps(t *testing.T) {
	model := "onnx/testdata/skl-forest-strings.onnx"
	_, err := splitter.Split(context.Background(), model, filepath.Join(t.TempDir(), "o"), layout.Options{Shards: 2}, nil)
	for _, want := range []string{"(TreeEnsembleClassifier) stays whole on one shard", "use at most 1 shard", "--plan rows"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	if m := split(t, model, filepath.Join(t.TempDir(), "o"), layout.Options{Shards: 2, Plan: "rows"}); len(m.Shards) != 2 {
		t.Errorf("the remedy made %d shards, want 2", len(m.Shards))
	}
}

func TestSplitTellsOfTheModelBeforeTheTarget(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := splitter.Split(t.Context(), "absent.json", file, layout.Options{Shards: 2}, nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "absent.json") {
		t.Errorf("no model, and a file as target: error %v, wanted one that names the model", err)
	}
	_, err = splitter.Split(t.Context(), examples()[1], file, layout.Options{Shards: 2}, nil)
	var refusal *layout.RefusalError
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "no directory") {
		t.Errorf("a file as target: error %v, wanted a refusal", err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "precious" {
		t.Errorf("the file holds %q, error %v", data, err)
	}
}
