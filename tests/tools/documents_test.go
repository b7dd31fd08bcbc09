package tools_test

import (
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
