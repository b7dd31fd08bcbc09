package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/cli/compare"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/waterfall"
)

func TestACrashingShardEndsTheRunWithATypedError(t *testing.T) {
	r := runCommand(t, "predict", examplePath("diabetes-xgboost", "model.ubj"), "--shards", "2", "--name", crashing,
		"--input", examplePath("diabetes-xgboost", "input.csv"), "--output", t.TempDir()+"/answers.csv").want(t, StatusRun)
	refused(t, r, []string{"shard 1/2", "crashing-shard-001", "attempt"})
}

// story is a run of two shards: shard 1 fails once, and the second request comes when the first is done.
func story() *account {
	zero := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	call := func(shard, attempt, start, end int, outcome string) coordinator.Attempt {
		return coordinator.Attempt{Step: "trees", Shard: shard, Attempt: attempt, Function: fmt.Sprintf("m-shard-%03d", shard),
			StartUS: int64(start) * 1000, EndUS: int64(end) * 1000, TotalUS: int64(end-start) * 500, ComputeUS: 3000,
			Cold: attempt == 1, RequestBytes: 1000, ReplyBytes: 2000, Outcome: outcome}
	}
	c := newAccount(zero)
	c.add(local.Chunk{Rows: 10, Answer: &local.Answer{RequestBytes: 500, ReplyBytes: 700, Start: at(0), End: at(60), Report: coordinator.Report{
		Mode: "exact", Start: at(10), Blocks: 1,
		Attempts: []coordinator.Attempt{call(0, 1, 0, 20, "ok"), call(1, 1, 0, 15, "Crashed"), call(1, 2, 18, 40, "ok")},
		Locals:   []coordinator.Local{{Step: "objective", StartUS: 40_000, EndUS: 45_000}},
	}}})
	second := []coordinator.Attempt{call(0, 1, 0, 10, "ok"), call(1, 1, 0, 10, "ok")}
	second[0].Cold, second[1].Cold = false, false
	c.add(local.Chunk{Row: 10, Rows: 5, Answer: &local.Answer{RequestBytes: 300, ReplyBytes: 400, Start: at(60), End: at(100), Report: coordinator.Report{
		Mode: "exact", Start: at(62), Blocks: 1, Omitted: 3, Attempts: second, Locals: []coordinator.Local{{Step: "objective", StartUS: 20_000, EndUS: 21_000}},
	}}})
	return c
}

// told is what people see of the story.
func told(t *testing.T, c *account, width, shards int) string {
	t.Helper()
	var errs buffer
	a := &App{Stderr: &errs, Width: width}
	no := false
	f := &runFacts{Command: "predict", Mode: "exact", Rows: c.rows, Requests: c.requests, Omitted: c.omitted, Calls: 5, ColdStarts: 3, Retries: 1, Processes: 4,
		Seconds: 0.25, ServeSeconds: 0.1, Model: &splitFacts{Model: "m", Version: "1", Fingerprint: strings.Repeat("0", 64), Shards: make([]shardFacts, shards), Stages: 1, Seconds: 0.03},
		Comparisons: []comparison{{With: "expected.csv", Mode: "exact", Results: []compare.Result{
			{Output: "margin", Rows: 15, Columns: 1, Values: 15, BitEqual: 15, Rule: "bit for bit", Within: true},
			{Output: "prediction", Rows: 15, Columns: 2, Values: 30, BitEqual: 20, MaxAbs: 0.5, MaxRel: 0.25, MaxULP: 123456, Rule: "within 1e-06 relative",
				Worst: &compare.Worst{Row: 1233, Column: 1, Got: "2.5", Want: "2"}},
		}}}, Within: &no}
	a.summarize(f, c)
	return errs.String()
}

func TestTheSummaryIsGolden(t *testing.T) {
	golden(t, "summary.txt", told(t, story(), 100, 2))
}

func TestTheSummaryOfManyShardsStaysShort(t *testing.T) {
	c := story()
	for i := 2; i < 64; i++ {
		c.lane("trees", i).enter(waterfall.Span{End: time.Millisecond})
	}
	text := told(t, c, 100, 64)
	if n := strings.Count(text, "shard "); n > maxLanes+3 {
		t.Errorf("%d lines of shards", n)
	}
	if !strings.Contains(text, "shards like these; --json lists all") {
		t.Errorf("the summary does not say that it leaves shards out:\n%s", text)
	}
}

func TestFactsCountWhatTheReportsSay(t *testing.T) {
	c := story()
	k := c.lanes[laneKey{0, "trees", 1}]
	if k == nil || k.count != 3 || k.failed != 1 || k.retries != 1 || k.outcomes["Crashed"] != 1 || k.cold != 1 {
		t.Errorf("shard 1: %+v", k)
	}
	if c.rows != 15 || c.requests != 2 || c.omitted != 3 || c.elapsed() != 100*time.Millisecond {
		t.Errorf("%d rows, %d requests, %d omitted, %v", c.rows, c.requests, c.omitted, c.elapsed())
	}
	order := c.ordered()
	if len(order) != 3 || order[0].shard != 0 || order[1].shard != 1 || order[2].step != "objective" {
		t.Errorf("lanes in the order %v", order)
	}
}
