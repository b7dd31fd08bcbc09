package states_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/states"
)

// TestStatesDoWhatTheLanguageSays runs small machines and compares their output, or error and cause.
func TestStatesDoWhatTheLanguageSays(t *testing.T) {
	const next = `{"StartAt":"S","States":{"S":%s,"A":{"Type":"Pass","Result":"A","End":true},"B":{"Type":"Pass","Result":"B","End":true}}}`
	choice := func(rule string) string {
		return fmt.Sprintf(next, `{"Type":"Choice","Choices":[{`+rule+`,"Next":"A"}],"Default":"B"}`)
	}
	big := strings.Repeat("x", 300<<10)
	cases := []struct{ name, definition, input, want string }{
		{"Pass keeps its input", one(`{"Type":"Pass","End":true}`), `{"a":1}`, `{"a":1}`},
		{"Result goes to ResultPath", one(`{"Type":"Pass","Result":{"b":2},"ResultPath":"$.r.s","End":true}`), `{"a":1}`, `{"a":1,"r":{"s":{"b":2}}}`},
		{"InputPath, Parameters, OutputPath", one(`{"Type":"Pass","InputPath":"$.a","Parameters":{"x.$":"$.b","y":["z",{"w.$":"$"}]},"OutputPath":"$.y[1]","End":true}`), `{"a":{"b":1}}`, `{"w":{"b":1}}`},
		{"a null InputPath is empty", one(`{"Type":"Pass","InputPath":null,"End":true}`), `{"a":1}`, `{}`},
		{"a null ResultPath discards", one(task("echo", `,"ResultPath":null`)), `{"a":1}`, `{"a":1}`},
		{"ResultSelector", one(task("echo", `,"ResultSelector":{"p.$":"$.Payload.a","s.$":"$.StatusCode"}`)), `{"a":1}`, `{"p":1,"s":200}`},
		{"the result of lambda:invoke", one(task("echo", "")), `{"a":1}`, `{"ExecutedVersion":"$LATEST","Payload":{"a":1},"StatusCode":200,
			"SdkHttpMetadata":{"HttpStatusCode":200,"HttpHeaders":{"Content-Type":"application/json","X-Amz-Executed-Version":"$LATEST","X-Amzn-Requestid":"00000000-0000-4000-8000-000000000000"},
			"AllHttpHeaders":{"Content-Type":["application/json"],"X-Amz-Executed-Version":["$LATEST"],"X-Amzn-Requestid":["00000000-0000-4000-8000-000000000000"]}},
			"SdkResponseMetadata":{"RequestId":"00000000-0000-4000-8000-000000000000"}}`},
		{"the context object", one(`{"Type":"Pass","Parameters":{"n.$":"$$.State.Name","m.$":"$$.StateMachine.Name","i.$":"$$.Execution.Input.a"},"End":true}`), `{"a":1}`, `{"n":"S","m":"m","i":1}`},
		{"a filter gives a list", one(`{"Type":"Pass","Parameters":{"f.$":"$.l[?(@.v > 1)].v","n.$":"$.l[?(@.v > 9)]"},"End":true}`), `{"l":[{"v":1},{"v":2},{"v":3}]}`, `{"f":[2,3],"n":[]}`},
		{"a missing path", one(`{"Type":"Pass","Parameters":{"x.$":"$.b"},"End":true}`), `{}`,
			"States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). The JSONPath '$.b' specified for the field 'x.$' could not be found in the input '{}'"},
		{"a ResultPath that does not fit", one(`{"Type":"Pass","Result":1,"ResultPath":"$.a.b","End":true}`), `{"a":1}`, "States.ResultPathMatchFailure: An error occurred"},
		{"Fail with paths", one(`{"Type":"Fail","ErrorPath":"$.e","CausePath":"States.Format('{}!', $.c)"}`), `{"e":"E","c":"C"}`, "E: C!"},
		{"numbers", choice(`"Variable":"$.a","NumericGreaterThanEquals":2`), `{"a":2}`, `"A"`},
		{"numbers of another kind", choice(`"Variable":"$.a","NumericGreaterThanEquals":2`), `{"a":"2"}`, `"B"`},
		{"number paths", choice(`"Variable":"$.a","NumericLessThanPath":"$.b"`), `{"a":1,"b":2}`, `"A"`},
		{"texts", choice(`"Variable":"$.a","StringLessThan":"b"`), `{"a":"a"}`, `"A"`},
		{"patterns", choice(`"Variable":"$.a","StringMatches":"l*\\*x*"`), `{"a":"log*x1"}`, `"A"`},
		{"times", choice(`"Variable":"$.a","TimestampGreaterThan":"2020-01-01T00:00:00Z"`), `{"a":"2020-01-01T01:00:00+00:30"}`, `"A"`},
		{"booleans", choice(`"Variable":"$.a","BooleanEquals":true`), `{"a":true}`, `"A"`},
		{"And, Or, Not", choice(`"And":[{"Variable":"$.a","IsNumeric":true},{"Or":[{"Variable":"$.a","NumericEquals":7},{"Not":{"Variable":"$.b","IsPresent":true}}]}]`), `{"a":1}`, `"A"`},
		{"IsNull", choice(`"Variable":"$.a","IsNull":true`), `{"a":null}`, `"A"`},
		{"IsString and IsTimestamp", choice(`"And":[{"Variable":"$.a","IsString":true},{"Variable":"$.a","IsTimestamp":false}]`), `{"a":"x"}`, `"A"`},
		{"no rule matches", `{"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"P"}]},"P":{"Type":"Pass","End":true}}}`, `{"a":1}`, "States.NoChoiceMatched: An error"},
		{"a variable that is not there", choice(`"Variable":"$.a","NumericEquals":1`), `{}`, "States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). Invalid path '$.a'"},
		{"an inline map in order", one(`{"Type":"Map","ItemsPath":"$.l","ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","k.$":"$.k"},"ResultPath":"$.r","End":true,"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}}`),
			`{"l":[5,6],"k":1}`, `{"l":[5,6],"k":1,"r":[{"i":0,"v":5,"k":1},{"i":1,"v":6,"k":1}]}`},
		{"an empty map", one(`{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}}`), `[]`, `[]`},
		{"a parallel in order", one(`{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Result":1,"End":true}}},{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}]}`), `7`, `[1,7]`},
		{"a branch's error is the parallel's", one(`{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"E","Cause":"C"}}},{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":99999,"End":true}}}]}`), `{}`, "E: C"},
		{"a function's error", one(task("boom", "")), `{}`, `Exception: {"errorMessage":"Some exception was raised.","errorType":"Exception"}`},
		{"a missing function", one(task("none", "")), `{}`, "Lambda.ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:000000000000:function:none:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: 00000000-0000-4000-8000-000000000000; Proxy: null)"},
		{"a throttled function", one(task("busy", "")), `{}`, "Lambda.TooManyRequestsException: Rate Exceeded. (Service: AWSLambda; Status Code: 429;"},
		{"no answer", one(task("gone", "")), `{}`, "Lambda.SdkClientException: connection refused"},
		{"a result that is too large", one(task("big", "")), `{}`, "States.DataLimitExceeded: The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."},
		{"a large result of an ARN", one(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:big","End":true}`), `{}`,
			"States.DataLimitExceeded: The state/task 'arn:aws:lambda:us-east-1:000000000000:function:big' returned a result"},
		{"an output that is too large", one(`{"Type":"Pass","Result":"` + big + `","End":true}`), `{}`, "States.DataLimitExceeded: The state/task 'S' returned"},
		{"the language's errors are matched by name", `{"StartAt":"S","States":{"S":` + task("big", `,"Catch":[{"ErrorEquals":["States.DataLimitExceeded"],"ResultPath":"$.e","Next":"P"}]`) + `,"P":{"Type":"Pass","OutputPath":"$.e.Error","End":true}}}`, `{}`, `"States.DataLimitExceeded"`},
		{"States.ALL does not catch the data limit", `{"StartAt":"S","States":{"S":` + task("big", `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"P"}]`) + `,"P":{"Type":"Pass","End":true}}}`, `{}`, "States.DataLimitExceeded: The"},
		{"States.TaskFailed catches a function's error", `{"StartAt":"S","States":{"S":` + task("boom", `,"Catch":[{"ErrorEquals":["Other"],"Next":"Q"},{"ErrorEquals":["States.TaskFailed"],"Next":"P"}]`) + `,"P":{"Type":"Pass","OutputPath":"$.Error","End":true},"Q":{"Type":"Pass","End":true}}}`, `{}`, `"Exception"`},
		{"States.Runtime is caught by nothing", one(`{"Type":"Parallel","End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"S"}],"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"x.$":"$.no"},"End":true}}}]}`), `{}`, "States.Runtime: An error occurred while executing the state 'A'"},
		{"an intrinsic function that fails", one(`{"Type":"Pass","Parameters":{"x.$":"States.ArrayGetItem($, 9)"},"End":true}`), `[1]`, "States.IntrinsicFailure: An error occurred while executing the state 'S'"},
		{"a bad tolerance", one(distributed("STANDARD", `{"Type":"Pass","End":true}`, `,"ToleratedFailureCount":-1`)), `[1]`,
			"States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). ToleratedFailureCount cannot be negative."},
		{"a bad percentage", one(distributed("STANDARD", `{"Type":"Pass","End":true}`, `,"ToleratedFailurePercentagePath":"$[0]"`)), `[101]`,
			"States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). ToleratedFailurePercentage must be between 0 and 100."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, _ := execute(t, states.Config{Lambda: testFunctions()}, c.definition, c.input)
			if out["status"] == "SUCCEEDED" {
				if !sameJSON(out["output"].(string), c.want) {
					t.Errorf("output %s, want %s", out["output"], c.want)
				}
				return
			}
			if got := fmt.Sprintf("%v: %v", out["error"], out["cause"]); out["status"] != "FAILED" || !strings.HasPrefix(got, c.want) {
				t.Errorf("%v, %.600s, want %s", out["status"], got, c.want)
			}
		})
	}
}

