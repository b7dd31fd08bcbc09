package states_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

func TestARedriveWithTheSameTokenIsTheSameRedrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s, err := states.New(states.Config{Dir: dir, Lambda: testFunctions()})
		if err != nil {
			t.Fatal(err)
		}
		arn := begin(t, s, create(t, s, "m", "STANDARD", one(task("boom", ""))), "{}")
		wait(t, s, arn)
		in := map[string]any{"executionArn": arn, "clientToken": "one"}
		first := call(t, s, "RedriveExecution", in)
		wait(t, s, arn)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = states.New(states.Config{Dir: dir, Lambda: testFunctions()}); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if again := call(t, s, "RedriveExecution", in); asText(again) != asText(first) {
			t.Errorf("%v, then %v", first, again)
		}
		if out := wait(t, s, arn); out["redriveCount"] != 1.0 {
			t.Errorf("after the second request: %v", out)
		}
		time.Sleep(16 * time.Minute) // the token is forgotten
		call(t, s, "RedriveExecution", in)
		if out := wait(t, s, arn); out["redriveCount"] != 2.0 {
			t.Errorf("after the third request: %v", out)
		}
	})
}

// TestRedriveRunsStatesThatFailedForTheirSizeAgain covers what AWS does not continue but reruns: the results of branches,
// iterations and children that were too large together.
func TestRedriveRunsStatesThatFailedForTheirSizeAgain(t *testing.T) {
	const work = `{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}`
	branch := func(name string) string {
		return fmt.Sprintf(`{"StartAt":%q,"States":{%[1]q:%s}}`, name, work)
	}
	for name, c := range map[string]struct {
		state   string
		mapRuns int
	}{
		"Parallel":        {`{"Type":"Parallel","End":true,"Branches":[` + branch("A") + `,` + branch("B") + `]}`, 0},
		"inline Map":      {`{"Type":"Map","End":true,"ItemProcessor":` + branch("A") + `}`, 0},
		"DISTRIBUTED Map": {distributed("STANDARD", work, ""), 2},
	} {
		t.Run(name, func(t *testing.T) {
			var small atomic.Bool
			var calls atomic.Int64
			s := start(t, states.Config{Lambda: functions{"f": func(any) (any, error) {
				calls.Add(1)
				if small.Load() {
					return "x", nil
				}
				return strings.Repeat("x", 200<<10), nil
			}}})
			arn := begin(t, s, create(t, s, "m", "STANDARD", one(c.state)), "[1,2]")
			if out := wait(t, s, arn); out["error"] != "States.DataLimitExceeded" {
				t.Fatalf("%v: %v", out["status"], out["error"])
			}
			small.Store(true)
			call(t, s, "RedriveExecution", map[string]any{"executionArn": arn})
			if out := wait(t, s, arn); out["output"] != `["x","x"]` || calls.Load() != 4 {
				t.Errorf("after %d calls: %v", calls.Load(), out)
			}
			if runs := call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any); len(runs) != c.mapRuns {
				t.Errorf("%d Map Runs, want %d", len(runs), c.mapRuns)
			}
		})
	}
}

// TestRedriveOfBranches goes on in the branch that failed and in the one that was aborted, and in no other.
func TestRedriveOfBranches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		var good, bad, slow atomic.Int64
		s, err := states.New(states.Config{Lambda: functions{
			"good": func(any) (any, error) { good.Add(1); return 1, nil },
			"bad": func(any) (any, error) {
				bad.Add(1)
				if time.Sleep(time.Second); !mended.Load() {
					return nil, &typed{"Broken", ""}
				}
				return 2, nil
			},
			"slow": func(any) (any, error) { slow.Add(1); time.Sleep(time.Minute); return 3, nil },
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		branch := func(name string) string {
			return fmt.Sprintf(`{"StartAt":"0%s","States":{"0%[1]s":{"Type":"Pass","Next":%[1]q},%[1]q:{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:%[1]s","End":true,"Retry":[{"ErrorEquals":["Broken"],"MaxAttempts":1}]}}}`, name)
		}
		arn := begin(t, s, create(t, s, "m", "STANDARD", one(`{"Type":"Parallel","End":true,"Branches":[`+branch("good")+","+branch("bad")+","+branch("slow")+`]}`)), "{}")
		if out := wait(t, s, arn); out["error"] != "Broken" {
			t.Fatal(out)
		}
		mended.Store(true)
		call(t, s, "RedriveExecution", map[string]any{"executionArn": arn})
		if out := wait(t, s, arn); out["output"] != "[1,2,3]" || good.Load() != 1 || bad.Load() != 3 || slow.Load() != 2 {
			t.Errorf("%v after %d, %d and %d calls, want 1, 3 and 2", out, good.Load(), bad.Load(), slow.Load())
		}
		var entered int
		for _, e := range events(t, s, arn) {
			if e["type"] == "TaskStateEntered" || e["type"] == "PassStateEntered" || e["type"] == "ParallelStateStarted" {
				entered++
			}
		}
		if entered != 7 {
			t.Errorf("states were entered %d times, want 7: a redrive enters no state again", entered)
		}
	})
}

