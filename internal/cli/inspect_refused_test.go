package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/splitter/layout"
)

func TestInspectOfAModelThatCannotBeSplitSaysWhy(t *testing.T) {
	remedy := strings.Repeat("a long remedy ", 10) + "end"
	reason := "TreeEnsembleClassifier, 3 nodes, the first forest: no such operator; " + remedy
	f := modelFactsOf(layout.Info{Format: "onnx", Opaque: []layout.Uncovered{{Operator: "TreeEnsembleClassifier", Nodes: 3, First: "forest",
		Reason: "no such operator", Remedy: remedy}}})
	text := strings.Join(f.lines(), "\n")
	if strings.Count(text, "\nnot covered ") != 1 || !strings.Contains(text, reason) {
		t.Errorf("the reason does not stand there once:\n%s", text)
	}
	if !strings.Contains(text, "no shards by the native engine") || strings.Contains(text, "inputs") || strings.Contains(text, "outputs") {
		t.Errorf("the facts are not those of a model that cannot be split:\n%s", text)
	}
	doc, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(doc), "null") {
		t.Errorf("null in %s", doc)
	}
}

// A description has no operators that another engine could run: it has no weights, and says what works on it.
func TestInspectOfADescriptionSaysWhatWorksOnIt(t *testing.T) {
	path := examplePath("", "dlrm-dcnv2.json")
	r := runCommand(t, "inspect", path).want(t, StatusOK)
	if !strings.Contains(r.stdout, "can be cut into  nothing, it is a description without weights: plan explores it") || strings.Contains(r.stdout, "engine") || strings.Contains(r.stdout, "ONNX Runtime") {
		t.Errorf("found\n%s", r.stdout)
	}
	r = runCommand(t, "inspect", path, "--json").want(t, StatusOK)
	if !strings.Contains(r.stdout, `"weightless": "a description without weights"`) {
		t.Errorf("found\n%s", r.stdout)
	}
}

func TestModelErrorsNameTheFileOnce(t *testing.T) {
	path := writeFile(t, "wine.pkl", "\x80\x04\x95abc")
	for _, args := range [][]string{{"inspect", path}, {"split", path, "-o", t.TempDir() + "/parts", "--shards", "2"}} {
		r := runCommand(t, args...).want(t, StatusInput)
		if strings.Count(r.stderr, "wine.pkl:")+strings.Count(r.stderr, "wine.pkl is") != 1 {
			t.Errorf("the file's name does not stand there once:\n%s", r.stderr)
		}
	}
}
