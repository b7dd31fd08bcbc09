package cli

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestInspectAndPlanOfAnEnsembleAreGolden(t *testing.T) {
	path := examplePath("", "digits-ensemble.json")
	golden(t, "inspect-digits-ensemble.txt", runCommand(t, "inspect", path).want(t, StatusOK).stdout)
	golden(t, "plan-digits-ensemble.txt", runCommand(t, "plan", path, "--rows", "64").want(t, StatusOK).stdout)
	var f modelFacts
	if err := json.Unmarshal([]byte(runCommand(t, "inspect", path, "--json").want(t, StatusOK).stdout), &f); err != nil || f.MinShards != 2 || f.MaxShards == nil || *f.MaxShards != 2 {
		t.Errorf("the shards are %d to %v (%v)", f.MinShards, f.MaxShards, err)
	}
}

// columnsOf reads a CSV of numbers.
func columnsOf(t *testing.T, text string) [][]float64 {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for _, r := range records[1:] {
		var row []float64
		for _, field := range r {
			v, err := strconv.ParseFloat(field, 64)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, v)
		}
		out = append(out, row)
	}
	return out
}

// The ensemble's probabilities are two thirds of one member's own and one third of the other's.
func TestPredictOfAnEnsembleIsItsMembersMean(t *testing.T) {
	input := examplePath("digits-xgboost", "input.csv")
	ask := func(model string, more ...string) [][]float64 {
		return columnsOf(t, runCommand(t, append([]string{"predict", model, "--input", input, "--output", "-"}, more...)...).want(t, StatusOK).stdout)
	}
	got := ask(examplePath("", "digits-ensemble.json"), "--shards", "2")
	network, trees := ask(examplePath("digits-mlp", "model.onnx"), "--shards", "1", "--by-position"), ask(examplePath("digits-xgboost", "model.json"), "--shards", "1")
	if len(got) != len(trees) || len(got) != len(network) {
		t.Fatalf("%d rows, the members answer %d and %d", len(got), len(network), len(trees))
	}
	for r := range got {
		for c, v := range got[r] {
			if want := (2*network[r][c] + trees[r][c]) / 3; math.Abs(v-want) > 1e-7 {
				t.Fatalf("row %d, class %d: %v, wanted %v", r, c, v, want)
			}
		}
	}
}

func TestAnEnsembleThatDoesNotFitIsRefused(t *testing.T) {
	r := runCommand(t, "inspect", writeFile(t, "e.json", `{"format": "shardwise-ensemble/1", "combine": "mode", "members": []}`)).want(t, StatusInput)
	refused(t, r, []string{"combine is", "there are 0 members", "docs/plans.md"})
	r = runCommand(t, "inspect", writeFile(t, "e.json", `{"format": "shardwise-ensemble/1", "combine": "mean", "members": [{"model": "lost.onnx"}]}`)).want(t, StatusInput)
	refused(t, r, []string{"member 0 of 1 (lost.onnx)"})
}
