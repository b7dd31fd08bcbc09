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

// TestTimeInStates runs in a bubble of fake time: what waits takes as long as the definition says, and no time at all.
func TestTimeInStates(t *testing.T) {
	calls := new(atomic.Int64)
	lambda := functions{
		"third": func(p any) (any, error) {
			if calls.Add(1) < 3 {
				return nil, &typed{"Shard.Transient", "again"}
			}
			return p, nil
		},
		"never": func(any) (any, error) { return nil, &typed{"Shard.Transient", "again"} },
		"slow":  func(p any) (any, error) { time.Sleep(10 * time.Second); return p, nil },
	}
	arn := func(name string) string {
		return `"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:` + name + `"`
	}
	cases := []struct {
		name, definition, want string
		took                   time.Duration
	}{
		{"Wait", one(`{"Type":"Wait","Seconds":3600,"End":true}`), "SUCCEEDED", time.Hour},
		{"Wait by a path", one(`{"Type":"Wait","SecondsPath":"$.n","End":true}`), "SUCCEEDED", 90 * time.Second},
		{"Wait until", one(`{"Type":"Wait","TimestampPath":"$.t","End":true}`), "SUCCEEDED", time.Minute},
		{"Retry with back-off", one(`{` + arn("third") + `,"Retry":[{"ErrorEquals":["Shard.Transient"],"IntervalSeconds":3,"BackoffRate":2}],"End":true}`), "SUCCEEDED", 9 * time.Second},
		{"Retry gives up", one(`{` + arn("never") + `,"Retry":[{"ErrorEquals":["States.TaskFailed"],"IntervalSeconds":4,"MaxAttempts":3,"BackoffRate":3,"MaxDelaySeconds":10}],"End":true}`), "FAILED Shard.Transient", 24 * time.Second},
		{"a task's timeout", one(`{` + arn("slow") + `,"TimeoutSeconds":2,"End":true}`), "FAILED States.Timeout", 10 * time.Second}, // the double answers late
		{"States.Timeout is retried by name", one(`{` + arn("slow") + `,"TimeoutSeconds":2,"Retry":[{"ErrorEquals":["States.TaskFailed"]},{"ErrorEquals":["States.Timeout"],"MaxAttempts":1}],"End":true}`), "FAILED States.Timeout", 21 * time.Second},
		{"a machine's timeout", `{"TimeoutSeconds":30,"StartAt":"S","States":{"S":{"Type":"Wait","Seconds":99,"End":true}}}`, "TIMED_OUT", 30 * time.Second},
		{"iterations side by side", one(`{"Type":"Map","ItemsPath":"$.l","MaxConcurrency":2,"End":true,"ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"End":true}}}}`), "SUCCEEDED", 20 * time.Second},
		{"forty iterations at once", one(`{"Type":"Map","ItemsPath":"$.many","End":true,"ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"End":true}}}}`), "SUCCEEDED", 20 * time.Second},
		{"children side by side", one(strings.Replace(distributed("EXPRESS", `{"Type":"Wait","Seconds":10,"End":true}`, `,"MaxConcurrency":3`), `"Label"`, `"ItemsPath":"$.l","Label"`, 1)), "SUCCEEDED", 20 * time.Second},
		{"an Express child has five minutes", one(strings.Replace(distributed("EXPRESS", `{"Type":"Wait","Seconds":301,"End":true}`, `,"ToleratedFailureCount":9`), `"Label"`, `"ItemsPath":"$.l","Label"`, 1)), "SUCCEEDED", 5 * time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls.Store(0)
				begun := time.Now()
				input := fmt.Sprintf(`{"n":90,"t":%q,"l":[1,2,3,4],"many":%s}`, begun.Add(time.Minute).UTC().Format(time.RFC3339), numbers(41))
				s, err := states.New(states.Config{Lambda: lambda})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				arn := begin(t, s, create(t, s, "m", "STANDARD", c.definition), input)
				out := wait(t, s, arn)
				got := strings.TrimSuffix(fmt.Sprintf("%v %v", out["status"], out["error"]), " <nil>")
				if took := time.Since(begun); got != c.want || took < c.took || took > c.took+c.took/100+time.Second {
					t.Errorf("%s after %s, want %s after %s: %v", got, took, c.want, c.took, out["cause"])
				}
			})
		})
	}
}

func TestFullJitterStaysBelowThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := states.New(states.Config{Lambda: functions{"never": func(any) (any, error) { return nil, &typed{"E", ""} }}, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		begun := time.Now()
		arn := begin(t, s, create(t, s, "m", "STANDARD", one(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:never","End":true,
			"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":100,"BackoffRate":1,"MaxAttempts":5,"JitterStrategy":"FULL"}]}`)), "{}")
		wait(t, s, arn)
		if took := time.Since(begun); took >= 500*time.Second || took < time.Second {
			t.Errorf("five jittered pauses of at most 100 s took %s", took)
		}
	})
}

// TestStoppedExecutionsAbort stops an execution with a Map Run in it.
func TestStoppedExecutionsAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := states.New(states.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		arn := begin(t, s, create(t, s, "m", "STANDARD", one(distributed("STANDARD", `{"Type":"Wait","Seconds":1000,"End":true}`, ""))), "[1,2]")
		time.Sleep(time.Minute)
		call(t, s, "StopExecution", map[string]any{"executionArn": arn, "error": "E", "cause": "C"})
		out := wait(t, s, arn)
		if out["status"] != "ABORTED" || out["error"] != "E" || out["cause"] != "C" {
			t.Errorf("%v", out)
		}
		want := "1:0 ExecutionStarted\n2:0 MapStateEntered\n3:2 MapStateStarted\n4:3 MapRunStarted\n5:4 MapRunAborted\n6:5 MapStateAborted\n7:0 ExecutionAborted\n"
		if got := order(events(t, s, arn)); got != want {
			t.Errorf("history\n%s", got)
		}
		run := call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any)[0].(map[string]any)["mapRunArn"]
		d := call(t, s, "DescribeMapRun", map[string]any{"mapRunArn": run})
		if d["status"] != "ABORTED" || d["executionCounts"].(map[string]any)["aborted"] != 2.0 {
			t.Errorf("Map Run: %v", d)
		}
		call(t, s, "RedriveExecution", map[string]any{"executionArn": arn})
		if out := wait(t, s, arn); out["status"] != "SUCCEEDED" {
			t.Errorf("after a redrive: %v", out)
		}
	})
}
