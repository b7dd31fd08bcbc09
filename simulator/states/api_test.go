package states_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/states"
)

func TestRefusalsHaveAWSsCodesAndTexts(t *testing.T) {
	s := start(t, states.Config{Lambda: testFunctions()})
	machine := create(t, s, "m", "STANDARD", one(pass))
	quick := create(t, s, "q", "EXPRESS", one(pass))
	done := begin(t, s, machine, "{}")
	wait(t, s, done)
	call(t, s, "StartExecution", map[string]any{"stateMachineArn": machine, "name": "n", "input": "1"})
	const exec = "arn:aws:states:us-east-1:000000000000:execution:m:n"
	wait(t, s, exec)
	definition := one(pass)
	for _, c := range []struct {
		op         string
		in         map[string]any
		kind, text string
	}{
		{"StartExecution", map[string]any{"stateMachineArn": machARN + "none"}, "StateMachineDoesNotExist", "State Machine Does Not Exist: '" + machARN + "none'"},
		{"StartExecution", map[string]any{"stateMachineArn": "none"}, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: none'"},
		{"StartExecution", map[string]any{"stateMachineArn": machine, "name": "n", "input": "2"}, "ExecutionAlreadyExists", "Execution Already Exists: '" + exec + "'"},
		{"StartExecution", map[string]any{"stateMachineArn": machine, "input": "{"}, "InvalidExecutionInput", "Invalid State Machine Execution Input: '"},
		{"StartExecution", map[string]any{"stateMachineArn": machine, "input": `"` + strings.Repeat("x", 256<<10) + `"`}, "ValidationException", "1 validation error detected: Value at 'input'"},
		{"StartExecution", map[string]any{"stateMachineArn": machine, "name": "a b"}, "InvalidName", "Invalid Name: 'a b'"},
		{"StartExecution", map[string]any{"stateMachineArn": machine, "name": strings.Repeat("n", 81)}, "InvalidName", "Invalid Name: "},
		{"StartSyncExecution", map[string]any{"stateMachineArn": machine}, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"},
		{"ListExecutions", map[string]any{"stateMachineArn": quick}, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"},
		{"ListExecutions", map[string]any{"stateMachineArn": machine, "maxResults": 1001}, "ValidationException", "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{"ListExecutions", map[string]any{"stateMachineArn": machine, "nextToken": "?"}, "InvalidToken", "Invalid Token: '?'"},
		{"DescribeExecution", map[string]any{"executionArn": exec + "x"}, "ExecutionDoesNotExist", "Execution Does Not Exist: '" + exec + "x'"},
		{"GetExecutionHistory", map[string]any{"executionArn": machine}, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: stateMachine'"},
		{"RedriveExecution", map[string]any{"executionArn": done}, "ExecutionNotRedrivable", "Execution is SUCCEEDED and cannot be redriven"},
		{"DescribeMapRun", map[string]any{"mapRunArn": "arn:aws:states:us-east-1:000000000000:mapRun:m/L:x"}, "ResourceNotFound", "Resource not found: "},
		{"CreateStateMachine", map[string]any{"name": "m", "roleArn": role, "definition": one(`{"Type":"Succeed"}`)}, "StateMachineAlreadyExists", "State Machine Already Exists: '" + machine + "'"},
		{"CreateStateMachine", map[string]any{"name": "x", "roleArn": role, "definition": `{"StartAt":"S"}`}, "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'"},
		{"CreateStateMachine", map[string]any{"name": "x", "roleArn": role, "definition": definition, "publish": true}, "ValidationException", "the simulator does not serve the field 'publish'"},
		{"CreateStateMachine", map[string]any{"name": "x", "roleArn": role, "definition": definition, "loggingConfiguration": map[string]any{"level": "ALL"}}, "ValidationException", "the simulator does not serve the field 'loggingConfiguration'"},
		{"CreateStateMachine", map[string]any{"name": "x", "roleArn": role}, "ValidationException", "1 validation error detected: Value null at 'definition'"},
		{"UpdateStateMachine", map[string]any{"stateMachineArn": machine}, "MissingRequiredParameter", "Either the definition"},
		{"ListExecutions", map[string]any{"stateMachineArn": machine, "statusFilter": "DONE"}, "ValidationException", "1 validation error detected: Value 'DONE' at 'statusFilter' failed to satisfy constraint"},
		{"ListExecutions", map[string]any{"stateMachineArn": machine, "redriveFilter": "YES"}, "ValidationException", "1 validation error detected: Value 'YES' at 'redriveFilter' failed to satisfy constraint"},
		{"ListExecutions", map[string]any{}, "ValidationException", "Exactly one of stateMachineArn and mapRunArn must be given"},
		{"DescribeExecution", map[string]any{"executionArn": exec, "includedData": "METADATA_ONLY"}, "ValidationException", "the simulator does not serve the field 'includedData'"},
		{"DescribeStateMachine", map[string]any{"stateMachineArn": machine, "includedData": "METADATA_ONLY"}, "ValidationException", "the simulator does not serve the field 'includedData'"},
		{"ValidateStateMachineDefinition", map[string]any{"definition": definition, "type": "FAST"}, "ValidationException", "1 validation error detected: Value 'FAST' at 'type' failed to satisfy constraint"},
		{"DescribeExecution", map[string]any{"executionArn": "arn:aws:states:us-east-1:000000000000:express:q:a:b"}, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'"},
		{"StopExecution", map[string]any{"executionArn": exec + "x"}, "ExecutionDoesNotExist", "Execution Does Not Exist: '" + exec + "x'"},
		{"UpdateStateMachine", map[string]any{"stateMachineArn": machARN + "none", "definition": definition}, "StateMachineDoesNotExist", "State Machine Does Not Exist: '" + machARN + "none'"},
		{"SendTaskSuccess", map[string]any{}, "UnknownOperationException", "the simulator does not serve"},
	} {
		if _, kind, text := try(s, c.op, c.in); kind != c.kind || !strings.HasPrefix(text, c.text) {
			t.Errorf("%s %.200v: %s: %.300s, want %s: %s", c.op, c.in, kind, text, c.kind, c.text)
		}
	}
}

func TestMachinesAreKeptChangedAndForgotten(t *testing.T) {
	dir := t.TempDir()
	s, err := states.New(states.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	arn := create(t, s, "m", "STANDARD", one(pass))
	if again := create(t, s, "m", "STANDARD", one(pass)); again != arn {
		t.Errorf("the same call again makes %s", again)
	}
	updated := call(t, s, "UpdateStateMachine", map[string]any{"stateMachineArn": arn, "definition": one(`{"Type":"Pass","Result":7,"End":true}`)})
	call(t, s, "TagResource", map[string]any{"resourceArn": arn, "tags": []map[string]string{{"key": "a", "value": "1"}, {"key": "b", "value": "2"}}})
	call(t, s, "UntagResource", map[string]any{"resourceArn": arn, "tagKeys": []string{"a"}})
	execution := begin(t, s, arn, "{}")
	before := wait(t, s, execution)
	history := asText(events(t, s, execution))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, states.Config{Dir: dir})
	d := call(t, s, "DescribeStateMachine", map[string]any{"stateMachineArn": arn})
	if d["revisionId"] != updated["revisionId"] || d["status"] != "ACTIVE" || d["type"] != "STANDARD" || !strings.Contains(d["definition"].(string), `"Result":7`) {
		t.Errorf("after a restart: %v", d)
	}
	if tags := call(t, s, "ListTagsForResource", map[string]any{"resourceArn": arn}); !sameJSON(asText(tags), `{"tags":[{"key":"b","value":"2"}]}`) {
		t.Errorf("tags %v", tags)
	}
	if after := wait(t, s, execution); before["output"] != "7" || asText(before) != asText(after) || asText(events(t, s, execution)) != history {
		t.Errorf("the execution was %v and is %v after a restart", before, after)
	}
	call(t, s, "DeleteStateMachine", map[string]any{"stateMachineArn": arn})
	if _, kind, _ := try(s, "DescribeStateMachine", map[string]any{"stateMachineArn": arn}); kind != "StateMachineDoesNotExist" {
		t.Errorf("a deleted machine: %s", kind)
	}
}

func TestStartExecutionIsIdempotentWhileItRuns(t *testing.T) {
	s := start(t, states.Config{})
	arn := create(t, s, "m", "STANDARD", one(`{"Type":"Wait","Seconds":1000,"End":true}`))
	in := map[string]any{"stateMachineArn": arn, "name": "n", "input": "1"}
	first := call(t, s, "StartExecution", in)
	if again := call(t, s, "StartExecution", in); asText(again) != asText(first) {
		t.Errorf("%v, then %v", first, again)
	}
	for begun := time.Now(); len(events(t, s, first["executionArn"].(string))) < 2 && time.Since(begun) < time.Minute; {
		time.Sleep(time.Millisecond)
	}
	call(t, s, "StopExecution", map[string]any{"executionArn": first["executionArn"]})
	if got := order(events(t, s, first["executionArn"].(string))); got != "1:0 ExecutionStarted\n2:0 WaitStateEntered\n3:0 ExecutionAborted\n" {
		t.Errorf("history\n%s", got)
	}
	if _, kind, _ := try(s, "StartExecution", in); kind != "ExecutionAlreadyExists" {
		t.Errorf("after its end: %q", kind)
	}
}

func TestListsComeInPages(t *testing.T) {
	s := start(t, states.Config{})
	arn := create(t, s, "m", "STANDARD", one(pass))
	var want []string
	for i := range 5 {
		name := fmt.Sprintf("e%d", i)
		call(t, s, "StartExecution", map[string]any{"stateMachineArn": arn, "name": name})
		wait(t, s, "arn:aws:states:us-east-1:000000000000:execution:m:"+name)
		want = append([]string{name}, want...) // the latest first
	}
	var got []string
	in := map[string]any{"stateMachineArn": arn, "maxResults": 2, "statusFilter": "SUCCEEDED"}
	for pages := 1; ; pages++ {
		out := call(t, s, "ListExecutions", in)
		for _, e := range out["executions"].([]any) {
			got = append(got, e.(map[string]any)["name"].(string))
		}
		if out["nextToken"] == nil {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		in["nextToken"] = out["nextToken"]
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if none := call(t, s, "ListExecutions", map[string]any{"stateMachineArn": arn, "statusFilter": "FAILED"}); len(none["executions"].([]any)) != 0 {
		t.Errorf("failed executions: %v", none)
	}
	execution := "arn:aws:states:us-east-1:000000000000:execution:m:e0"
	var ids []any
	in = map[string]any{"executionArn": execution, "maxResults": 3, "reverseOrder": true, "includeExecutionData": false}
	for {
		out := call(t, s, "GetExecutionHistory", in)
		for _, e := range out["events"].([]any) {
			event := e.(map[string]any)
			ids = append(ids, event["id"])
			if strings.Contains(asText(event), `"input"`) || strings.Contains(asText(event), `"output"`) {
				t.Errorf("an event without data: %v", event)
			}
		}
		if out["nextToken"] == nil {
			break
		}
		in["nextToken"] = out["nextToken"]
	}
	if fmt.Sprint(ids) != "[4 3 2 1]" {
		t.Errorf("the history backwards has the ids %v", ids)
	}
}

func TestSyncExecutionsAnswerWithTheirResult(t *testing.T) {
	s := start(t, states.Config{Lambda: testFunctions()})
	good := call(t, s, "StartSyncExecution", map[string]any{"stateMachineArn": create(t, s, "q", "EXPRESS", one(pass)), "name": "n", "input": `{"a":1}`})
	if good["status"] != "SUCCEEDED" || good["output"] != `{"a":1}` || !strings.HasPrefix(good["executionArn"].(string), "arn:aws:states:us-east-1:000000000000:express:q:n:") ||
		!sameJSON(asText(good["billingDetails"]), `{"billedDurationInMilliseconds":100,"billedMemoryUsedInMB":64}`) {
		t.Errorf("%v", good)
	}
	bad := call(t, s, "StartSyncExecution", map[string]any{"stateMachineArn": create(t, s, "f", "EXPRESS", one(`{"Type":"Fail","Error":"E","Cause":"C"}`))})
	if bad["status"] != "FAILED" || bad["error"] != "E" || bad["cause"] != "C" || bad["output"] != nil {
		t.Errorf("%v", bad)
	}
}

func TestValidateTellsEveryFault(t *testing.T) {
	s := start(t, states.Config{})
	out := call(t, s, "ValidateStateMachineDefinition", map[string]any{"definition": `{}`})
	if want := `{"diagnostics":[{"code":"SCHEMA_VALIDATION_FAILED","location":"/","message":"These fields are required: [StartAt, States]","severity":"ERROR"}],"result":"FAIL","truncated":false}`; !sameJSON(asText(out), want) {
		t.Errorf("%s", asText(out))
	}
	if out := call(t, s, "ValidateStateMachineDefinition", map[string]any{"definition": one(pass)}); !sameJSON(asText(out), `{"diagnostics":[],"result":"OK","truncated":false}`) {
		t.Errorf("%s", asText(out))
	}
}
