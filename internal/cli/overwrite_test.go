package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// tree reads every file below dir.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files[path] = readFile(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func link(t *testing.T, target, name string, make func(string, string) error) {
	t.Helper()
	if err := make(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestOutputNeverReplacesWhatIsRead(t *testing.T) {
	home := t.TempDir()
	in := func(name string) string { return filepath.Join(home, name) }
	parts := in("parts")
	runCommand(t, "split", examplePath("diabetes-xgboost", "model.ubj"), "-o", parts, "--shards", "2").want(t, StatusOK)
	copyFile(t, examplePath("diabetes-xgboost", "model.ubj"), in("model.ubj"))
	// The model file must be refused although its extension would do for answers.
	copyFile(t, examplePath("breast-cancer-xgboost", "model.json"), in("model.json"))
	copyFile(t, examplePath("diabetes-xgboost", "input.csv"), in("input.csv"))
	copyFile(t, examplePath("diabetes-xgboost", "expected.csv"), in("expected.csv"))
	link(t, in("input.csv"), in("soft.csv"), os.Symlink)
	link(t, in("input.csv"), in("hard.csv"), os.Link)
	link(t, parts, in("alias"), os.Symlink)
	link(t, filepath.Join(parts, "manifest.json"), in("inner.json"), os.Symlink)
	link(t, filepath.Join(parts, "shard-000.safetensors"), in("inner.safetensors"), os.Link)
	before := tree(t, home)
	for _, c := range []struct {
		name, model, output string
		want                []string
	}{
		{"the input", parts, in("input.csv"), []string{"overwrite the input", "name another file"}},
		{"the input, spelt otherwise", parts, filepath.Join(home, "parts") + "/../input.csv", []string{"overwrite the input"}},
		{"a symbolic link to the input", parts, in("soft.csv"), []string{"overwrite the input"}},
		{"a hard link to the input", parts, in("hard.csv"), []string{"overwrite the input"}},
		{"the expected values", parts, in("expected.csv"), []string{"overwrite the file of expected values"}},
		{"the model file", in("model.json"), in("model.json"), []string{"overwrite the model"}},
		{"the manifest", parts, filepath.Join(parts, "manifest.json"), []string{"lies in the model directory"}},
		{"a shard's file", parts, filepath.Join(parts, "shard-000.safetensors"), []string{"lies in the model directory"}},
		{"a new file in the model directory", parts, filepath.Join(parts, "answers.csv"), []string{"lies in the model directory"}},
		{"the same through a link", parts, filepath.Join(in("alias"), "answers.csv"), []string{"lies in the model directory"}},
		{"a link as the model directory", in("alias"), filepath.Join(parts, "answers.csv"), []string{"lies in the model directory"}},
		{"a symbolic link into it", parts, in("inner.json"), []string{"lies in the model directory"}},
		{"a hard link into it", parts, in("inner.safetensors"), []string{"overwrite a file of the model directory"}},
		{"a directory", parts, home, []string{"is a directory"}},
		{"a device", parts, os.DevNull, []string{"no regular file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runCommand(t, "predict", c.model, "--input", in("input.csv"), "--expect", in("expected.csv"), "--output", c.output).want(t, StatusInput)
			refused(t, r, c.want)
			after := tree(t, home)
			for path, data := range before {
				if after[path] != data {
					t.Errorf("%s was changed", path)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d files, before there were %d", len(after), len(before))
			}
		})
	}
	runCommand(t, "predict", parts, "--input", in("input.csv"), "--output", in("answers.csv")).want(t, StatusOK)
	runCommand(t, "predict", parts, "--input", in("input.csv"), "--output", in("answers.csv")).want(t, StatusOK) // of an earlier run
}
