package states_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

// killedDir names the directory of a server that a test runs in a process of its own, to kill it.
const killedDir = "STATES_TEST_DIR"

// slowFunctions write a line for each call, so that calls are counted across processes.
func slowFunctions(dir string) functions {
	return functions{"f": func(payload any) (any, error) {
		f, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		p, _ := json.Marshal(payload)
		if _, err := fmt.Fprintf(f, "%s\n", p); err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
		time.Sleep(3 * time.Millisecond)
		return map[string]any{"did": payload}, nil
	}, "flaky": func(payload any) (any, error) {
		if time.Sleep(2 * time.Millisecond); rand.IntN(25) == 0 {
			return nil, &typed{"Flaky", "again"}
		}
		return payload, nil
	}}
}

// serveUntilKilled is the process that a test kills.
func serveUntilKilled(dir string) {
	s, err := states.New(states.Config{Dir: dir, Lambda: slowFunctions(dir)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	_ = http.Serve(l, s)
}

const killedMachine = `{"StartAt":"Many","States":{
 "Many":{"Type":"Map","ItemsPath":"$.n","MaxConcurrency":5,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"%s"},"StartAt":"Call","States":{
   "Call":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$"},"OutputPath":"$.Payload","Next":"Again"},
   "Again":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}}},
   "ResultPath":"$.many","Next":"Few"},
 "Few":{"Type":"Parallel","ResultPath":"$.few","End":true,"Branches":[
   {"StartAt":"Call1","States":{"Call1":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","InputPath":"$.n[0]","End":true}}},
   {"StartAt":"Each","States":{"Each":{"Type":"Map","ItemsPath":"$.n","MaxConcurrency":2,"End":true,"ItemProcessor":{"StartAt":"Call2","States":{
     "Call2":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}}}}}}]}}}`

// TestAKilledServerLosesAndDoublesNothing kills a server again and again while it runs, and lets another go on.
func TestAKilledServerLosesAndDoublesNothing(t *testing.T) {
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			s, err := states.New(states.Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			machine := create(t, s, "m", "STANDARD", fmt.Sprintf(killedMachine, kind))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			const n = 40
			arn := ""
			for life := 0; life < 6; life++ {
				url, kill := spawn(t, dir)
				if arn == "" {
					arn = startOver(t, url, machine, numbers(n))
				}
				time.Sleep(time.Duration(15+20*life) * time.Millisecond)
				kill()
			}
			last := start(t, states.Config{Dir: dir, Lambda: slowFunctions(dir)})
			got := wait(t, last, arn)
			var many, each []string
			for i := range n {
				many = append(many, fmt.Sprintf(`{"did":{"did":%d}}`, i))
				each = append(each, fmt.Sprintf(`{"did":%d}`, i))
			}
			want := fmt.Sprintf(`{"n":%s,"many":[%s],"few":[{"did":0},[%s]]}`, numbers(n), strings.Join(many, ","), strings.Join(each, ","))
			if got["status"] != "SUCCEEDED" || !sameJSON(got["output"].(string), want) {
				t.Errorf("after six kills: %v\nwant output %s", got, want)
			}
			for i, e := range events(t, last, arn) {
				if e["id"] != float64(i+1) {
					t.Fatalf("event %d has the id %v: a gap, or one twice", i+1, e["id"])
				}
			}
			counts := map[string]int{}
			for _, e := range events(t, last, arn) {
				counts[e["type"].(string)]++
			}
			for typ, want := range map[string]int{"MapStateEntered": 2, "MapRunStarted": 1, "MapIterationStarted": n, "MapIterationSucceeded": n, "ParallelStateStarted": 1,
				"LambdaFunctionScheduled": n + 1, "LambdaFunctionSucceeded": n + 1, "ExecutionSucceeded": 1} {
				if counts[typ] != want {
					t.Errorf("the history has %d %s, want %d", counts[typ], typ, want)
				}
			}
			calls, err := os.ReadFile(filepath.Join(dir, "calls"))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d calls for %d tasks", strings.Count(string(calls), "\n"), 3*n+1)
		})
	}
}

func numbers(n int) string {
	var list []int
	for i := range n {
		list = append(list, i)
	}
	p, _ := json.Marshal(list)
	return string(p)
}

// spawn starts a server in a process of its own, and returns its URL and what kills it.
func spawn(t *testing.T, dir string) (url string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	t.Cleanup(kill)
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		t.Fatal(err)
	}
	return "http://" + addr, kill
}

// post calls an operation over HTTP. The error is that no whole answer came.
func post(url, op string, in map[string]any) (out map[string]any, err error) {
	body, _ := json.Marshal(in)
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+op)
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	err = json.NewDecoder(answer.Body).Decode(&out)
	return out, err
}

// startOver starts an execution over HTTP.
func startOver(t *testing.T, url, machine, items string) string {
	t.Helper()
	out, err := post(url, "StartExecution", map[string]any{"stateMachineArn": machine, "input": `{"n":` + items + `}`})
	if err != nil || out["executionArn"] == nil {
		t.Fatalf("StartExecution: %v, %v", out, err)
	}
	return out["executionArn"].(string)
}
