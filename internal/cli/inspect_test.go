package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestInspectOfEveryExampleIsGolden(t *testing.T) {
	for _, e := range exampleModels() {
		t.Run(e.name, func(t *testing.T) {
			r := runCommand(t, "inspect", examplePath(e.name, e.model)).want(t, StatusOK)
			golden(t, "inspect-"+e.name+".txt", r.stdout)
			doc := runCommand(t, "inspect", examplePath(e.name, e.model), "--json").want(t, StatusOK)
			var f modelFacts
			if err := json.Unmarshal([]byte(doc.stdout), &f); err != nil {
				t.Fatalf("not one JSON document: %v", err)
			}
			if f.Format == "" || f.MaxShards == nil || *f.MaxShards < 1 || f.Bytes <= 0 || len(f.Signature.Inputs) != 1 || len(f.Signature.Outputs) == 0 {
				t.Errorf("facts are missing: %+v", f)
			}
		})
	}
}

func TestInspectOfADirectoryIsGolden(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 3)
	r := runCommand(t, "inspect", dir).want(t, StatusOK)
	golden(t, "inspect-directory.txt", r.stdout)
	doc := runCommand(t, "inspect", dir, "--json").want(t, StatusOK)
	var f directoryFacts
	if err := json.Unmarshal([]byte(doc.stdout), &f); err != nil {
		t.Fatalf("not one JSON document: %v", err)
	}
	if len(f.Shards) != 3 || len(f.Manifest.Shards) != 3 || len(f.Deployment.Shards) != 3 || len(f.Fingerprint) != 64 {
		t.Errorf("facts are missing: %+v", f)
	}
	trees := 0
	for _, s := range f.Shards {
		trees += *s.Trees
	}
	if trees != 150 {
		t.Errorf("the shards have %d trees, the model 150", trees)
	}
}

func TestSplitTellsItsFacts(t *testing.T) {
	out := t.TempDir() + "/parts"
	r := runCommand(t, "split", examplePath("vote-xgboost", "model.json"), "-o", out, "--memory", "128", "--name", "vote", "--model-version", "7", "--json").want(t, StatusOK)
	var f splitFacts
	if err := json.Unmarshal([]byte(r.stdout), &f); err != nil {
		t.Fatalf("not one JSON document: %v", err)
	}
	if f.Model != "vote" || f.Version != "7" || f.Directory != out || len(f.Shards) == 0 || f.Stages != 1 {
		t.Errorf("facts are missing: %+v", f)
	}
	again := runCommand(t, "split", examplePath("vote-xgboost", "model.json"), "-o", out, "--shards", "2").want(t, StatusInput)
	if !strings.Contains(again.stderr, "not empty") {
		t.Errorf("a second split into the same directory: %s", again.stderr)
	}
}
