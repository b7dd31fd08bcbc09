package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/cli/compare"
)

// widths are those of usual terminals.
var widths = []int{80, 100, 120}

func narrow(t *testing.T, width int, text string) {
	t.Helper()
	for _, l := range strings.Split(text, "\n") {
		if n := len([]rune(l)); n > width {
			t.Errorf("width %d: a line of %d columns: %q", width, n, l)
		}
	}
}

func TestTheSummaryKeepsToTheWidth(t *testing.T) {
	for _, width := range widths {
		text := told(t, story(), width, 2)
		narrow(t, width, text)
		for _, want := range []string{"123,456 ULP", "within 1e-06 relative", "BEYOND THE RULE", "1 failed", "row 1,234, column 2 (from 1)", "× failed attempt"} {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
				t.Errorf("width %d: the summary lacks %q:\n%s", width, want, text)
			}
		}
	}
}

func TestComparisonsKeepToTheWidth(t *testing.T) {
	c := comparison{With: "the unsharded model: " + strings.Repeat("a long description of how ", 5), Mode: "exact", Results: []compare.Result{
		{Output: "prediction_of_everything", Rows: 1234567, Columns: 1000, Values: 1234567000, BitEqual: 1000000000, MaxULP: 123456789, MaxAbs: 1e-9, MaxRel: 1e-12,
			Rule: "within 1e-06 relative + 1.23e-05 absolute + 1.23e-05 of the largest value", Worst: &compare.Worst{Got: "1.2345678901234567e-30", Want: "1.2345678901234567e-31"}},
		{Output: "leaf", Rows: 1, Columns: 1, Values: 1, BitEqual: 1, Rule: "bit for bit", Within: true},
	}}
	for _, width := range widths {
		var errs buffer
		a := &App{Stderr: &errs, Width: width}
		a.verdict(&c)
		narrow(t, width, errs.String())
		text := strings.Join(strings.Fields(errs.String()), " ")
		for _, r := range c.Results {
			if !strings.Contains(text, r.Rule) || !strings.Contains(text, difference(r)) {
				t.Errorf("width %d: rule or difference of %s is missing:\n%s", width, r.Output, errs.String())
			}
		}
	}
}

func TestInspectKeepsToTheWidthOfTerminals(t *testing.T) {
	dir := splitExample(t, "digits-xgboost", "model.json", 3)
	for _, width := range widths {
		for _, path := range []string{examplePath("digits-xgboost", "model.json"), examplePath("digits-mlp", "model.onnx"), dir} {
			var out, errs buffer
			a := testApp(t, &out, &errs)
			a.Width, a.StdoutTerminal = width, true
			if status := a.Run(t.Context(), []string{"inspect", path}); status != StatusOK {
				t.Fatalf("exit status %d:\n%s", status, errs.String())
			}
			narrow(t, width, out.String())
			whole := runCommand(t, "inspect", path).want(t, StatusOK).stdout
			if strings.Join(strings.Fields(whole), "") != strings.Join(strings.Fields(out.String()), "") {
				t.Errorf("width %d: folding %s changed more than spaces:\n%s", width, path, out.String())
			}
		}
	}
}

func TestFoldingKeepsColumns(t *testing.T) {
	got := fold("  name  type  one, two, three, four", 24)
	want := []string{"  name  type  one, two,", "              three,", "              four"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, wanted %q", got, want)
	}
	if got := wrap(strings.Repeat("x", 50), 20, 2); len(got) != 3 || got[1] != "  "+strings.Repeat("x", 18) {
		t.Errorf("a word without room: %q", got)
	}
}

func TestFailedComparisonsOfTreesMentionEarlyStopping(t *testing.T) {
	zero := 0
	forest, dense := &splitFacts{Shards: []shardFacts{{Trees: &zero}}}, &splitFacts{Shards: []shardFacts{{}}}
	bad, good := compare.Result{Output: "p"}, compare.Result{Output: "p", Within: true}
	for name, c := range map[string]struct {
		model *splitFacts
		file  bool
		r     compare.Result
		want  bool
	}{
		"trees":           {forest, true, bad, true},
		"trees within":    {forest, true, good, false},
		"trees unsharded": {forest, false, bad, false},
		"dense":           {dense, true, bad, false},
	} {
		f := runFacts{Model: c.model, Comparisons: []comparison{{File: c.file, Results: []compare.Result{c.r}}}}
		if got := strings.Contains(f.advice(), "best_iteration"); got != c.want {
			t.Errorf("%s: advice %q", name, f.advice())
		}
	}
}
