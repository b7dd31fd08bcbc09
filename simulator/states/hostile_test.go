package states_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/states"
)

// TestHostileMachinesFailAndDoNoHarm runs machines that are made to use up memory or the stack.
func TestHostileMachinesFailAndDoNoHarm(t *testing.T) {
	copies := func(n int, value string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"a%d.$":%q,`, i, value)
		}
		return "{" + strings.TrimSuffix(b.String(), ",") + "}"
	}
	many := strings.Repeat("{}", 2000)
	args := strings.Repeat(", $", 2000)
	iterate := `"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}`
	branch := `"Branches":[{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}]`
	big := `["` + strings.Repeat("x", 200<<10) + `"]`
	wide := strings.Repeat(`{"StartAt":"%d","States":{"%d":{"Type":"Pass","End":true}}},`, 1)
	var branches strings.Builder
	for i := range 300 {
		fmt.Fprintf(&branches, wide, i, i)
	}
	cases := []struct{ name, definition, input, want string }{
		{"copies of the input", one(`{"Type":"Pass","End":true,"Parameters":` + copies(2000, "$") + `}`), big, "States.DataLimitExceeded: "},
		{"copies in a task's parameters", one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true,"Parameters":{"FunctionName":"echo","Payload":` + copies(2000, "$") + `}}`), big, "States.DataLimitExceeded: "},
		{"copies for a branch", one(`{"Type":"Parallel","End":true,"Parameters":` + copies(2000, "$") + `,` + branch + `}`), big, "States.DataLimitExceeded: "},
		{"copies for an iteration", one(`{"Type":"Map","End":true,"ItemSelector":` + copies(2000, "$") + `,` + iterate + `}`), big, "States.DataLimitExceeded: "},
		{"copies for a child", one(distributed("EXPRESS", pass, `,"ItemSelector":`+copies(2000, "$"))), big, "States.ItemReaderFailed: "},
		{"copies in a selector", one(task("echo", `,"ResultSelector":`+copies(2000, "$.Payload"))), big, "States.DataLimitExceeded: "},
		{"copies in a text", one(`{"Type":"Pass","End":true,"Parameters":{"a.$":"States.Format('` + many + `'` + args + `)"}}`), big, "States.IntrinsicFailure: "},
		{"copies as a text", one(`{"Type":"Pass","End":true,"Parameters":{"a.$":"States.JsonToString(States.Array($` + args + `))"}}`), big, "States.IntrinsicFailure: "},
		{"copies that are unique", one(`{"Type":"Pass","End":true,"Parameters":{"a.$":"States.ArrayUnique(States.Array(States.Array($` + args + `)))"}}`), big, "States.IntrinsicFailure: "},
		{"results of branches", one(`{"Type":"Parallel","End":true,"ResultSelector":{},"Branches":[` + strings.TrimSuffix(branches.String(), ",") + `]}`), `"` + strings.Repeat("x", 2<<10) + `"`, "States.DataLimitExceeded: The state/task 'S'"},
		{"a value that grows deeper", one(`{"Type":"Pass","Parameters":{"a":{"a":{"a":{"a.$":"$"}}}},"Next":"T"},"T":{"Type":"Choice","Choices":[{"Variable":"$.no","IsPresent":true,"Next":"U"}],"Default":"S"},"U":{"Type":"Succeed"}`),
			`1`, "States.Runtime: The result of the state/task 'S' cannot be used: the value nests deeper than 1000"},
		{"matches of matches", one(`{"Type":"Pass","End":true,"Parameters":{"a.$":"$..*..*"}}`), strings.Repeat("[", 900) + strings.Repeat("]", 900), "States.DataLimitExceeded: "},
		{"a deep cause", one(task("deep", "")), `1`, "Lambda.Unknown: The function's result is not JSON"},
	}
	lambda := testFunctions()
	deep := any(1)
	for range 5000 {
		deep = []any{deep}
	}
	lambda["deep"] = func(any) (any, error) { return deep, nil }
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, _ := execute(t, states.Config{Lambda: lambda}, c.definition, c.input)
			if got := fmt.Sprintf("%v: %v", out["error"], out["cause"]); out["status"] != "FAILED" || !strings.HasPrefix(got, c.want) {
				t.Errorf("%v, %.300s, want %s", out["status"], got, c.want)
			}
		})
	}
}

// TestHostileRequestsAreRefused has requests that must not reach the interpreter.
func TestHostileRequestsAreRefused(t *testing.T) {
	s := start(t, states.Config{})
	machine := create(t, s, "m", "STANDARD", one(pass))
	for _, depth := range []int{1001, 9999, 100000} {
		in := map[string]any{"stateMachineArn": machine, "input": strings.Repeat("[", depth) + strings.Repeat("]", depth)}
		if _, kind, text := try(s, "StartExecution", in); kind != "InvalidExecutionInput" {
			t.Errorf("an input of depth %d: %s: %.200s", depth, kind, text)
		}
		nested := strings.Repeat(`{"StartAt":"S","States":{"S":{"Type":"Parallel","End":true,"Branches":[`, depth/5)
		if _, kind, text := try(s, "CreateStateMachine", map[string]any{"name": "x", "roleArn": role, "definition": nested}); kind != "InvalidDefinition" && kind != "RequestEntityTooLargeException" {
			t.Errorf("a definition of depth %d: %s: %.200s", depth, kind, text)
		}
	}
	in := map[string]any{"stateMachineArn": machine, "input": strings.Repeat("[", 1000) + strings.Repeat("]", 1000)}
	if out := wait(t, s, call(t, s, "StartExecution", in)["executionArn"].(string)); out["status"] != "SUCCEEDED" || out["output"] != in["input"] {
		t.Errorf("an input of depth 1000: %v, %v", out["status"], out["error"])
	}
	for _, path := range []string{"$..a..b..c", "$" + strings.Repeat("[0,0,0,0]", 9), "$.a[?(@..b..c..d > 1)]"} {
		definition := one(`{"Type":"Pass","End":true,"Parameters":{"a.$":"` + path + `"}}`)
		if _, kind, text := try(s, "CreateStateMachine", map[string]any{"name": "x", "roleArn": role, "definition": definition}); kind != "InvalidDefinition" || !strings.Contains(text, "is no path for the simulator") {
			t.Errorf("%s: %s: %.200s", path, kind, text)
		}
	}
	large := one(`{"Type":"Pass","End":true,"Comment":"` + strings.Repeat("x", 1<<20) + `"}`)
	for _, op := range []string{"CreateStateMachine", "UpdateStateMachine", "ValidateStateMachineDefinition"} {
		in := map[string]any{"name": "x", "roleArn": role, "definition": large, "stateMachineArn": machine}
		if _, kind, text := try(s, op, in); kind != "ValidationException" || !strings.Contains(text, "less than or equal to 1048576") {
			t.Errorf("%s of more than 1 MiB: %s: %.200s", op, kind, text)
		}
	}
}

func TestCausesAreCut(t *testing.T) {
	lambda := functions{"long": func(any) (any, error) { return nil, &typed{"E", strings.Repeat("é", 1<<19)} }}
	for _, c := range []struct{ definition, input string }{{one(task("long", "")), "1"}, {one(`{"Type":"Fail","Error":"E","CausePath":"$"}`), `"` + strings.Repeat("é", 40000) + `"`}} {
		out, _ := execute(t, states.Config{Lambda: lambda}, c.definition, c.input)
		if cause, _ := out["cause"].(string); out["error"] != "E" || len(cause) > 32768 || len(cause) < 32700 || strings.ToValidUTF8(cause, "?") != cause {
			t.Errorf("%v with a cause of %d bytes", out["error"], len(cause))
		}
	}
}
