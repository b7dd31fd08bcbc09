package states_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/states"
)

// FuzzRequests sends anything to each operation: the answer is JSON, and never that the server is at fault.
func FuzzRequests(f *testing.F) {
	const execution, mapRun = `"arn:aws:states:us-east-1:000000000000:execution:m:e"`, `"arn:aws:states:us-east-1:000000000000:mapRun:m/L:x"`
	machine := `"` + machARN + `m"`
	definition, _ := json.Marshal(one(distributed("EXPRESS", pass, `,"ItemBatcher":{"MaxItemsPerBatch":2}`)))
	for op, body := range map[string]string{
		"CreateStateMachine":               `{"name":"n","roleArn":"arn:r","definition":` + string(definition) + `,"tags":[{"key":"a","value":"b"}]}`,
		"UpdateStateMachine":               `{"stateMachineArn":` + machine + `,"definition":` + string(definition) + `}`,
		"DescribeStateMachine":             `{"stateMachineArn":` + machine + `}`,
		"DescribeStateMachineForExecution": `{"executionArn":` + execution + `}`,
		"DeleteStateMachine":               `{"stateMachineArn":` + machine + `}`,
		"ListStateMachines":                `{"maxResults":1,"nextToken":"YQ"}`,
		"ValidateStateMachineDefinition":   `{"definition":` + string(definition) + `,"maxResults":1}`,
		"StartExecution":                   `{"stateMachineArn":` + machine + `,"name":"e","input":"[1,{\"a\":2}]"}`,
		"StartSyncExecution":               `{"stateMachineArn":"` + machARN + `q","input":"null"}`,
		"DescribeExecution":                `{"executionArn":` + execution + `}`,
		"StopExecution":                    `{"executionArn":` + execution + `,"error":"E"}`,
		"ListExecutions":                   `{"stateMachineArn":` + machine + `,"statusFilter":"FAILED"}`,
		"GetExecutionHistory":              `{"executionArn":` + execution + `,"reverseOrder":true,"nextToken":"LTE","includeExecutionData":false}`,
		"RedriveExecution":                 `{"executionArn":` + execution + `,"clientToken":"t"}`,
		"ListMapRuns":                      `{"executionArn":` + execution + `}`,
		"DescribeMapRun":                   `{"mapRunArn":` + mapRun + `}`,
		"UpdateMapRun":                     `{"mapRunArn":` + mapRun + `,"maxConcurrency":1,"toleratedFailurePercentage":1e2}`,
		"TagResource":                      `{"resourceArn":` + machine + `,"tags":[{"key":"a","value":"b"}]}`,
		"UntagResource":                    `{"resourceArn":` + machine + `,"tagKeys":["a"]}`,
		"ListTagsForResource":              `{"resourceArn":` + machine + `}`,
	} {
		f.Add(op, []byte(body))
	}
	f.Fuzz(func(t *testing.T, op string, body []byte) {
		s, err := states.New(states.Config{Lambda: testFunctions()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		create(t, s, "m", "STANDARD", one(distributed("STANDARD", pass, "")))
		create(t, s, "q", "EXPRESS", one(pass))
		call(t, s, "StartExecution", map[string]any{"stateMachineArn": machARN + "m", "name": "e", "input": "[1,2]"})
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		r.Header.Set("X-Amz-Target", states.TargetPrefix+op)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: status %d, %s", op, body, w.Code, w.Body)
		}
		if out := wait(t, s, "arn:aws:states:us-east-1:000000000000:execution:m:e"); op != "StopExecution" && out["output"] != "[1,2]" {
			t.Errorf("%s %q harms an execution: %v", op, body, out)
		}
	})
}
