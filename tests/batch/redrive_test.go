package batch_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/cli"
)

// poisoned writes a table whose row in the middle of block 3 of 8 is spoilt, and returns it with the whole table. Both have the
// same number of bytes, so that one may take the other's place.
func poisoned(t *testing.T) (bad, good string) {
	t.Helper()
	good = table(t, "diabetes-xgboost", 800)
	lines := bytes.SplitAfter(load(t, good), []byte("\n"))
	line := lines[1+350]
	lines[1+350] = append([]byte("x"), line[1:]...)
	return write(t, "poisoned.csv", string(bytes.Join(lines, nil))), good
}

// mend puts the whole table in the place of the poisoned one.
func (s *simulation) mend(execution, good string) {
	s.t.Helper()
	c := s.client()
	now, err := c.Look(s.t.Context(), execution)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Store.Put(s.t.Context(), now.Job.Input.Bucket, now.Job.Input.Key, load(s.t, good)); err != nil {
		s.t.Fatal(err)
	}
}

func TestARedriveFinishesOnlyWhatIsMissing(t *testing.T) {
	dir := split(t, "diabetes-xgboost", "model.ubj", 2)
	bad, good := poisoned(t)
	want := predicted(t, dir, good, "csv")
	for _, c := range []struct {
		name     string
		flags    []string
		fails    bool // the execution, whose redrive goes on with it; else another one is started
		children string
	}{
		{"a failed execution, standard children", nil, true, "standard"},
		{"a failed execution, express children", nil, true, "express"},
		{"within the tolerance", []string{"--tolerate", "1"}, false, "standard"},
		{"within the tolerance, by the coordinator", []string{"--tolerate", "20%", "--via", "coordinator"}, false, "express"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := simulate(t, dir)
			flags := append([]string{"--block-rows", "100", "--children", c.children, "--concurrency", "2"}, c.flags...)
			execution := s.begin(bad, "out.csv", flags...)
			first := s.status(execution, ended)
			status := cli.StatusOK
			if c.fails {
				status = cli.StatusInput
			}
			out, errs := s.batch(status, "status", execution, "--wait", "--json")
			done := s.calls(shard)
			if c.fails {
				if first.Status != "FAILED" || first.Error != "States.ExceedToleratedFailureThreshold" {
					t.Fatalf("found %+v", first)
				}
				out = `{}`
			} else if f := parse(t, out); f.Status != "SUCCEEDED" || len(f.Summary.Failures) != 1 || f.Summary.Failures[0].Block != 3 ||
				f.Summary.Failures[0].Error != "Shard.BadInput" || !strings.Contains(f.Summary.Failures[0].Cause, "row 351, column") || done != 7 {
				t.Fatalf("found %s after %d calls\n%s", out, done, errs)
			}
			s.mend(execution, good)
			out, _ = s.batch(cli.StatusOK, "redrive", execution, "--wait", "--json")
			f := parse(t, out)
			if f.Summary.Done != 8 || f.Summary.Predicted != 800 || len(f.Summary.Failures) != 0 || (f.Execution == execution) != c.fails {
				t.Errorf("found %s", out)
			}
			if f.Cost.Lambda == nil || f.Cost.Lambda.Requests < 8*3+2 || f.Cost.USD <= 0 { // rows, aggregate and a shard or the coordinator at least
				t.Errorf("found no cost of Lambda: %s", out)
			}
			if after, missing := s.calls(shard)-done, 8-int(first.Blocks.Succeeded); after < 1 || after > missing {
				t.Errorf("%d blocks of 8 were missing, and the shard was called %d times more", missing, after)
			}
			s.holds("out.csv", want)
			before := s.calls("model-batch")
			for _, args := range [][]string{{"redrive", f.Execution}, {"redrive", f.Execution, "--wait"}} {
				out, errs := s.batch(cli.StatusOK, args...)
				if flat := strings.Join(strings.Fields(errs), " "); !strings.Contains(flat, "nothing to redrive") || !strings.Contains(flat, "shardwise batch DIR --input s3://") {
					t.Errorf("%v of a complete batch says %s%s", args, out, errs)
				}
			}
			if after := s.calls("model-batch"); after != before {
				t.Errorf("a redrive of a complete batch called its function %d times", after-before)
			}
			if out, errs := s.batch(cli.StatusOK, "status", f.Execution); !strings.HasPrefix(out, "SUCCEEDED") {
				t.Errorf("found %s%s", out, errs)
			}
		})
	}
}

func TestAStoppedBatchGoesOn(t *testing.T) {
	dir := split(t, "diabetes-xgboost", "model.ubj", 2)
	input := table(t, "diabetes-xgboost", 2000)
	s := simulate(t, dir)
	execution := s.begin(input, "out.csv", "--block-rows", "50", "--children", "standard", "--concurrency", "2")
	s.status(execution, progressed(2))
	s.batch(cli.StatusOK, "stop", execution)
	f := s.status(execution, ended)
	if f.Status != "ABORTED" || f.Blocks.Succeeded == 40 || f.Blocks.Failed != 0 || f.Blocks.Aborted < 1 {
		t.Fatalf("found %+v", f)
	}
	if out, _ := s.batch(cli.StatusOK, "status", execution); !strings.Contains(out, " 0 failed, ") || !strings.Contains(out, " aborted, 0 under way") {
		t.Errorf("found %s", out)
	}
	if _, errs := s.batch(cli.StatusInput, "stop", execution); !strings.Contains(errs, "ABORTED") {
		t.Errorf("a second stop says %s", errs)
	}
	if _, errs := s.batch(cli.StatusRun, "status", execution, "--wait"); !strings.Contains(errs, "ABORTED") {
		t.Errorf("waiting for an aborted batch says %s", errs)
	}
	s.batch(cli.StatusOK, "redrive", execution)
	if _, errs := s.batch(cli.StatusInput, "redrive", execution); !strings.Contains(errs, "under way") {
		t.Errorf("a second redrive says %s", errs)
	}
	s.batch(cli.StatusOK, "status", execution, "--wait")
	s.holds("out.csv", predicted(t, dir, input, "csv"))
	if _, errs := s.batch(cli.StatusRun, "status", execution+"0"); !strings.Contains(errs, "describe execution") {
		t.Errorf("an execution that is not there: %s", errs)
	}
}
