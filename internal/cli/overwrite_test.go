package cli

import (
	"maps"
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
	put(t, in("faults.json"), []byte(`{"rules": []}`))
	put(t, in("both.json"), []byte(`{"format": "shardwise-ensemble/1", "combine": "mean", "members": [{"model": "model.json"}, {"model": "model.ubj"}]}`))
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
		{"the file of faults", parts, in("faults.json"), []string{"overwrite the file of faults"}},
		{"a member of the model", in("both.json"), in("model.json"), []string{"overwrite a member of the model"}},
		{"a file of another model directory", in("model.json"), filepath.Join(parts, "deployment.json"), []string{"lies in the model directory"}},
		{"a directory", parts, home, []string{"is a directory"}},
		{"a device", parts, os.DevNull, []string{"no regular file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runCommand(t, "predict", c.model, "--input", in("input.csv"), "--expect", in("expected.csv"), "--faults", in("faults.json"), "--output", c.output).want(t, StatusInput)
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

func TestDrawingsOfPlanNeverReplaceWhatIsRead(t *testing.T) {
	home := t.TempDir()
	in := func(name string) string { return filepath.Join(home, name) }
	parts, model := in("parts"), in("model.svg") // a name that the extension would let pass
	copyFile(t, examplePath("digits-mlp", "model.onnx"), model)
	runCommand(t, "split", model, "-o", parts, "--shards", "2").want(t, StatusOK)
	copyFile(t, examplePath("digits-mlp", "model.onnx"), in("model.onnx"))
	put(t, in("costs.svg"), []byte(`{}`))
	put(t, in("ensemble.json"), []byte(`{"format": "shardwise-ensemble/1", "combine": "mean", "members": [{"model": "model.svg"}]}`))
	link(t, model, in("soft.svg"), os.Symlink)
	link(t, filepath.Join(parts, "manifest.json"), in("inner.svg"), os.Symlink)
	before := tree(t, home)
	for _, c := range []struct{ name, model, target, want string }{
		{"the model", model, model, "overwrite the model"},
		{"a link to the model", model, in("soft.svg"), "overwrite the model"},
		{"another kind of file", in("model.onnx"), in("model.onnx"), "ends with .svg"},
		{"a description", in("ensemble.json"), in("ensemble.json"), "ends with .svg"},
		{"a member", in("ensemble.json"), model, "overwrite a member"},
		{"the cost model", in("model.onnx"), in("costs.svg"), "overwrite the cost model"},
		{"a file of a split", in("model.onnx"), filepath.Join(parts, "manifest.json"), "ends with .svg"},
		{"a new file in a split", in("model.onnx"), filepath.Join(parts, "plan.svg"), "lies in the model directory"},
		{"a link into a split", in("model.onnx"), in("inner.svg"), "lies in the model directory"},
	} {
		for _, flag := range []string{"--svg", "--frontier"} {
			t.Run(c.name+flag, func(t *testing.T) {
				r := runCommand(t, "plan", c.model, "--cost-model", in("costs.svg"), flag, c.target).want(t, StatusInput)
				refused(t, r, []string{flag, c.want})
			})
		}
	}
	r := runCommand(t, "plan", in("model.onnx"), "--svg", in("a.svg"), "--frontier", home+"/./a.svg").want(t, StatusInput)
	refused(t, r, []string{"--frontier and --svg both name"})
	if after := tree(t, home); !maps.Equal(after, before) {
		t.Error("files were changed or added")
	}
	runCommand(t, "plan", in("model.onnx"), "--svg", in("a.svg"), "--frontier", in("b.svg")).want(t, StatusOK)
	runCommand(t, "plan", in("model.onnx"), "--svg", in("a.svg"), "--frontier", in("b.svg")).want(t, StatusOK) // of an earlier run
}

func TestABatchPutsNoPartsIntoAModelDirectory(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	before := tree(t, dir)
	r := runCommand(t, "batch", dir, "--local", "--input", examplePath("diabetes-xgboost", "input.csv"), "--output", dir+"/").want(t, StatusInput)
	refused(t, r, []string{"--output", "lies in the model directory"})
	if !maps.Equal(tree(t, dir), before) {
		t.Error("the model directory was changed")
	}
}
