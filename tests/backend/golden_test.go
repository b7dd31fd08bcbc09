package backend

import (
	"bufio"
	"flag"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the lists of passed cases and docs/operators.md anew; every case must be installed")

// golden is what the repository says about an engine's cases, keyed by set/case.
type golden struct {
	passed     map[string]bool
	exceptions map[string]string // why the case may end otherwise than it should
}

// passedFile is the list of the cases that the engine passes. A case that stands in it has to pass for ever.
func passedFile(engine string) string { return filepath.Join("testdata", "passed-"+engine+".txt") }

// exceptionsFile lists the cases that need not pass: set/case or a pattern of it as path.Match takes, a colon, and the
// reason.
func exceptionsFile(engine string) string {
	return filepath.Join("testdata", "exceptions-"+engine+".txt")
}

func readGolden(t *testing.T, engine string) golden {
	t.Helper()
	g := golden{map[string]bool{}, map[string]string{}}
	for _, line := range readLines(t, passedFile(engine)) {
		g.passed[line] = true
	}
	for _, line := range readLines(t, exceptionsFile(engine)) {
		name, reason, ok := strings.Cut(line, ": ")
		if !ok || g.passed[name] {
			t.Fatalf("%s: %q has no reason, or its case passes", exceptionsFile(engine), line)
		}
		g.exceptions[name] = reason
	}
	return g
}

// exception is the reason why the case need not pass, "" when there is none.
func (g golden) exception(t *testing.T, name string) string {
	t.Helper()
	for pattern, reason := range g.exceptions {
		ok, err := path.Match(pattern, name)
		if err != nil {
			t.Fatalf("pattern %q of an exception: %v", pattern, err)
		}
		if ok {
			return reason
		}
	}
	return ""
}

// readLines reads a text file without its empty lines and comments. A file that is not there has no lines.
func readLines(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if text := strings.TrimSpace(s.Text()); text != "" && !strings.HasPrefix(text, "#") {
			lines = append(lines, text)
		}
	}
	return lines
}

func writePassed(t *testing.T, engine string, list []outcome) {
	t.Helper()
	var names []string
	for _, o := range list {
		if o.state == passed {
			names = append(names, o.name)
		}
	}
	slices.Sort(names)
	if err := os.WriteFile(passedFile(engine), []byte(strings.Join(names, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
