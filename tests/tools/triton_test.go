package tools_test

import (
	"path/filepath"
	"testing"
)

func TestTritonsClientListsMetadataAndInfers(t *testing.T) {
	tool(t, "python3", "-c", "import tritonclient.http")
	address := diabetes(t)
	script, err := filepath.Abs("testdata/triton.py")
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, t.TempDir(), address, "python3", script, address); got != "fine\n" {
		t.Errorf("found %s", got)
	}
}