// TestAChildWithAFullHistoryIsNotRunAgain keeps its failure, as AWS does with children that cannot be redriven.
func TestAChildWithAFullHistoryIsNotRunAgain(t *testing.T) {
	s := start(t, states.Config{})
	child := `{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":1,"Next":"A"}],"Default":"E"},"E":{"Type":"Fail","Error":"E"},
		"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.never","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}`
	arn := begin(t, s, create(t, s, "m", "STANDARD", one(distributed("STANDARD", child, `,"ToleratedFailurePercentage":50`))), "[1,2]")
	wait(t, s, arn)
	call(t, s, "RedriveExecution", map[string]any{"executionArn": arn})
	if out := wait(t, s, arn); out["error"] != "States.ExceedToleratedFailureThreshold" {
		t.Fatalf("%v: %v", out["status"], out["error"])
	}
	run := call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any)[0].(map[string]any)["mapRunArn"]
	for _, e := range call(t, s, "ListExecutions", map[string]any{"mapRunArn": run})["executions"].([]any) {
		d := call(t, s, "DescribeExecution", map[string]any{"executionArn": e.(map[string]any)["executionArn"]})
		want := map[string]string{"1": `0 NOT_REDRIVABLE Execution history event limit exceeded`, "2": `1 REDRIVABLE_BY_MAP_RUN <nil>`}[d["input"].(string)]
		if got := fmt.Sprint(d["redriveCount"], " ", d["redriveStatus"], " ", d["redriveStatusReason"]); got != want {
			t.Errorf("the child of %v: %s, want %s", d["input"], got, want)
		}
	}
}

// TestWhatEndsAMapRunAbortsItsChildren covers a timeout and a failed branch, of which the children know nothing.
func TestWhatEndsAMapRunAbortsItsChildren(t *testing.T) {
	many := distributed("STANDARD", `{"Type":"Wait","Seconds":1000,"End":true}`, "")
	for name, c := range map[string]struct{ definition, status string }{
		"a timeout":       {`{"TimeoutSeconds":10,"StartAt":"S","States":{"S":` + many + `}}`, "TIMED_OUT"},
		"a failed branch": {one(`{"Type":"Parallel","End":true,"Branches":[{"StartAt":"M","States":{"M":` + many + `}},{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"F"},"F":{"Type":"Fail","Error":"E"}}}]}`), "FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := states.New(states.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				arn := begin(t, s, create(t, s, "m", "STANDARD", c.definition), "[1,2]")
				if out := wait(t, s, arn); out["status"] != c.status {
					t.Errorf("the parent: %v", out)
				}
				checkAborted(t, s, arn)
			})
		})
	}
}

// checkAborted looks for one Map Run that was aborted with its two children.
func checkAborted(t *testing.T, s *states.Server, arn string) {
	t.Helper()
	run := call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any)[0].(map[string]any)["mapRunArn"]
	d := call(t, s, "DescribeMapRun", map[string]any{"mapRunArn": run})
	if want := `{"pending":0,"running":0,"succeeded":0,"failed":0,"timedOut":0,"aborted":2,"total":2,"resultsWritten":0}`; d["status"] != "ABORTED" || d["stopDate"] == nil || !sameJSON(asText(d["executionCounts"]), want) {
		t.Errorf("the Map Run: %v", d)
	}
	list := call(t, s, "ListExecutions", map[string]any{"mapRunArn": run, "statusFilter": "ABORTED"})["executions"].([]any)
	if len(list) != 2 {
		t.Errorf("%d aborted children, want 2", len(list))
	}
	for _, e := range list {
		if got := order(events(t, s, e.(map[string]any)["executionArn"].(string))); got != "1:0 ExecutionStarted\n2:0 WaitStateEntered\n3:0 ExecutionAborted\n" {
			t.Errorf("a child's history\n%s", got)
		}
	}
	if n := s.Running(); n != 0 {
		t.Errorf("%d executions are still running", n)
	}
}

// TestAStopOutlivesTheProcess lets the server die after it has kept that an execution is to stop.
func TestAStopOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s, err := states.New(states.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		arn := begin(t, s, create(t, s, "m", "STANDARD", one(distributed("STANDARD", `{"Type":"Wait","Seconds":1000,"End":true}`, ""))), "[1,2]")
		time.Sleep(time.Second)
		if err := s.KeepStop(arn); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = states.New(states.Config{Dir: dir}); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if out := wait(t, s, arn); out["status"] != "ABORTED" || out["error"] != "E" || out["cause"] != "C" {
			t.Errorf("after the restart: %v", out)
		}
		checkAborted(t, s, arn)
		call(t, s, "RedriveExecution", map[string]any{"executionArn": arn})
		if out := wait(t, s, arn); out["output"] != "[1,2]" {
			t.Errorf("after a redrive: %v", out)
		}
	})
}

func TestRedrivesEndAtTheirLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := states.New(states.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		arn := begin(t, s, create(t, s, "m", "STANDARD", one(distributed("EXPRESS", `{"Type":"Fail","Error":"E"}`, ""))), "[1]")
		wait(t, s, arn)
		s.SetRedrives(999)
		for _, want := range []string{"States.ExceedToleratedFailureThreshold", "States.Runtime"} {
			call(t, s, "RedriveExecution", map[string]any{"executionArn": arn})
			if out := wait(t, s, arn); out["error"] != want {
				t.Errorf("%v: %v, want %s", out["error"], out["cause"], want)
			}
		}
		time.Sleep(14*24*time.Hour - time.Minute)
		if out := wait(t, s, arn); out["redriveStatus"] != "REDRIVABLE" {
			t.Errorf("after almost 14 days: %v", out)
		}
		time.Sleep(2 * time.Minute)
		if _, kind, text := try(s, "RedriveExecution", map[string]any{"executionArn": arn}); kind != "ExecutionNotRedrivable" || text != "Execution redrivable period exceeded" {
			t.Errorf("after 14 days: %s: %s", kind, text)
		}
	})
}
