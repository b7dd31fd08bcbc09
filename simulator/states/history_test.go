package states_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/states"
)

const invoke = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"%s","Payload.$":"$"}`

func testFunctions() functions {
	return functions{
		"echo": func(p any) (any, error) { return p, nil },
		"boom": func(any) (any, error) { return nil, &typed{"Exception", "Some exception was raised."} },
		"big":  func(any) (any, error) { return strings.Repeat("x", 300<<10), nil },
		"busy": func(any) (any, error) { return nil, &refusal{429, "TooManyRequestsException", "Rate Exceeded."} },
		"gone": func(any) (any, error) { return nil, errors.New("connection refused") },
	}
}

func task(function, rest string) string {
	return "{" + fmt.Sprintf(invoke, function) + rest + `,"End":true}`
}

// TestHistoriesHaveAWSsOrder compares with orders that were recorded from AWS.
func TestHistoriesHaveAWSsOrder(t *testing.T) {
	cases := []struct{ name, definition, input, want string }{
		{"a task", one(task("echo", "")), `{}`, "1:0 ExecutionStarted 2:0 TaskStateEntered 3:2 TaskScheduled 4:3 TaskStarted 5:4 TaskSucceeded 6:5 TaskStateExited 7:6 ExecutionSucceeded"},
		{"a task that fails", one(task("boom", "")), `{}`, "1:0 ExecutionStarted 2:0 TaskStateEntered 3:2 TaskScheduled 4:3 TaskStarted 5:4 TaskFailed 6:5 ExecutionFailed"},
		{"a function's ARN", one(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:echo","End":true}`), `{}`,
			"1:0 ExecutionStarted 2:0 TaskStateEntered 3:2 LambdaFunctionScheduled 4:3 LambdaFunctionStarted 5:4 LambdaFunctionSucceeded 6:5 TaskStateExited 7:6 ExecutionSucceeded"},
		{"a caught task", `{"StartAt":"S","States":{"S":` + task("boom", `,"Catch":[{"ErrorEquals":["Exception"],"Next":"P"}]`) + `,"P":{"Type":"Pass","End":true}}}`, `{}`,
			"1:0 ExecutionStarted 2:0 TaskStateEntered 3:2 TaskScheduled 4:3 TaskStarted 5:4 TaskFailed 6:5 TaskStateExited 7:6 PassStateEntered 8:7 PassStateExited 9:8 ExecutionSucceeded"},
		{"an inline map", one(`{"Type":"Map","MaxConcurrency":1,"End":true,"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}}`), `[1,2]`,
			"1:0 ExecutionStarted 2:0 MapStateEntered 3:2 MapStateStarted 4:3 MapIterationStarted 5:4 PassStateEntered 6:5 PassStateExited 7:6 MapIterationSucceeded " +
				"8:6 MapIterationStarted 9:8 PassStateEntered 10:9 PassStateExited 11:10 MapIterationSucceeded 12:11 MapStateSucceeded 13:11 MapStateExited 14:13 ExecutionSucceeded"},
		{"a failed inline map, caught", `{"StartAt":"M","States":{"M":{"Type":"Map","Catch":[{"ErrorEquals":["States.ALL"],"Next":"P"}],"End":true,"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Fail","Error":"E","Cause":"C"}}}},"P":{"Type":"Pass","End":true}}}`, `[1]`,
			"1:0 ExecutionStarted 2:0 MapStateEntered 3:2 MapStateStarted 4:3 MapIterationStarted 5:4 FailStateEntered 6:5 MapIterationFailed 7:5 MapStateFailed 8:7 MapStateExited 9:8 PassStateEntered 10:9 PassStateExited 11:10 ExecutionSucceeded"},
		{"a retried inline map", one(`{"Type":"Map","Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],"End":true,"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Fail","Error":"E"}}}}`), `[1]`,
			"1:0 ExecutionStarted 2:0 MapStateEntered 3:2 MapStateStarted 4:3 MapIterationStarted 5:4 FailStateEntered 6:5 MapIterationFailed 7:5 MapStateStarted 8:7 MapIterationStarted 9:8 FailStateEntered 10:9 MapIterationFailed 11:9 MapStateFailed 12:11 ExecutionFailed"},
		{"a parallel", one(`{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}]}`), `{}`,
			"1:0 ExecutionStarted 2:0 ParallelStateEntered 3:2 ParallelStateStarted 4:3 PassStateEntered 5:4 PassStateExited 6:5 ParallelStateSucceeded 7:5 ParallelStateExited 8:7 ExecutionSucceeded"},
		{"a Map Run", one(distributed("STANDARD", `{"Type":"Pass","End":true}`, "")), `[1,2]`,
			"1:0 ExecutionStarted 2:0 MapStateEntered 3:2 MapStateStarted 4:3 MapRunStarted 5:4 MapRunSucceeded 6:5 MapStateSucceeded 7:4 MapStateExited 8:7 ExecutionSucceeded"},
		{"a Map Run that fails", one(distributed("STANDARD", `{"Type":"Fail","Error":"E"}`, "")), `[1]`,
			"1:0 ExecutionStarted 2:0 MapStateEntered 3:2 MapStateStarted 4:3 MapRunStarted 5:4 MapRunFailed 6:5 MapStateFailed 7:6 ExecutionFailed"},
		{"a failure", one(`{"Type":"Fail","Error":"E","Cause":"C"}`), `{}`, "1:0 ExecutionStarted 2:0 FailStateEntered 3:2 ExecutionFailed"},
		{"a choice", `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":1,"Next":"S"}]},"S":{"Type":"Succeed"}}}`, `{"a":1}`,
			"1:0 ExecutionStarted 2:0 ChoiceStateEntered 3:2 ChoiceStateExited 4:3 SucceedStateEntered 5:4 SucceedStateExited 6:5 ExecutionSucceeded"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, events := execute(t, states.Config{Lambda: testFunctions()}, c.definition, c.input)
			if got := strings.ReplaceAll(strings.TrimSpace(order(events)), "\n", " "); got != c.want {
				// Words come in pairs, so the replaced line breaks do not matter.
				t.Errorf("history\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// distributed is a Map state in DISTRIBUTED mode over one state, S being taken by the outer machine.
func distributed(kind, state, rest string) string {
	return `{"Type":"Map","Label":"L","End":true` + rest + `,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"` + kind + `"},"StartAt":"I","States":{"I":` + state + `}}}`
}

// TestAFullHistoryFailsTheExecution runs a machine that goes round in a circle.
func TestAFullHistoryFailsTheExecution(t *testing.T) {
	s := start(t, states.Config{})
	arn := begin(t, s, create(t, s, "m", "STANDARD", `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.never","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}}`), "{}")
	out := wait(t, s, arn)
	if out["status"] != "FAILED" || out["error"] != "States.Runtime" || out["cause"] != "The execution reached the maximum number of history events (25000)." {
		t.Errorf("%v", out)
	}
	last := call(t, s, "GetExecutionHistory", map[string]any{"executionArn": arn, "reverseOrder": true, "maxResults": 2})
	e := last["events"].([]any)
	if first := e[0].(map[string]any); first["type"] != "ExecutionFailed" || first["id"].(float64) > 25000 || first["id"].(float64) < 24990 || e[1].(map[string]any)["id"] != first["id"].(float64)-1 {
		t.Errorf("the last events: %v", e)
	}
}
