package backend

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
)

// leastShare is the share of the inference cases on float, integer and boolean tensors that the native engine passes at
// least.
const leastShare = 0.90

// TestOperatorsPage runs every case on the native engine and compares what passes with the list and the page that the
// repository has. With -update it writes them.
func TestOperatorsPage(t *testing.T) {
	list := runAll(t, native.New())
	others := optional(t)
	if *update {
		writePassed(t, native.Name, list)
		for _, e := range others {
			writePassed(t, e.Name(), runAll(t, e))
		}
	}
	p := newPage(list, readGolden(t, native.Name), readGolden(t, "onnxruntime"))
	if share := p.share(); share < leastShare {
		t.Errorf("%.1f %% of the inference cases pass, at least %.0f %% are wanted", 100*share, 100*leastShare)
	}
	for _, set := range []string{"pytorch-converted", "pytorch-operator"} {
		if c := p.sets[set]; c == nil || c.native != c.cases {
			t.Errorf("not all cases of %s pass: %+v", set, c)
		}
	}
	path := filepath.Join("..", "..", "docs", "operators.md")
	text := p.text()
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, text) {
		t.Errorf("docs/operators.md is not what the cases say now; look at what changed, and write it anew with: go test ./tests/backend -update")
	}
}

// runAll runs the cases of all sets.
func runAll(t *testing.T, e engine.Engine) []outcome {
	t.Helper()
	var list []outcome
	for _, s := range sets() {
		for _, c := range s.cases(t) {
			list = append(list, s.run(t, e, c))
		}
	}
	return list
}

// TestListsNameCases finds lines of the lists whose case is not in any set: a case that was renamed would pass for ever.
func TestListsNameCases(t *testing.T) {
	known := map[string]bool{}
	for _, s := range sets() {
		for _, c := range s.cases(t) {
			known[s.name+"/"+c] = true
		}
	}
	for _, engine := range []string{native.Name, "onnxruntime"} {
		g := readGolden(t, engine)
		for name := range g.passed {
			if !known[name] {
				t.Errorf("%s: there is no case %s", passedFile(engine), name)
			}
		}
		for pattern := range g.exceptions {
			failing := golden{exceptions: map[string]string{pattern: "it is looked for"}}
			if !slices.ContainsFunc(slices.Collect(maps.Keys(known)), func(name string) bool { return !g.passed[name] && failing.exception(t, name) != "" }) {
				t.Errorf("%s: no case that does not pass is called %s; take the line out", exceptionsFile(engine), pattern)
			}
		}
	}
}