// TestEventsTellWhatTheyAreAbout looks at details of events.
func TestEventsTellWhatTheyAreAbout(t *testing.T) {
	_, events := execute(t, states.Config{Lambda: testFunctions()}, one(task("echo", `,"TimeoutSeconds":5,"OutputPath":"$.Payload"`)), `{"a":1}`)
	want := []struct{ field, details string }{
		{"executionStartedEventDetails", `{"input":"{\"a\":1}","inputDetails":{"truncated":false},"roleArn":"` + role + `"}`},
		{"stateEnteredEventDetails", `{"name":"S","input":"{\"a\":1}","inputDetails":{"truncated":false}}`},
		{"taskScheduledEventDetails", `{"parameters":"{\"FunctionName\":\"echo\",\"Payload\":{\"a\":1}}","region":"us-east-1","resource":"invoke","resourceType":"lambda","timeoutInSeconds":5}`},
		{"taskStartedEventDetails", `{"resource":"invoke","resourceType":"lambda"}`},
		{"taskSucceededEventDetails", ""},
		{"stateExitedEventDetails", `{"name":"S","output":"{\"a\":1}","outputDetails":{"truncated":false}}`},
		{"executionSucceededEventDetails", `{"output":"{\"a\":1}","outputDetails":{"truncated":false}}`},
	}
	if len(events) != len(want) {
		t.Fatalf("%d events, want %d", len(events), len(want))
	}
	for i, w := range want {
		details, ok := events[i][w.field]
		if !ok || w.details != "" && !sameJSON(asText(details), w.details) {
			t.Errorf("event %d: %s, want %s %s", i+1, asText(events[i]), w.field, w.details)
		}
		if at, ok := events[i]["timestamp"].(float64); !ok || at < 1e9 {
			t.Errorf("event %d has the timestamp %v", i+1, events[i]["timestamp"])
		}
	}
}
