package asl

import (
	"strings"
	"testing"
)

func TestFaultsAreFoundWhenAMachineIsCreated(t *testing.T) {
	one := func(state string) string { return `{"StartAt":"S","States":{"S":` + state + `}}` }
	dist := func(rest string) string {
		return one(`{"Type":"Map","End":true` + rest + `,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"I","States":{"I":{"Type":"Succeed"}}}}`)
	}
	reader := func(config string) string {
		return dist(`,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key":"k"},"ReaderConfig":{` + config + `}}`)
	}
	for _, c := range []struct{ definition, want string }{
		{``, "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"},
		{`[]`, "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"},
		{`nope`, "INVALID_JSON_DESCRIPTION: "},
		{`{}`, "SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt, States] at /"},
		{`{"StartAt":"S"}`, "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /"},
		{`{"StartAt":"X","States":{"S":{"Type":"Succeed"}}}`, "MISSING_TRANSITION_TARGET: Missing 'StartAt' target: X at /StartAt"},
		{one(`{"Type":"Pass","Next":"X"}`), "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/S/Next"},
		{`{"StartAt":"S","States":{"S":{"Type":"Succeed"},"T":{"Type":"Succeed"}}}`, `MISSING_TRANSITION_TARGET: State "T" is not reachable. at /States/T`},
		{one(`{"Type":"Pass"}`), "Exactly one of these fields is required: [End, Next] at /States/S"},
		{one(`{"Type":"Nap"}`), "Value 'Nap' is not one of"},
		{one(`{"Type":"Pass","Foo":1,"End":true}`), "Field 'Foo' is not supported at /States/S/Foo"},
		{`{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`, "the simulator does not run QueryLanguage JSONata: write the machine in JSONPath at /QueryLanguage"},
		{one(`{"Type":"Pass","Assign":{"a":1},"End":true}`), "the simulator does not run the field 'Assign' at /States/S/Assign"},
		{one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{},"End":true}`), "does not run 'arn:aws:states:::lambda:invoke.waitForTaskToken'"},
		{one(`{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true}`), "does not run 'arn:aws:states:::sqs:sendMessage'"},
		{one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`), "The field 'Parameters' is required but was missing at /States/S"},
		{one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Foo.$":"$"},"End":true}`), "The field 'Foo' is not supported by Step Functions"},
		{one(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","HeartbeatSeconds":3,"End":true}`), "heartbeats"},
		{one(`{"Type":"Pass","Parameters":{"a.$":"x"},"End":true}`), "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call"},
		{one(`{"Type":"Pass","ResultPath":"$.a[*]","End":true}`), "Value is not a Reference Path"},
		{one(`{"Type":"Wait","Seconds":1,"SecondsPath":"$.a","End":true}`), "Exactly one of these fields is required: [Seconds,"},
		{one(`{"Type":"Choice","Choices":[]}`), "At least one choice rule is required"},
		{one(`{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":"1","Next":"S"}]}`), "Expected value of type Numeric at /States/S/Choices/0/NumericEquals"},
		{one(`{"Type":"Choice","Choices":[{"Variable":"$.a","NumericMatches":"1","Next":"S"}]}`), "Field 'NumericMatches' is not supported"},
		{one(`{"Type":"Parallel","End":true,"Branches":[{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}]}`), "State name 'S' is not unique"},
		{one(`{"Type":"Parallel","End":true,"Branches":[],"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["X"]}]}`), "States.ALL must appear alone and at end of list"},
		{one(`{"Type":"Parallel","End":true,"Branches":[],"Retry":[{"ErrorEquals":["X"],"JitterStrategy":"HALF"}]}`), "Value 'HALF' is not one of"},
		{reader(`"InputType":"PARQUET"`), "does not run InputType PARQUET"},
		{reader(`"InputType":"MANIFEST"`), "does not run InputType MANIFEST"},
		{reader(`"InputType":"XML"`), "Value 'XML' is not one of"},
		{reader(`"InputType":"CSV"`), "These fields are required: [CSVHeaderLocation]"},
		{reader(`"InputType":"JSON","Transformation":"LOAD_AND_FLATTEN"`), "does not run Transformation of an ItemReader"},
		{dist(`,"Label":"a b"`), "Label must have"},
		{dist(`,"ItemBatcher":{}`), "At least one of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]"},
		{dist(`,"ResultWriter":{}`), "At least one of these fields is required: [Resource, WriterConfig]"},
		{one(`{"Type":"Map","End":true,"ToleratedFailureCount":1,"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Succeed"}}}}`), "Field 'ToleratedFailureCount' is not supported for Map state in INLINE mode"},
	} {
		m, faults := Parse([]byte(c.definition), false)
		var texts []string
		for _, f := range faults {
			texts = append(texts, f.String())
		}
		if all := strings.Join(texts, "\n"); m != nil || !strings.Contains(all, c.want) {
			t.Errorf("%s\nfaults %s\nwant %s", c.definition, all, c.want)
		}
	}
	if _, faults := Parse([]byte(dist("")), true); len(faults) != 1 || !strings.Contains(faults[0].Message, "Express state machine does not support") {
		t.Errorf("a Map Run in an Express machine: %v", faults)
	}
	inside := strings.Replace(dist(""), `{"I":{"Type":"Succeed"}}`, `{"I":`+strings.TrimSuffix(strings.TrimPrefix(strings.ReplaceAll(dist(""), `"I"`, `"J"`), `{"StartAt":"S","States":{"S":`), "}}")+`}`, 1)
	if _, faults := Parse([]byte(inside), false); len(faults) != 1 || !strings.Contains(faults[0].Message, "Express state machine does not support") || !strings.HasPrefix(faults[0].Location, "/States/S/ItemProcessor/States/I/") {
		t.Errorf("a Map Run in an EXPRESS child: %v", faults)
	}
	if m, faults := Parse([]byte(strings.Replace(inside, "EXPRESS", "STANDARD", 1)), false); m == nil {
		t.Errorf("a Map Run in a STANDARD child: %v", faults)
	}
	if m, faults := Parse([]byte(dist(`,"Label":"blocks","ToleratedFailurePercentage":2.5`)), false); m == nil || m.States["S"].Distributed.Tolerated.Percentage.Value != 2.5 {
		t.Errorf("a Map Run is refused: %v", faults)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, `{"StartAt":"S","States":{"S":{"Type":"Pass","Parameters":{"a.$":"States.Array($.b[0])"},"End":true}}}`,
		`{"StartAt":"S","States":{"S":{"Type":"Map","ItemsPath":null,"End":true,"Iterator":{"StartAt":"I","States":{"I":{"Type":"Wait","Timestamp":"2020-01-01T00:00:00Z","Next":"J"},"J":{"Type":"Fail"}}}}}}`,
		`{"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[{"Not":{"Variable":"$.a","IsNull":true},"Next":"S"}]}}}`, `{"StartAt":1,"States":[]}`, `{"StartAt":"S","States":{"S":null}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		m, faults := Parse(p, false)
		if (m == nil) != (len(faults) > 0) {
			t.Errorf("%q gives a machine %t and %d faults", p, m != nil, len(faults))
		}
		if m != nil && m.States[m.StartAt] == nil {
			t.Errorf("%q starts nowhere", p)
		}
	})
}
