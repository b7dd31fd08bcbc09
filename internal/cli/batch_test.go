package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestABatchWritesPredictsOwnFile(t *testing.T) {
	for _, c := range []struct {
		example, model, input, output string
		shards                        int
		flags                         []string
	}{
		{"diabetes-xgboost", "model.ubj", "input.csv", "answers.csv", 4, []string{"--block-rows", "100"}},
		{"diabetes-xgboost", "model.ubj", "input.csv", "answers.jsonl", 2, []string{"--block-rows", "150", "--children", "standard", "--outputs", "margin,prediction"}},
		{"digits-mlp", "model.onnx", "input.csv", "answers.csv", 3, []string{"--block-rows", "200"}},
		{"digits-xgboost", "model.json", "input.csv", "answers.npy", 4, []string{"--block-rows", "200", "--via", "coordinator"}},
	} {
		t.Run(c.example+" "+strings.Join(c.flags, " "), func(t *testing.T) {
			dir := splitExample(t, c.example, c.model, c.shards)
			batched, predicted := filepath.Join(t.TempDir(), c.output), filepath.Join(t.TempDir(), c.output)
			runCommand(t, append([]string{"batch", dir, "--local", "--input", examplePath(c.example, c.input), "--output", batched}, c.flags...)...).want(t, StatusOK)
			predict := []string{"predict", dir, "--input", examplePath(c.example, c.input), "--output", predicted}
			for i, f := range c.flags {
				if f == "--outputs" {
					predict = append(predict, f, c.flags[i+1])
				}
			}
			runCommand(t, predict...).want(t, StatusOK)
			same(t, batched, predicted)
			if s := summaryOf(t, batched); s.Summary.Predicted == 0 || s.Summary.Predicted != s.Summary.Rows || len(s.Summary.Failures) != 0 || s.Status != "SUCCEEDED" {
				t.Errorf("found %+v, %+v", s, s.Summary)
			}
		})
	}
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, err1 := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x, y) {
		t.Errorf("the files differ: %d and %d bytes", len(x), len(y))
	}
}

func summaryOf(t *testing.T, output string) *batchFacts {
	t.Helper()
	data, err := os.ReadFile(output + summarySuffix)
	if err != nil {
		t.Fatal(err)
	}
	f := new(batchFacts)
	if err := json.Unmarshal(data, f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestABadRowCostsItsBlockOnly(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	lines := readLines(t, examplePath("diabetes-xgboost", "input.csv"))
	lines[130] = "1,2,3"
	input, output := writeFile(t, "rows.csv", strings.Join(lines, "\n")+"\n"), filepath.Join(t.TempDir(), "answers.csv")
	args := []string{"batch", dir, "--local", "--input", input, "--output", output, "--block-rows", "100"}
	r := runCommand(t, args...).want(t, StatusInput)
	for _, says := range []string{"States.ExceedToleratedFailureThreshold", "block 1", "line 131 has 3 fields, wanted 10"} {
		if !strings.Contains(r.stderr, says) {
			t.Errorf("wanted %q, found\n%s", says, r.stderr)
		}
	}
	if _, err := os.Stat(output); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed batch has left an output: %v", err)
	}
	runCommand(t, append(args, "--tolerate", "20%")...).want(t, StatusOK)
	s := summaryOf(t, output).Summary
	if len(s.Failures) != 1 || s.Failures[0].Block != 1 || s.Failures[0].Error != "Shard.BadInput" || s.Predicted != s.Rows-100 {
		t.Errorf("found %+v", s)
	}
	if got := len(readLines(t, output)); got != len(lines)-100 {
		t.Errorf("the output has %d lines", got)
	}
}

func TestABatchOfATableThatIsNotRightEndsAtOnce(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	for _, c := range []struct{ name, text, says string }{
		{"empty.csv", "", "empty"},
		{"foreign.csv", "a,b\n1,2\n", "column"},
	} {
		r := runCommand(t, "batch", dir, "--local", "--input", writeFile(t, c.name, c.text), "--output", filepath.Join(t.TempDir(), "x.csv")).want(t, StatusInput)
		if !strings.Contains(r.stderr, c.says) || strings.Count(r.stderr, c.name) < 2 || strings.Contains(r.stderr, "s3://") {
			t.Errorf("%s: found %s", c.name, r.stderr)
		}
	}
	for _, args := range [][]string{
		{"batch", dir}, {"batch", dir, "--input", "x.csv", "--output", "y.csv"},
		{"batch", dir, "--local", "--detach", "--input", "x.csv", "--output", "y.csv"},
		{"batch", dir, "--local", "--input", "x.csv", "--output", "y.csv", "--tolerate", "many"},
		{"batch", dir, "--local", "--input", "missing.csv", "--output", "y.csv"},
		{"batch", dir, "--local", "--input", "x.csv", "--output", "y.npz"},
	} {
		runCommand(t, args...).want(t, StatusInput)
	}
}
