package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadDataIsRefusedClearly(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	lines := readLines(t, examplePath("diabetes-xgboost", "input.csv"))
	header, first := lines[0], lines[1]
	swap := func(old, new string) string { return strings.Replace(header, old, new, 1) + "\n" + first + "\n" }
	for _, c := range []struct {
		name, file, text string
		want             []string
	}{
		{"misnamed feature", "x.csv", swap("bmi", "bmj"), []string{"bmj", "bmi"}},
		{"missing column", "x.csv", "age,sex\n1,2\n", []string{"bmi"}},
		{"duplicate column", "x.csv", swap("sex", "age"), []string{"age"}},
		{"ragged row", "x.csv", header + "\n" + first + "\n1,2,3\n", []string{"3"}},
		{"text for a number", "x.csv", header + "\n" + strings.Replace(first, "59.0", "fifty", 1) + "\n", []string{"fifty", "age"}},
		{"no rows", "x.csv", header + "\n", []string{"no rows", "give a file with at least one row"}},
		{"empty file", "x.csv", "", []string{"empty"}},
		{"unknown extension", "x.dat", "", []string{"csv", "npz"}},
		{"broken json", "x.json", `{"features": [[1, 2`, []string{"x.json"}},
		{"wrong shape", "x.json", `{"features": [[1, 2]]}`, []string{"features"}},
		{"truncated npy", "x.npy", "\x93NUMPY\x01\x00", []string{"x.npy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runCommand(t, "predict", dir, "--input", writeFile(t, c.file, c.text)).want(t, StatusInput)
			refused(t, r, c.want)
		})
	}
}

// refused checks that an error names what it should, that nothing was printed, and that no trace of a crash shows.
func refused(t *testing.T, r result, want []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("standard error lacks %q:\n%s", w, r.stderr)
		}
	}
	if strings.Contains(r.stderr, "goroutine ") || strings.Contains(r.stderr, "panic") {
		t.Errorf("a crash shows:\n%s", r.stderr)
	}
	if r.stdout != "" {
		t.Errorf("standard output is not empty: %q", r.stdout)
	}
}

func TestBrokenDirectoriesAreRefusedClearly(t *testing.T) {
	for _, c := range []struct {
		name   string
		break_ func(t *testing.T, dir string)
		want   []string
	}{
		{"flipped bit in a shard file", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "shard-001.safetensors"), -100) }, []string{"shard 1/2"}},
		{"flipped bit in a program", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "shard-000.onnx"), 20) }, []string{"shard-000.onnx"}},
		{"truncated shard file", func(t *testing.T, dir string) {
			cutFile(t, filepath.Join(dir, "shard-001.safetensors"), 100)
		}, []string{"shard 1/2", "shard-001.safetensors"}},
		{"missing shard file", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "shard-000.safetensors")) }, []string{"shard 0/2", "missing"}},
		{"swapped shard files", func(t *testing.T, dir string) {
			exchange(t, filepath.Join(dir, "shard-000.safetensors"), filepath.Join(dir, "shard-001.safetensors"))
		}, []string{"shard-00"}},
		{"another model's shard", func(t *testing.T, dir string) {
			other := splitExample(t, "breast-cancer-xgboost", "model.json", 2)
			copyFile(t, filepath.Join(other, "shard-001.safetensors"), filepath.Join(dir, "shard-001.safetensors"))
			copyFile(t, filepath.Join(other, "shard-001.onnx"), filepath.Join(dir, "shard-001.onnx"))
		}, []string{"shard 1/2"}},
		{"edited manifest", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "manifest.json"), 2) }, []string{"manifest.json"}},
		{"empty manifest", func(t *testing.T, dir string) { cutFile(t, filepath.Join(dir, "manifest.json"), 0) }, []string{"manifest.json"}},
		{"no manifest", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "manifest.json")) }, []string{"holds no manifest.json"}},
		{"broken deployment", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "deployment.json"), 1) }, []string{"deployment.json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
			c.break_(t, dir)
			input := examplePath("diabetes-xgboost", "input.csv")
			for _, command := range []string{"predict", "verify"} {
				r := runCommand(t, command, dir, "--input", input).want(t, StatusInput)
				refused(t, r, c.want)
			}
		})
	}
}

func TestBrokenModelsAreRefusedClearly(t *testing.T) {
	model := readFile(t, examplePath("diabetes-xgboost", "model.ubj"))
	for _, c := range []struct {
		name, file string
		data       string
		want       []string
	}{
		{"truncated", "model.ubj", model[:len(model)/2], []string{"model.ubj"}},
		{"empty", "model.json", "", []string{"is empty"}},
		{"text", "model.json", "hello", []string{"no known format"}},
		{"json of something else", "model.json", `{"a": 1}`, []string{"model.json"}},
		{"pickle", "model.pkl", "\x80\x04\x95abc", []string{"pickle", "save_model"}},
		{"torch checkpoint", "model.pt", "PK\x03\x04....", []string{"PyTorch", "Office file", "torch.onnx.export"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := writeFile(t, c.file, c.data)
			out := filepath.Join(t.TempDir(), "parts")
			for _, args := range [][]string{
				{"split", path, "-o", out, "--shards", "2"},
				{"inspect", path},
				{"predict", path, "--shards", "2", "--input", examplePath("diabetes-xgboost", "input.csv")},
			} {
				refused(t, runCommand(t, args...).want(t, StatusInput), c.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a failed split left its directory")
			}
		})
	}
}

func TestTooManyShardsNamesTheMost(t *testing.T) {
	r := runCommand(t, "split", examplePath("vote-xgboost", "model.json"), "-o", filepath.Join(t.TempDir(), "parts"), "--shards", "97").want(t, StatusInput)
	refused(t, r, []string{"96"})
}
