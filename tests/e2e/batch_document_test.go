package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// section are the fenced blocks of a document's section in a language, in their order.
func section(t *testing.T, path, title, language string) []string {
	t.Helper()
	_, text, ok := strings.Cut(string(load(t, path)), "\n## "+title+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", path, title)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var list []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// The example of docs/batch.md runs as it stands there, prints what it says, and its outputs are predict's.
func TestTheBatchDocumentsExampleRuns(t *testing.T) {
	tool(t, "aws", "--version")
	const document, title = "../../docs/batch.md", "On this computer, by AWS's protocols"
	code, prints := section(t, document, title, "sh"), section(t, document, title, "text")
	if len(code) != 2 || len(prints) != 1 {
		t.Fatalf("found %d and %d blocks", len(code), len(prints))
	}
	r := newTour(t)
	before, simulation, ok := strings.Cut(regexp.MustCompile(`(?m)^go build .*\n`).ReplaceAllString(code[0], ""), "./shardwise simulate")
	if !ok {
		t.Fatalf("found no simulation in %s", code[0])
	}
	r.run("sh", "-c", "set -e\n"+before)
	endpoint, stop := r.simulate("./shardwise simulate" + simulation)
	defer stop()
	printed := r.run("sh", "-c", "set -e\n"+strings.ReplaceAll(code[1], "http://127.0.0.1:9001", endpoint))
	if !strings.HasSuffix(printed, "\n"+prints[0]) || !strings.Contains(printed, "442 of 442 rows") || !strings.Contains(printed, "nothing to redrive") {
		t.Errorf("wanted at the end\n%s\nfound\n%s", prints[0], printed)
	}
	r.run("./shardwise", "predict", "parts", "--input", "examples/diabetes-xgboost/input.csv", "--output", "predicted.csv")
	read := func(name string) []byte { return load(t, filepath.Join(r.dir, name)) }
	if !bytes.Equal(read("answers.csv"), read("predicted.csv")) {
		t.Error("the batch's file is not predict's")
	}
	if list, err := os.ReadDir(filepath.Join(r.dir, "state")); err != nil || len(list) == 0 {
		t.Errorf("the simulation has kept nothing: %v, %v", list, err)
	}
}
