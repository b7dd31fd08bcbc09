package cli

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/batch"
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
			checkCost(t, summaryOf(t, batched))
			if s := summaryOf(t, batched); s.Summary.Predicted == 0 || s.Summary.Predicted != s.Summary.Rows || len(s.Summary.Failures) != 0 || s.Status != "SUCCEEDED" {
				t.Errorf("found %+v, %+v", s, s.Summary)
			}
		})
	}
}

// checkCost holds the parts of an estimate against one another, and what the functions say against what was billed here.
func checkCost(t *testing.T, f *batchFacts) {
	t.Helper()
	c, told := f.Cost, f.Summary.Used
	if c == nil || c.Lambda == nil || told == nil || f.Summary.UsedError != "" {
		t.Fatalf("there is no cost: %+v, %+v, %s", c, told, f.Summary.UsedError)
	}
	if math.Abs(c.USD-c.TransitionsUSD-c.ExpressUSD-c.Lambda.RequestsUSD-c.Lambda.DurationUSD) > 1e-12 || c.StepsUSD+c.LambdaUSD != c.USD || c.Lambda.RequestsUSD != float64(c.Lambda.Requests)*0.2e-6 ||
		c.Lambda.GBSeconds <= 0 || c.Region != "us-east-1" || (c.Express > 0) != (c.ExpressGBSeconds > 0) || (c.Express > 0) != (f.Needs.Children == "EXPRESS") {
		t.Errorf("found %+v, %+v", c, c.Lambda)
	}
	// Billed is also the start of processes, and what lies around a function's own work; told is up to a millisecond more each time.
	most := c.Lambda.GBSeconds + float64(told.Lambda.Requests)*0.001*1.8
	if told.Lambda.Requests != c.Lambda.Requests || told.Lambda.GBSeconds <= 0 || told.Lambda.GBSeconds > most || told.Lambda.GBSeconds < c.Lambda.GBSeconds/50 {
		t.Errorf("told %+v, billed %+v", told.Lambda, c.Lambda.Usage)
	}
}

// An array in Fortran's order, as pandas saves frames, is predicted as it is by predict.
func TestABatchOfAnArrayInFortranOrder(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	lines := readLines(t, examplePath("diabetes-xgboost", "input.csv"))[1:]
	columns := make([][]byte, 10)
	for _, l := range lines {
		for j, text := range strings.Split(l, ",") {
			v := math.NaN()
			if text != "" {
				var err error
				if v, err = strconv.ParseFloat(text, 32); err != nil {
					t.Fatal(err)
				}
			}
			columns[j] = binary.LittleEndian.AppendUint32(columns[j], math.Float32bits(float32(v)))
		}
	}
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': True, 'shape': (%d, 10), }\n", len(lines))
	input := writeFile(t, "rows.npy", "\x93NUMPY\x01\x00"+string([]byte{byte(len(head)), 0})+head+string(bytes.Join(columns, nil)))
	batched, predicted := filepath.Join(t.TempDir(), "y.csv"), filepath.Join(t.TempDir(), "y.csv")
	runCommand(t, "batch", dir, "--local", "--input", input, "--output", batched, "--block-rows", "50").want(t, StatusOK)
	runCommand(t, "predict", dir, "--input", examplePath("diabetes-xgboost", "input.csv"), "--output", predicted).want(t, StatusOK)
	same(t, batched, predicted)
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
		{"batch", dir, "--local", "--input", "x.csv", "--output", "y.csv", "--tolerate", "1.5%"},
		{"batch", dir, "--local", "--input", "x.csv", "--output", "y.csv", "--role", "arn"},
		{"batch", dir, "--input", "x.csv", "--output", "s3://b/y.csv", "--role", "arn", "--memory-limit"},
		{"batch", dir, "--local", "--input", examplePath("diabetes-xgboost", "input.csv"), "--output", examplePath("diabetes-xgboost", "input.csv")},
		{"batch", dir, "--local", "--input", examplePath("diabetes-xgboost", "input.csv"), "--output", dir + "/manifest.json"},
		{"batch", dir, "--local", "--input", "x.csv", "--output", "y.npz"},
	} {
		runCommand(t, args...).want(t, StatusInput)
	}
}

func TestProgressTellsBlocksSpeedTimeAndCost(t *testing.T) {
	began := time.Unix(1000, 0)
	s := &batch.Status{Status: "RUNNING", Started: began, Job: statemachine.Job{BlockRows: 1000}, Blocks: batch.Counts{Total: 40, Succeeded: 9, Failed: 1, Running: 2}}
	e := &statemachine.Estimate{Children: "STANDARD", Transitions: 7, Parent: 3}
	want := "RUNNING after 10s: 9 of 40 blocks done, 1 failed, 2 under way, 900 rows a second, about 30s left, step functions $0.0018 of $0.0071"
	if got := progressLine(s, e, began.Add(10*time.Second)); got != want {
		t.Errorf("wanted %s\nfound  %s", want, got)
	}
	s.Status, s.Stopped = "ABORTED", began.Add(10*time.Second)
	s.Blocks = batch.Counts{Total: 40, Succeeded: 9, Failed: 1, Aborted: 2, Pending: 28}
	want = "ABORTED after 10s: 9 of 40 blocks done, 1 failed, 2 aborted, 0 under way, 900 rows a second, step functions $0.0022 of $0.0071"
	if got := progressLine(s, e, began.Add(time.Hour)); got != want {
		t.Errorf("wanted %s\nfound  %s", want, got)
	}
	if c := costOf(&statemachine.Estimate{Children: "EXPRESS", Transitions: 7, Parent: 3}, 40); c.Transitions != 3 || c.Express != 40 || math.Abs(c.StepsUSD-115e-6) > 1e-12 {
		t.Errorf("found %+v", c)
	}
}
