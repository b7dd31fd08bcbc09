package batch_test

import (
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/cli"
)

// Ten times as many rows give predict's own file, and take no process more memory: neither the command with its simulated
// services, nor any function.
func TestABatchIsPredictsFileInBoundedMemory(t *testing.T) {
	few, many := 20_000, 200_000
	if long() {
		few, many = 100_000, 1_000_000
	} else if testing.Short() {
		t.Skip("200,000 rows take some seconds")
	}
	dir := split(t, "diabetes-xgboost", "model.ubj", 4)
	before, after := peaks(t, dir, few), peaks(t, dir, many)
	t.Logf("peak memory in MB with %d rows: %v; with %d rows: %v", few, before, many, after)
	for name, mb := range after {
		if mb > before[name]+48 {
			t.Errorf("%s held %d MB with %d rows and %d MB with %d: memory grows with the rows", name, mb, many, before[name], few)
		}
	}
}

// peaks runs a batch and returns the most memory of each function and of the command, in MB.
func peaks(t *testing.T, dir string, rows int) map[string]int64 {
	t.Helper()
	input, output := table(t, "diabetes-xgboost", rows), filepath.Join(t.TempDir(), "answers.csv")
	out, _, peak := run(t, cli.StatusOK, command(t, "batch", dir, "--local", "--memory-limit", "--json", "--input", input, "--output", output))
	f := parse(t, out)
	t.Logf("%d rows: %.0f rows a second", rows, f.PerSecond)
	if f.Summary.Predicted != int64(rows) || len(f.Summary.Failures) != 0 {
		t.Errorf("found %+v", f.Summary)
	}
	same(t, output, predicted(t, dir, input, "csv"))
	list := map[string]int64{"command": peak >> 20}
	for _, fn := range f.Functions {
		list[fn.Name] = fn.Memory
	}
	return list
}
