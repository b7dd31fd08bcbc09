package manifest

import (
	"os"
	"strings"
	"testing"
)

// TestPageShowsValidDocuments reads the JSON blocks of docs/manifest.md: two manifests and the second one's deployment.
func TestPageShowsValidDocuments(t *testing.T) {
	page, err := os.ReadFile("../../docs/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```json\n")[1:]
	if len(blocks) != 3 {
		t.Fatalf("%d blocks, want 3", len(blocks))
	}
	schema := compile(t, manifestSchema)
	var m *Manifest
	for i, b := range blocks[:2] {
		text, _, _ := strings.Cut(b, "```")
		canonical, err := canonicalise([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if m, err = Decode(canonical); err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		if err := conforms(t, schema, canonical); err != nil {
			t.Errorf("block %d: %v", i, err)
		}
	}
	text, _, _ := strings.Cut(blocks[2], "```")
	d, err := DecodeDeployment([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(m); err != nil {
		t.Error(err)
	}
	if err := conforms(t, compile(t, deploymentSchema), []byte(text)); err != nil {
		t.Error(err)
	}
	if want := DefaultDeployment(m); d.Coordinator != want.Coordinator || d.Shards[0] != want.Shards[0] {
		t.Errorf("the page shows %+v, the defaults are %+v", d.Shards[0], want.Shards[0])
	}
}
