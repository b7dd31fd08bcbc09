package tools_test

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheCurlExamplesPrintWhatTheyShow(t *testing.T) {
	tool(t, "curl", "--version")
	address, dir := diabetes(t), t.TempDir()
	for _, e := range examples(t, "../../docs/http.md", "sh", address) {
		if got := strings.TrimSpace(run(t, dir, address, "sh", "-euc", e.code)); got != strings.TrimSpace(e.prints) {
			t.Errorf("%s\nwanted\n%s\nfound\n%s", e.code, e.prints, got)
		}
	}
}

func TestTheGoProgramPrintsWhatItShows(t *testing.T) {
	address := diabetes(t)
	for _, e := range examples(t, "../../docs/http.md", "go", address) {
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(e.code), 0o600); err != nil {
			t.Fatal(err)
		}
		// Run from this module, whose packages it imports.
		if got := run(t, "../..", address, "go", "run", file); strings.TrimSpace(got) != strings.TrimSpace(e.prints) {
			t.Errorf("%s\nwanted\n%s\nfound\n%s", e.code, e.prints, got)
		}
		formatted, err := format.Source([]byte(e.code))
		if err != nil || string(formatted) != e.code {
			t.Errorf("the program is not formatted: %v", err)
		}
	}
}

func TestThePythonSnippetsPrintWhatTheyShow(t *testing.T) {
	address := diabetes(t)
	for _, e := range examples(t, "../../docs/python.md", "python", address) {
		_, module, _ := strings.Cut(e.code, "import ")
		module = strings.FieldsFunc(module, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })[0]
		if strings.Contains(e.code, "tritonclient") {
			module = "tritonclient.http"
		}
		t.Run(module, func(t *testing.T) {
			tool(t, "python3", "-c", "import "+module)
			if got := run(t, t.TempDir(), address, "python3", "-c", e.code); strings.TrimSpace(got) != strings.TrimSpace(e.prints) {
				t.Errorf("%s\nwanted\n%s\nfound\n%s", e.code, e.prints, got)
			}
		})
	}
}
