//go:build unix

package simulator_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

func TestTheAWSCommandLineRunsStateMachines(t *testing.T) {
	t.Parallel()
	command, _ := tool(t, "aws", "--version")
	sim := startStates(t)
	run := func(arg ...string) map[string]any {
		t.Helper()
		cmd := exec.Command(command, append([]string{"--output", "json", "stepfunctions"}, arg...)...)
		cmd.Env = append(toolEnv(sim.Endpoint()), "AWS_DISABLE_HOST_PREFIX_INJECTION=true")
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %v: %v: %s", arg, err, text)
		}
		var answer map[string]any
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("aws %v printed %q: %v", arg, text, err)
		}
		return answer
	}
	// ended waits without the command, which takes a second to start.
	ended := func(execution string) map[string]any {
		t.Helper()
		poll(t, sim, "DescribeExecution", execution, func(d map[string]any) bool { return d["status"] != "RUNNING" })
		return run("describe-execution", "--execution-arn", execution)
	}
	const role = "arn:aws:iam::000000000000:role/r"
	if v := run("validate-state-machine-definition", "--definition", echoMachine); v["result"] != "OK" {
		t.Errorf("validate: %v", v)
	}
	machine := run("create-state-machine", "--name", "m", "--role-arn", role, "--definition", echoMachine)["stateMachineArn"].(string)
	execution := run("start-execution", "--state-machine-arn", machine, "--name", "one", "--input", `{"a": "é"}`)["executionArn"].(string)
	status := ended(execution)
	events := run("get-execution-history", "--execution-arn", execution)["events"].([]any)
	if status["status"] != "SUCCEEDED" || status["output"] != `{"a":"é"}` || len(events) != 7 {
		t.Errorf("%v, %d events", status, len(events))
	}
	quick := run("create-state-machine", "--name", "q", "--type", "EXPRESS", "--role-arn", role, "--definition", echoMachine)["stateMachineArn"].(string)
	if sync := run("start-sync-execution", "--state-machine-arn", quick, "--input", "[1]"); sync["output"] != "[1]" {
		t.Errorf("start-sync-execution: %v", sync)
	}
	run("update-state-machine", "--state-machine-arn", machine, "--definition", strings.Replace(echoMachine, `"echo"`, `"none"`, 1))
	execution = run("start-execution", "--state-machine-arn", machine)["executionArn"].(string)
	if status := ended(execution); status["error"] != "Lambda.ResourceNotFoundException" {
		t.Errorf("a missing function: %v", status)
	}
	run("redrive-execution", "--execution-arn", execution)
	if status := ended(execution); status["status"] != "FAILED" || status["redriveCount"] != 1.0 {
		t.Errorf("a redrive: %v", status)
	}
	if list := run("list-executions", "--state-machine-arn", machine, "--status-filter", "FAILED", "--redrive-filter", "REDRIVEN")["executions"].([]any); len(list) != 1 {
		t.Errorf("redriven executions: %v", list)
	}
	batch := run("create-state-machine", "--name", "b", "--role-arn", role, "--definition", waitingBatch)["stateMachineArn"].(string)
	execution = run("start-execution", "--state-machine-arn", batch, "--input", "[1,2]")["executionArn"].(string)
	poll(t, sim, "ListMapRuns", execution, func(d map[string]any) bool { return len(d["mapRuns"].([]any)) == 1 })
	runs := run("list-map-runs", "--execution-arn", execution)["mapRuns"].([]any)
	run("stop-execution", "--execution-arn", execution, "--error", "E", "--cause", "C")
	if d := run("describe-map-run", "--map-run-arn", runs[0].(map[string]any)["mapRunArn"].(string)); d["status"] != "ABORTED" {
		t.Errorf("the Map Run of an execution that was stopped: %v", d)
	}
	if status := ended(execution); status["status"] != "ABORTED" || status["error"] != "E" {
		t.Errorf("stopped: %v", status)
	}
}

// poll asks about an execution until the answer is good, for a minute.
func poll(t *testing.T, sim *simulator.Simulator, op, execution string, good func(map[string]any) bool) {
	t.Helper()
	client := httpClient(t)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.Endpoint(), strings.NewReader(`{"executionArn":"`+execution+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AWSStepFunctions."+op)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		err = json.NewDecoder(answer.Body).Decode(&out)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if good(out) {
			return
		}
	}
	t.Fatalf("%s %s: no good answer within a minute", op, execution)
}

// waitingBatch has children that do not end by themselves.
const waitingBatch = `{"StartAt":"Many","States":{"Many":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
	"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":1000,"End":true}}}}}}`
