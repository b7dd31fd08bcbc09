package states_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

// TestAMapRunInsideAChildIsRedrivenWithIt has Map Runs below STANDARD children, one of which fails once.
func TestAMapRunInsideAChildIsRedrivenWithIt(t *testing.T) {
	var mended atomic.Bool
	var calls atomic.Int64
	dir := t.TempDir()
	lambda := functions{"f": func(p any) (any, error) {
		calls.Add(1)
		if p.(float64) == 4 && !mended.Load() {
			return nil, &typed{"Broken", "no"}
		}
		return p.(float64) + 1, nil
	}}
	inner := `{"Type":"Map","Label":"inner","MaxConcurrency":1,"End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"J","States":{
		"J":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}}}}`
	s, err := states.New(states.Config{Dir: dir, Lambda: lambda})
	if err != nil {
		t.Fatal(err)
	}
	arn := begin(t, s, create(t, s, "m", "STANDARD", one(distributed("STANDARD", inner, `,"MaxConcurrency":1`))), `[[1,2],[3,4,5],[6]]`)
	if out := wait(t, s, arn); out["error"] != "States.ExceedToleratedFailureThreshold" {
		t.Fatal(out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, states.Config{Dir: dir, Lambda: lambda})
	mended.Store(true)
	call(t, s, "RedriveExecution", map[string]any{"executionArn": arn})
	if out := wait(t, s, arn); out["output"] != "[[2,3],[4,5,6],[7]]" || calls.Load() != 7 {
		t.Errorf("after %d calls, want 7: %v", calls.Load(), out)
	}
	outer := call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any)[0].(map[string]any)["mapRunArn"]
	redrives := map[string]string{}
	for _, e := range call(t, s, "ListExecutions", map[string]any{"mapRunArn": outer})["executions"].([]any) {
		child := e.(map[string]any)
		runs := call(t, s, "ListMapRuns", map[string]any{"executionArn": child["executionArn"]})["mapRuns"].([]any)
		d := call(t, s, "DescribeMapRun", map[string]any{"mapRunArn": runs[0].(map[string]any)["mapRunArn"]})
		in := call(t, s, "DescribeExecution", map[string]any{"executionArn": child["executionArn"]})["input"].(string)
		redrives[in] = fmt.Sprint(len(runs), " ", child["redriveCount"], " ", d["redriveCount"], " ", d["status"])
	}
	if want := map[string]string{"[1,2]": "1 0 0 SUCCEEDED", "[3,4,5]": "1 1 1 SUCCEEDED", "[6]": "1 0 0 SUCCEEDED"}; fmt.Sprint(redrives) != fmt.Sprint(want) {
		t.Errorf("Map Runs of children: %v, want %v", redrives, want)
	}
}

// TestExpressExecutionsBeginAgainAfterARestart cuts one off in its second state; a further restart finds nothing left of it.
func TestExpressExecutionsBeginAgainAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var first, second atomic.Int64
		release := make(chan struct{})
		lambda := functions{
			"first":  func(p any) (any, error) { first.Add(1); return p, nil },
			"second": func(p any) (any, error) { second.Add(1); <-release; return p, nil },
		}
		open := func() *states.Server {
			s, err := states.New(states.Config{Dir: dir, Lambda: lambda})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		begin(t, s, create(t, s, "q", "EXPRESS", `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:first","Next":"B"},
			"B":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:second","End":true}}}`), `1`)
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		synctest.Wait() // Close waits for the call that it has cancelled
		close(release)
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		for life, want := range []int64{2, 2} {
			s := open()
			time.Sleep(time.Second)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if first.Load() != want || second.Load() != want {
				t.Errorf("life %d ends with %d and %d calls, want %d", life+2, first.Load(), second.Load(), want)
			}
		}
	})
}
