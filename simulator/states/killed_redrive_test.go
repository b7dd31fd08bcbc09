package states_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

const flakyMachine = `{"StartAt":"Many","States":{"Many":{"Type":"Map","ItemsPath":"$.n","MaxConcurrency":5,"End":true,
	"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"%s"},"StartAt":"One","States":{
		"One":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"flaky","Payload.$":"$"},"OutputPath":"$.Payload","Next":"Two"},
		"Two":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:flaky","End":true}}}}}}`

// TestKilledServersRedriveOnce kills servers at random moments while a client stops and redrives an execution whose function
// fails at random, until it has succeeded.
func TestKilledServersRedriveOnce(t *testing.T) {
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		t.Run(kind, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			c := &redriver{random: rand.New(rand.NewPCG(seed, 0))}
			dir := t.TempDir()
			s, err := states.New(states.Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			c.arn = begin(t, s, create(t, s, "m", "STANDARD", fmt.Sprintf(flakyMachine, kind)), `{"n":`+numbers(30)+`}`)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			lives := 0
			for begun := time.Now(); !c.over; lives++ {
				if time.Since(begun) > 3*time.Minute {
					t.Fatalf("the execution does not end in %d lives", lives)
				}
				url, kill := spawn(t, dir)
				timer := time.AfterFunc(time.Duration(10+c.random.IntN(100))*time.Millisecond, kill)
				for c.step(url) == nil && !c.over {
				}
				timer.Stop()
				kill()
			}
			c.check(t, start(t, states.Config{Dir: dir, Lambda: slowFunctions(dir)}), lives)
		})
	}
}

// redriver is a client that wants an execution to succeed.
type redriver struct {
	random *rand.Rand
	arn    string
	token  int
	stops  int
	over   bool
}

// step asks how the execution is and does what is to be done. The error is that the server has gone.
func (c *redriver) step(url string) error {
	d, err := post(url, "DescribeExecution", map[string]any{"executionArn": c.arn})
	if err != nil {
		return err
	}
	switch d["status"] {
	case "SUCCEEDED":
		c.over = true
		return nil
	case "RUNNING":
		time.Sleep(3 * time.Millisecond)
		if c.stops < 8 && c.random.IntN(4) == 0 {
			c.stops++
			_, err = post(url, "StopExecution", map[string]any{"executionArn": c.arn})
		}
		return err
	case "FAILED", "ABORTED":
	default:
		return fmt.Errorf("the execution is %v", d)
	}
	out, err := post(url, "RedriveExecution", map[string]any{"executionArn": c.arn, "clientToken": fmt.Sprint(c.token)})
	if err == nil && out["redriveDate"] == nil {
		err = errors.New("no redrive date")
	}
	if err == nil {
		c.token++ // an answer that was lost is asked for again
	}
	return err
}

// check compares the history with what the client did.
func (c *redriver) check(t *testing.T, s *states.Server, lives int) {
	t.Helper()
	out := wait(t, s, c.arn)
	if out["status"] != "SUCCEEDED" || out["output"] != numbers(30) {
		t.Errorf("%v", out)
	}
	counts := map[string]int{}
	for i, e := range events(t, s, c.arn) {
		if counts[e["type"].(string)]++; e["id"] != float64(i+1) {
			t.Fatalf("event %d has the id %v: a gap, or one twice", i+1, e["id"])
		}
	}
	t.Logf("%d lives, %d redrives, at most %d stops: %v", lives, c.token, c.stops, counts)
	run := call(t, s, "ListMapRuns", map[string]any{"executionArn": c.arn})["mapRuns"].([]any)
	d := call(t, s, "DescribeMapRun", map[string]any{"mapRunArn": run[0].(map[string]any)["mapRunArn"]})
	// A stop may come before the Map Run is reached again, which then takes no part in that redrive.
	if n := int(out["redriveCount"].(float64)); n != c.token || counts["ExecutionRedriven"] != n || counts["ExecutionFailed"]+counts["ExecutionAborted"] != n ||
		len(run) != 1 || d["redriveCount"] != float64(counts["MapRunRedriven"]) || counts["MapRunRedriven"] > n || counts["MapRunRedriven"] < n-c.stops ||
		counts["MapRunStarted"] != 1 || counts["MapRunSucceeded"] != 1 || counts["MapRunFailed"] > counts["ExecutionFailed"] || counts["MapRunAborted"] > counts["ExecutionAborted"] {
		t.Errorf("%d redrives were asked for; %v; Map Run %v", c.token, out, d)
	}
	if items := d["itemCounts"].(map[string]any); items["succeeded"] != 30.0 || items["total"] != 30.0 || items["resultsWritten"] != 30.0 || s.Running() != 0 {
		t.Errorf("items %v; %d executions are still running", items, s.Running())
	}
}
