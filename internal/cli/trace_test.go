package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
)

func TestATraceTellsTheWholeRun(t *testing.T) {
	dir := splitExample(t, "digits-xgboost", "model.json", 2)
	out := t.TempDir()
	name := filepath.Join(out, "trace.json")
	f := runCommand(t, "predict", dir, "--input", examplePath("digits-xgboost", "input.csv"), "--trace", name, "--json").want(t, StatusOK).facts(t)
	if f.Trace != name {
		t.Errorf("the document names the trace %q", f.Trace)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var trace struct {
		Events []struct {
			Name, Ph string
			Dur      float64
			Args     map[string]string
		} `json:"traceEvents"`
	}
	if err := json.Unmarshal(text, &trace); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	threads := map[string]bool{}
	for _, e := range trace.Events {
		if e.Ph == "X" {
			seen[e.Name]++
			if e.Dur < 0 {
				t.Errorf("%s takes %v µs", e.Name, e.Dur)
			}
		} else {
			threads[e.Args["name"]] = true
		}
	}
	for _, want := range []string{"request", "attempt 1, block 0", "starting its process", "computing", "waiting for shards", "merging", "local program, block 0"} {
		if seen[want] == 0 {
			t.Errorf("the trace has no %q: %v", want, seen)
		}
	}
	if !threads["trees shard 1/2"] || !threads["objective coordinator"] || seen["starting its process"] < 3 {
		t.Errorf("threads %v, slices %v", threads, seen)
	}
	page := filepath.Join(out, "trace.html")
	r := runCommand(t, "verify", dir, "--input", examplePath("digits-xgboost", "input.csv"), "--trace", page).want(t, StatusOK)
	if !strings.Contains(r.stderr, page) {
		t.Errorf("verify does not say where the trace is:\n%s", r.stderr)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "shardwise verify, model digits-xgboost") {
		t.Errorf("the page: %v, %d bytes", err, len(text))
	}
	left, err := os.ReadDir(out)
	if err != nil || len(left) != 2 {
		t.Errorf("the commands left %v in the folder (%v)", left, err)
	}
}

func TestTracesThatCannotBeAreRefused(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	in := examplePath("diabetes-xgboost", "input.csv")
	both := filepath.Join(t.TempDir(), "both.json")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a form that is not known", []string{"--trace", "trace.svg"}, ".html"},
		{"no name", []string{"--trace", ""}, ".html"},
		{"in the model directory", []string{"--trace", filepath.Join(dir, "trace.json")}, "lies in the model directory"},
		{"the manifest", []string{"--trace", filepath.Join(dir, "manifest.json")}, "lies in the model directory"},
		{"the output", []string{"--trace", both, "--output", both}, "both name"},
		{"a directory that is not there", []string{"--trace", filepath.Join(t.TempDir(), "no", "trace.html")}, "--trace"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runCommand(t, append([]string{"predict", dir, "--input", in}, c.args...)...).want(t, StatusInput)
			if !strings.Contains(r.stderr, c.want) {
				t.Errorf("wanted a word of %q:\n%s", c.want, r.stderr)
			}
		})
	}
}

func TestSpansFollowWhatTheSimulatorSaw(t *testing.T) {
	zero := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	c := newAccount(zero)
	c.served = func(id string) (simulator.InvocationChange, bool) {
		switch id {
		case "shard":
			return simulator.InvocationChange{Time: at(50), Cold: true, Init: 20 * time.Millisecond, Duration: 10 * time.Millisecond}, true
		case "coordinator":
			return simulator.InvocationChange{Time: at(80), Duration: 78 * time.Millisecond}, true
		}
		return simulator.InvocationChange{}, false
	}
	c.add(local.Chunk{Rows: 1, Answer: &local.Answer{Start: at(0), End: at(90), RequestID: "coordinator", Report: coordinator.Report{Start: at(10), TotalUS: 65_000,
		Attempts: []coordinator.Attempt{{Step: "trees", Attempt: 1, StartUS: 5_000, EndUS: 45_000, TotalUS: 8_000, LoadUS: 2_000, ComputeUS: 5_000, Cold: true, RequestID: "shard", Outcome: "ok"}},
		Merges:   []coordinator.Local{{Step: "trees", StartUS: 45_000, EndUS: 50_000}}}}})
	text := func(s waterfall.Span) []string {
		var list []string
		for _, p := range s.Parts {
			list = append(list, string(p.Kind)+" "+p.Start.String()+" "+p.End.String())
		}
		return list
	}
	shard := c.lanes[laneKey{0, "trees", 0}].calls[0]
	if got, want := text(shard), []string{"start 20ms 38ms", "load 38ms 40ms", "work 40ms 44ms", "compute 44ms 49ms", "work 49ms 50ms"}; !slices.Equal(got, want) {
		t.Errorf("the shard's parts are\n%v, wanted\n%v", got, want)
	}
	if got, want := text(c.coordinator.calls[0]), []string{"work 2ms 15ms", "wait 15ms 55ms", "merge 55ms 60ms", "work 60ms 80ms"}; !slices.Equal(got, want) {
		t.Errorf("the coordinator's parts are\n%v, wanted\n%v", got, want)
	}
	if !shard.Cold || shard.Start != 15*time.Millisecond || shard.End != 55*time.Millisecond {
		t.Errorf("the shard's call is %+v", shard)
	}
}
