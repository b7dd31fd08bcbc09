package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exampleModels are the examples in the repository, with the outputs that their expected files hold.
func exampleModels() []struct {
	name, model string
	rows        int64
	exact       []string // outputs that equal the library's bit for bit
} {
	return []struct {
		name, model string
		rows        int64
		exact       []string
	}{
		{"digits-xgboost", "model.json", 450, []string{"margin"}},
		{"diabetes-xgboost", "model.ubj", 442, []string{"margin", "prediction"}},
		{"breast-cancer-xgboost", "model.json", 143, []string{"margin"}},
		{"vote-xgboost", "model.json", 944, []string{"margin"}},
		{"digits-mlp", "model.onnx", 450, nil},
	}
}

func TestPredictEqualsTheLibraryOnEveryExample(t *testing.T) {
	for _, e := range exampleModels() {
		counts := []int{3}
		if e.name == "digits-mlp" || e.name == "vote-xgboost" {
			counts = append(counts, 1)
		}
		for _, shards := range counts {
			t.Run(fmt.Sprintf("%s/shards=%d", e.name, shards), func(t *testing.T) {
				f := runCommand(t, "predict", examplePath(e.name, e.model), "--shards", fmt.Sprint(shards), "--json",
					"--input", examplePath(e.name, "input.csv"), "--expect", examplePath(e.name, "expected.csv")).want(t, StatusOK).facts(t)
				if f.Rows != e.rows || len(f.Model.Shards) != shards || f.Processes < shards+1 {
					t.Errorf("%d rows by %d shards in %d processes; wanted %d by %d", f.Rows, len(f.Model.Shards), f.Processes, e.rows, shards)
				}
				if f.Within == nil || !*f.Within || len(f.Comparisons) != 1 {
					t.Fatalf("verdict %v of %d comparisons", f.Within, len(f.Comparisons))
				}
				exact := map[string]bool{}
				for _, r := range f.Comparisons[0].Results {
					exact[r.Output] = r.BitEqual == r.Values
					if r.Rows != e.rows || r.Values == 0 {
						t.Errorf("%s: compared %d rows, %d values", r.Output, r.Rows, r.Values)
					}
				}
				for _, name := range e.exact {
					if !exact[name] {
						t.Errorf("%s does not equal the library's bit for bit: %+v", name, f.Comparisons[0].Results)
					}
				}
			})
		}
	}
}

func TestPredictFailsWhenAValueIsBeyondTheRule(t *testing.T) {
	lines := readLines(t, examplePath("breast-cancer-xgboost", "expected.csv"))
	cells := strings.Split(lines[7], ",")
	cells[1] = "0.5" // the margin of row 7
	lines[7] = strings.Join(cells, ",")
	expect := writeFile(t, "expected.csv", strings.Join(lines, "\n")+"\n")
	r := runCommand(t, "predict", examplePath("breast-cancer-xgboost", "model.json"), "--shards", "2",
		"--input", examplePath("breast-cancer-xgboost", "input.csv"), "--expect", expect).want(t, StatusVerdict)
	for _, want := range []string{"BEYOND THE RULE", "margin: farthest off in row 7, column 1 (from 1)", "the reference has 0.5"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("standard error lacks %q:\n%s", want, r.stderr)
		}
	}
}

func TestPredictReadsBackWhatItWrote(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	input := examplePath("diabetes-xgboost", "input.csv")
	for _, ext := range []string{"csv", "jsonl", "npz", "npy"} {
		t.Run(ext, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "answers."+ext)
			args := []string{"predict", dir, "--input", input, "--output", out}
			if ext != "npy" { // npy holds one array
				args = append(args, "--outputs", "prediction,margin,leaf")
			}
			r := runCommand(t, args...).want(t, StatusOK)
			if r.stdout != "" {
				t.Errorf("answers went to a file, standard output holds %q", r.stdout)
			}
			f := runCommand(t, "predict", dir, "--input", input, "--expect", out, "--json").want(t, StatusOK).facts(t)
			for _, c := range f.Comparisons[0].Results {
				if c.BitEqual != c.Values || c.Rows != 442 {
					t.Errorf("%s read back from %s: %d of %d values equal", c.Output, ext, c.BitEqual, c.Values)
				}
			}
		})
	}
}

func TestPredictPrintsAllRowsUnlessATerminalReads(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	args := []string{"predict", dir, "--input", examplePath("diabetes-xgboost", "input.csv"), "--outputs", "margin"}
	all := runCommand(t, args...).want(t, StatusOK)
	if n := strings.Count(all.stdout, "\n"); n != 443 {
		t.Errorf("a pipe got %d lines, wanted a header and 442 rows", n)
	}
	var out, errs buffer
	a := testApp(t, &out, &errs)
	a.StdoutTerminal = true
	if status := a.Run(t.Context(), args); status != StatusOK {
		t.Fatalf("status %d:\n%s", status, errs.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 1+previewRows {
		t.Errorf("a terminal got %d lines, wanted a header and %d rows", n, previewRows)
	}
	if !strings.Contains(errs.String(), "the first 5 of 442 rows") || !strings.HasPrefix(all.stdout, out.String()) {
		t.Errorf("the preview is not announced, or not the beginning:\n%s\n%s", errs.String(), out.String())
	}
	expected := readLines(t, examplePath("diabetes-xgboost", "expected.csv"))
	margin := strings.Split(expected[1], ",")[1]
	if got := strings.Split(all.stdout, "\n"); got[0] != "margin" || got[1] != margin {
		t.Errorf("printed %q, %q; wanted the column margin with %s", got[0], got[1], margin)
	}
}

func TestPredictMatchesColumnsByNameOrByPosition(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	lines := readLines(t, examplePath("diabetes-xgboost", "input.csv"))
	reversed, renamed := make([]string, len(lines)), append([]string{"c0,c1,c2,c3,c4,c5,c6,c7,c8,c9"}, lines[1:]...)
	for i, l := range lines {
		cells := strings.Split(l, ",")
		for a, b := 0, len(cells)-1; a < b; a, b = a+1, b-1 {
			cells[a], cells[b] = cells[b], cells[a]
		}
		reversed[i] = strings.Join(cells, ",")
	}
	for name, c := range map[string]struct {
		input string
		flags []string
	}{
		"reversed": {writeFile(t, "reversed.csv", strings.Join(reversed, "\n")+"\n"), nil},
		"renamed":  {writeFile(t, "renamed.csv", strings.Join(renamed, "\n")+"\n"), []string{"--by-position"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"predict", dir, "--input", c.input, "--expect", examplePath("diabetes-xgboost", "expected.csv"), "--output", filepath.Join(t.TempDir(), "a.npz")}, c.flags...)
			runCommand(t, args...).want(t, StatusOK)
		})
	}
}

func TestPredictLeavesNoFileWhenItFails(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	lines := readLines(t, examplePath("diabetes-xgboost", "expected.csv"))
	short := writeFile(t, "expected.csv", strings.Join(lines[:100], "\n")+"\n")
	folder := t.TempDir()
	r := runCommand(t, "predict", dir, "--input", examplePath("diabetes-xgboost", "input.csv"), "--expect", short,
		"--output", filepath.Join(folder, "answers.csv")).want(t, StatusInput)
	if !strings.Contains(r.stderr, "ends after row 99") {
		t.Errorf("standard error does not say where the expected rows end:\n%s", r.stderr)
	}
	left, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("a failed predict left %v", left)
	}
}
