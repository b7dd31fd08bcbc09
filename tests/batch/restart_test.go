package batch_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/cli"
)

// The simulator is killed with all its processes while batches run, more than once, and started again: executions go on by
// themselves, and their outputs are predict's own.
func TestBatchesOutliveASimulatorThatIsKilled(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := split(t, "diabetes-xgboost", "model.ubj", 3)
	input := table(t, "diabetes-xgboost", 4000)
	want := predicted(t, dir, input, "csv")
	s := simulate(t, dir)
	var executions []string
	for i, children := range []string{"standard", "express"} {
		executions = append(executions, s.begin(input, fmt.Sprintf("out-%d.csv", i), "--children", children, "--block-rows", "100", "--concurrency", "2"))
	}
	for i := range 3 {
		f := s.status(executions[0], progressed(int64(1+8*i)))
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		s.kill()
		t.Logf("killed with %d of %d blocks done, %s", f.Blocks.Succeeded, f.Blocks.Total, f.Status)
		s.start()
	}
	for i, execution := range executions {
		out, _ := s.batch(cli.StatusOK, "status", execution, "--wait", "--json")
		if f := parse(t, out); f.Status != "SUCCEEDED" || f.Summary.Done != 40 || f.Summary.Predicted != 4000 || len(f.Summary.Failures) != 0 {
			t.Errorf("found %s", out)
		}
		s.holds(fmt.Sprintf("out-%d.csv", i), want)
	}
}
