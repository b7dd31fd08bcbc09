//go:build unix

package simulator_test

import (
	"os"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/faults"
	"github.com/shardwise/shardwise/simulator/network"
)

// TestTheDocumentsJSONIsRead reads the page's example of a network model and of a plan of faults.
func TestTheDocumentsJSONIsRead(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```json\n")
	if len(blocks) != 3 {
		t.Fatalf("docs/simulator.md holds %d JSON blocks, want 2", len(blocks)-1)
	}
	text := func(i int) *strings.Reader { s, _, _ := strings.Cut(blocks[i], "```"); return strings.NewReader(s) }
	if m, err := network.Read(text(1)); err != nil || m.Name != "near" || m.RequestRate != 50e6 {
		t.Errorf("the model: %+v, %v", m, err)
	}
	if p, err := faults.Read(text(2)); err != nil || len(p.Rules) != 3 {
		t.Errorf("the plan: %+v, %v", p, err)
	}
}
