package states_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

// TestManyClientsAtOnce lets clients do everything to the same executions at once, and then looks for what was left undone. The
// server is closed and opened again in the middle.
func TestManyClientsAtOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	lambda := functions{"f": func(p any) (any, error) {
		if time.Sleep(time.Millisecond); rand.IntN(5) == 0 {
			return nil, &typed{"Flaky", "again"}
		}
		return p, nil
	}}
	many := strings.Replace(distributed("STANDARD", `{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}`, `,"MaxConcurrency":3,"ToleratedFailurePercentage":30`), `"S"`, `"M"`, 1)
	definition := one(`{"Type":"Parallel","End":true,"Branches":[{"StartAt":"M","States":{"M":` + many + `}},{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":0,"Next":"T"},"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","InputPath":"$[0]","End":true}}}]}`)
	for range 2 {
		s, err := states.New(states.Config{Dir: dir, Lambda: lambda})
		if err != nil {
			t.Fatal(err)
		}
		machine := create(t, s, "m", "STANDARD", definition)
		var clients sync.WaitGroup
		for n := range 8 {
			clients.Go(func() {
				c := &crowd{s: s, machine: machine, random: rand.New(rand.NewPCG(seed, uint64(n)))}
				for range 40 {
					if fault := c.act(); fault != "" {
						t.Error(fault)
					}
				}
			})
		}
		clients.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, states.Config{Dir: dir, Lambda: lambda})
	for begun := time.Now(); s.Running() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("%d executions do not end", s.Running())
		}
	}
	for i := range 10 {
		checkEnded(t, s, fmt.Sprintf("arn:aws:states:us-east-1:000000000000:execution:m:e%d", i))
	}
}

// checkEnded looks at the history and the Map Runs of an execution that is over.
func checkEnded(t *testing.T, s *states.Server, arn string) {
	t.Helper()
	d, kind, _ := try(s, "DescribeExecution", map[string]any{"executionArn": arn})
	if kind != "" {
		return // it was never begun
	}
	list := events(t, s, arn)
	redriven := 0
	for i, e := range list {
		if e["id"] != float64(i+1) || e["previousEventId"].(float64) > float64(i) {
			t.Errorf("%s: event %d is %v", arn, i+1, e)
		}
		if e["type"] == "ExecutionRedriven" {
			redriven++
		}
	}
	words := map[string]string{"SUCCEEDED": "ExecutionSucceeded", "FAILED": "ExecutionFailed", "ABORTED": "ExecutionAborted"}
	if last := list[len(list)-1]; last["type"] != words[d["status"].(string)] || d["redriveCount"] != float64(redriven) {
		t.Errorf("%s: %v, %d redrives, the last event is %v", arn, d, redriven, last)
	}
	for _, r := range call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any) {
		m := call(t, s, "DescribeMapRun", map[string]any{"mapRunArn": r.(map[string]any)["mapRunArn"]})
		items := m["itemCounts"].(map[string]any)
		sum := 0.0
		for _, f := range []string{"pending", "running", "succeeded", "failed", "timedOut", "aborted"} {
			sum += items[f].(float64)
		}
		if m["status"] == "RUNNING" || sum != items["total"] || items["running"] != 0.0 {
			t.Errorf("%s: Map Run %v", arn, m)
		}
	}
}

// crowd is one client of many.
type crowd struct {
	s       *states.Server
	machine string
	random  *rand.Rand
}

// act does one thing at random. Refusals are right or wrong depending on what others do, but some are always wrong.
func (c *crowd) act() (fault string) {
	arn := fmt.Sprintf("arn:aws:states:us-east-1:000000000000:execution:m:e%d", c.random.IntN(10))
	in := map[string]any{"executionArn": arn}
	op := []string{"StartExecution", "StartExecution", "StopExecution", "RedriveExecution", "RedriveExecution", "DescribeExecution", "GetExecutionHistory",
		"ListExecutions", "ListMapRuns", "UpdateMapRun", "StopChild", "UpdateStateMachine"}[c.random.IntN(12)]
	allowed := []string{"", "ExecutionDoesNotExist"}
	switch op {
	case "StartExecution":
		in = map[string]any{"stateMachineArn": c.machine, "name": arn[strings.LastIndexByte(arn, ':')+1:], "input": numbers(8)}
		allowed = []string{"", "ExecutionAlreadyExists"}
	case "ListExecutions":
		in = map[string]any{"stateMachineArn": c.machine, "maxResults": 3}
	case "UpdateStateMachine":
		in = map[string]any{"stateMachineArn": c.machine, "roleArn": fmt.Sprintf("arn:aws:iam::000000000000:role/r%d", c.random.IntN(9))}
	case "RedriveExecution":
		allowed = append(allowed, "ExecutionNotRedrivable")
	case "UpdateMapRun", "StopChild":
		out, kind, _ := try(c.s, "ListMapRuns", in)
		if kind != "" || len(out["mapRuns"].([]any)) == 0 {
			return ""
		}
		in = map[string]any{"mapRunArn": out["mapRuns"].([]any)[0].(map[string]any)["mapRunArn"]}
		if op == "UpdateMapRun" {
			in["maxConcurrency"], in["toleratedFailurePercentage"] = c.random.IntN(5), c.random.IntN(101)
			break
		}
		out, kind, _ = try(c.s, "ListExecutions", in)
		if kind != "" || len(out["executions"].([]any)) == 0 {
			return ""
		}
		op, in = "StopExecution", map[string]any{"executionArn": out["executions"].([]any)[0].(map[string]any)["executionArn"]}
	}
	if _, kind, text := try(c.s, op, in); !slices.Contains(allowed, kind) {
		return fmt.Sprintf("%s %v: %s: %s", op, in, kind, text)
	}
	return ""
}
