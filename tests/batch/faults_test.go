package batch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/cli"
)

// write makes a file of a text.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Processes of shards and of the batch's own function die at random, before and while they answer, and others are throttled:
// no row is lost and none doubled.
func TestProcessesKilledAtRandomAndThrottledLoseNoRow(t *testing.T) {
	seed := fmt.Sprint(time.Now().UnixNano())
	t.Logf("seed %s", seed)
	dir := split(t, "diabetes-xgboost", "model.ubj", 4)
	input := table(t, "diabetes-xgboost", 6000)
	want := predicted(t, dir, input, "csv")
	rules := write(t, "faults.json", `{"rules": [
		{"fault": "kill", "function": "*-shard-*", "probability": 0.06},
		{"fault": "kill", "function": "*-shard-*", "probability": 0.06, "delay_ms": 3},
		{"fault": "kill", "function": "*-batch", "probability": 0.06, "delay_ms": 2},
		{"fault": "throttle", "probability": 0.1}
	]}`)
	for _, children := range []string{"standard", "express"} {
		output := filepath.Join(t.TempDir(), "answers.csv")
		out, _, _ := run(t, cli.StatusOK, command(t, "batch", dir, "--local", "--json", "--faults", rules, "--seed", seed, "--children", children,
			"--block-rows", "500", "--input", input, "--output", output))
		f := parse(t, out)
		fired := 0
		for _, r := range f.Faults {
			fired += r.Fired
		}
		t.Logf("%s: %d faults", children, fired)
		if fired == 0 || f.Summary.Done != 12 || f.Summary.Predicted != 6000 {
			t.Errorf("%s: %d faults, found %+v", children, fired, f.Summary)
		}
		same(t, output, want)
	}
}

// What no repetition mends fails the batch with AWS's error name, and the summary tells why.
func TestAShardWhoseRepliesAreTooLargeFailsTheBatchWithItsCause(t *testing.T) {
	dir := split(t, "diabetes-xgboost", "model.ubj", 2)
	rules := write(t, "faults.json", `{"rules": [{"fault": "oversize", "function": "*-shard-001"}]}`)
	output := filepath.Join(t.TempDir(), "answers.csv")
	_, errs, _ := run(t, cli.StatusInput, command(t, "batch", dir, "--local", "--faults", rules, "--block-rows", "50",
		"--input", table(t, "diabetes-xgboost", 100), "--output", output))
	f := parse(t, string(load(t, output+".summary.json")))
	if f.Status != "FAILED" || f.Error != "States.ExceedToleratedFailureThreshold" || f.Summary.Predicted != 0 || !strings.Contains(errs, f.Error) {
		t.Errorf("found %+v and\n%s", f, errs)
	}
	known := 0
	for _, b := range f.Summary.Failures {
		if b.Error == "Function.ResponseSizeTooLarge" {
			known++
		}
	}
	if known == 0 {
		t.Errorf("no block's failure has its cause: %+v", f.Summary.Failures)
	}
	if _, err := os.Stat(output); !os.IsNotExist(err) {
		t.Errorf("there is an output: %v", err)
	}
}
