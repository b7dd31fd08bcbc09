package browser_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/cli"
)

func TestATraceIsAPageOfItsOwn(t *testing.T) {
	b := open(t, 1280, 900)
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace.html")
	args := []string{"predict", split(t, "digits-xgboost/model.json", "digits", 4), "--input", "../../examples/digits-xgboost/input.csv",
		"--output", filepath.Join(dir, "answers.csv"), "--trace", trace}
	if status := app(t, io.Discard).Run(t.Context(), args); status != cli.StatusOK {
		t.Fatalf("predict ended with status %d", status)
	}
	b.visit("file://" + trace)
	b.until("document.querySelectorAll('.wf-lane').length === 6")
	if text := b.text("#chart .wf-label"); !strings.Contains(text, "shard 3/4") || !strings.Contains(text, "objective") {
		t.Errorf("the lanes are\n%s", text)
	}
	if legend := b.text(".wf-legend"); !strings.Contains(legend, "computing") || !strings.Contains(legend, "merging") || !strings.Contains(legend, "starting its process") {
		t.Errorf("the legend is %q", legend)
	}
	var rows int
	if b.value("document.querySelectorAll('#table tbody tr').length", &rows); rows != 6 {
		t.Errorf("the table has %d rows, wanted one for each of 6 calls", rows)
	}
	if facts := b.text("#facts"); !strings.Contains(facts, "450") {
		t.Errorf("the facts are\n%s", facts)
	}
	var focused string
	b.value("document.querySelectorAll('.wf-span')[1].click(), ''", &focused)
	b.looks("trace")
	b.clean()
}
