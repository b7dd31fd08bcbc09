package cli

import (
	"fmt"
	"strings"
	"testing"
)

func TestVerifyFindsNoDifferenceOnEveryExample(t *testing.T) {
	for _, e := range exampleModels() {
		modes := []string{"auto"}
		if e.name == "digits-xgboost" || e.name == "vote-xgboost" {
			modes = append(modes, "sum")
		}
		for _, mode := range modes {
			t.Run(e.name+"/mode="+mode, func(t *testing.T) {
				dir := splitExample(t, e.name, e.model, 3)
				f := runCommand(t, "verify", dir, "--mode", mode, "--json",
					"--input", examplePath(e.name, "input.csv"), "--expect", examplePath(e.name, "expected.csv")).want(t, StatusOK).facts(t)
				if len(f.Comparisons) != 2 {
					t.Fatalf("%d comparisons, wanted one with the unsharded model and one with the file", len(f.Comparisons))
				}
				if n := len(f.Comparisons[0].Results); n != len(f.Outputs) || n == 0 {
					t.Errorf("%d outputs compared with the unsharded model, wanted %v", n, f.Outputs)
				}
				for _, r := range f.Comparisons[0].Results {
					if r.Rows != e.rows {
						t.Errorf("%s: %d rows compared, wanted %d", r.Output, r.Rows, e.rows)
					}
					if f.Mode == "exact" && r.BitEqual != r.Values {
						t.Errorf("%s: exact mode, but only %d of %d values equal the unsharded model's", r.Output, r.BitEqual, r.Values)
					}
				}
			})
		}
	}
}

func TestVerifyFailsAgainstWrongExpectations(t *testing.T) {
	dir := splitExample(t, "vote-xgboost", "model.json", 2)
	lines := readLines(t, examplePath("vote-xgboost", "expected.csv"))
	for i := 1; i < len(lines); i++ {
		lines[i] = strings.Split(lines[i], ",")[1] // margins under the name of predictions
	}
	lines[0] = "prediction"
	r := runCommand(t, "verify", dir, "--input", examplePath("vote-xgboost", "input.csv"),
		"--expect", writeFile(t, "expected.csv", strings.Join(lines, "\n")+"\n")).want(t, StatusVerdict)
	if n := strings.Count(r.stderr, "BEYOND THE RULE"); n != 1 {
		t.Errorf("%d outputs beyond the rule, wanted the one compared with the file:\n%s", n, r.stderr)
	}
}

func TestTheNumberOfShardsChangesNoBit(t *testing.T) {
	var margins []string
	for _, shards := range []int{1, 7, 64} {
		r := runCommand(t, "predict", examplePath("breast-cancer-xgboost", "model.json"), "--shards", fmt.Sprint(shards),
			"--input", examplePath("breast-cancer-xgboost", "input.csv"), "--outputs", "margin,leaf,prediction", "--output", "-").want(t, StatusOK)
		margins = append(margins, r.stdout)
	}
	for i, m := range margins[1:] {
		if m != margins[0] {
			t.Errorf("answers differ between 1 shard and the %dth shard count", i+1)
		}
	}
}
