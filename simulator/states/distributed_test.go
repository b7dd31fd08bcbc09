package states_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/shardwise/shardwise/simulator/states"
)

func asText(v any) string {
	p, _ := json.Marshal(v)
	return string(p)
}

const pass = `{"Type":"Pass","End":true}`

// TestMapRunsReadAndBatch compares the results of Map Runs over each kind of source.
func TestMapRunsReadAndBatch(t *testing.T) {
	objects := map[string]string{
		"a.json": `[1,{"x":"é"},null]`, "deep.json": `{"skip":[{"a":[1]}],"in":{"a/b":[7,8]}}`, "no.json": `{"a":1}`, "lines.jsonl": "{\"a\":1}\n\n2\n",
		"rows.csv": "\ufeffa,b\n1,\"x\n,y\"\n2\n3,4,5\n", "bare.csv": "1|2\n", "twice.csv": "a,a\n1,2\n", "bad.json": `[1,`, "p/1": "", "p/2": "x", "p/3": "", "q/1": "",
	}
	get := func(key, config string) string {
		return `,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"bkt","Key":"` + key + `"},"ReaderConfig":{` + config + `}}`
	}
	cases := []struct{ name, rest, input, want string }{
		{"JSON", get("a.json", `"InputType":"JSON"`), `{}`, `[1,{"x":"é"},null]`},
		{"MaxItems", get("a.json", `"InputType":"JSON","MaxItems":2`), `{}`, `[1,{"x":"é"}]`},
		{"ItemsPointer", get("deep.json", `"InputType":"JSON","ItemsPointer":"/in/a~1b"`), `{}`, `[7,8]`},
		{"no array", get("no.json", `"InputType":"JSON"`), `{}`, "States.ItemReaderFailed: Attempting to map over non-iterable node."},
		{"cut JSON", get("bad.json", `"InputType":"JSON"`), `{}`, "States.ItemReaderFailed: "},
		{"no object", get("none", `"InputType":"JSON"`), `{}`, "States.ItemReaderFailed: read s3://bkt/none: NoSuchKey"},
		{"MaxItems must be positive", get("a.json", `"InputType":"JSON","MaxItemsPath":"$.n"`), `{"n":-1}`, "States.ItemReaderFailed: field MaxItems must be positive"},
		{"JSON Lines", get("lines.jsonl", `"InputType":"JSONL"`), `{}`, `[{"a":1},2]`},
		{"CSV", get("rows.csv", `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`), `{}`, `[{"a":"1","b":"x\n,y"},{"a":"2","b":""},{"a":"3","b":"4"}]`},
		{"CSV with headers", get("bare.csv", `"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["x","y"],"CSVDelimiter":"PIPE"`), `{}`, `[{"x":"1","y":"2"}]`},
		{"CSV headers twice", get("twice.csv", `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`), `{}`, "States.ItemReaderFailed: CSV headers cannot contain duplicates."},
		{"a list", `,"ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","Parameters":{"Bucket":"bkt","Prefix":"p/"}},"ItemSelector":{"k.$":"$$.Map.Item.Value.Key","s.$":"$$.Map.Item.Value.Size"}`, `{}`,
			`[{"k":"p/1","s":0},{"k":"p/2","s":1},{"k":"p/3","s":0}]`},
		{"ItemSelector", `,"ItemsPath":"$.l","ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","c.$":"$.c"}`, `{"l":["a","b"],"c":1}`, `[{"i":0,"v":"a","c":1},{"i":1,"v":"b","c":1}]`},
		{"batches by count", `,"ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"c.$":"$[0]"}}`, `[1,2,3]`, `[{"BatchInput":{"c":1},"Items":[1,2]},{"BatchInput":{"c":1},"Items":[3]}]`},
		{"batches by bytes", `,"ItemBatcher":{"MaxInputBytesPerBatch":22}`, `["aaaa","bbbb","c"]`, `[{"Items":["aaaa"]},{"Items":["bbbb","c"]}]`},
		{"nothing", "", `[]`, `[]`},
		{"results that are flattened", `,"ResultWriter":{"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSON"}}`, `[[1,2],3]`, `[1,2,3]`},
	}
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		for _, c := range cases {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				out, _ := execute(t, states.Config{Objects: newBucket(objects)}, one(distributed(kind, pass, c.rest)), c.input)
				if out["status"] == "SUCCEEDED" {
					if !sameJSON(out["output"].(string), c.want) {
						t.Errorf("output %s, want %s", out["output"], c.want)
					}
				} else if got := fmt.Sprintf("%v: %v", out["error"], out["cause"]); !strings.HasPrefix(got, c.want) {
					t.Errorf("%.600s, want %s", got, c.want)
				}
			})
		}
	}
}

func TestResultsOfAMapRunMustFitIntoAState(t *testing.T) {
	child := `{"Type":"Pass","Result":"` + strings.Repeat("x", 90<<10) + `","End":true}`
	for items, want := range map[string]string{"[1,2]": "SUCCEEDED", "[1,2,3]": "FAILED"} {
		out, _ := execute(t, states.Config{}, one(distributed("EXPRESS", child, "")), items)
		if out["status"] != want || want == "FAILED" && out["error"] != "States.DataLimitExceeded" {
			t.Errorf("%s: %v, %v", items, out["status"], out["error"])
		}
	}
}

// TestToleratedFailures follows what AWS does with children that fail.
func TestToleratedFailures(t *testing.T) {
	lambda := functions{"odd": func(p any) (any, error) {
		if batch, ok := p.(map[string]any); ok {
			for _, p = range batch["Items"].([]any) {
				if int(p.(float64))%2 == 1 {
					break
				}
			}
		}
		if int(p.(float64))%2 == 1 {
			return nil, &typed{"Odd", "no"}
		}
		return p, nil
	}}
	const task = `{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:odd","End":true}`
	const over = "States.ExceedToleratedFailureThreshold: The specified tolerated failure threshold was exceeded"
	bad := `{"Status":"FAILED","Error":"Odd","Cause":"{\"errorMessage\":\"no\",\"errorType\":\"Odd\"}"}`
	for _, c := range []struct{ name, rest, want string }{
		{"none is tolerated", "", over},
		{"zero is not set", `,"ToleratedFailureCount":0,"ToleratedFailurePercentage":50.0`, `[0,` + bad + `,2,` + bad + `]`},
		{"a count", `,"ToleratedFailureCount":2`, `[0,` + bad + `,2,` + bad + `]`},
		{"a count that is exceeded", `,"ToleratedFailureCount":1`, over},
		{"a percentage that is exceeded", `,"ToleratedFailurePercentage":49`, over},
		{"either limit fails", `,"ToleratedFailureCount":1,"ToleratedFailurePercentage":100`, over},
		{"a failed batch counts its items", `,"ToleratedFailureCount":3,"ItemBatcher":{"MaxItemsPerBatch":3}`, over},
		{"a failed batch fills one slot", `,"ToleratedFailureCount":4,"ItemBatcher":{"MaxItemsPerBatch":3}`, `[` + bad + `,` + bad + `]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _ := execute(t, states.Config{Lambda: lambda}, one(distributed("EXPRESS", task, c.rest)), `[0,1,2,3]`)
			if out["status"] == "SUCCEEDED" {
				if !sameJSON(out["output"].(string), c.want) {
					t.Errorf("output %s, want %s", out["output"], c.want)
				}
			} else if got := fmt.Sprintf("%v: %v", out["error"], out["cause"]); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestResultWriter compares the layout and the manifest with AWS's.
func TestResultWriter(t *testing.T) {
	b := newBucket(nil)
	s := start(t, states.Config{Objects: b, Lambda: testFunctions()})
	child := `{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":2,"Next":"F"}],"Default":"P"},"P":{"Type":"Pass","End":true},"F":{"Type":"Fail","Error":"E","Cause":"C"}`
	machine := create(t, s, "m", "STANDARD", one(distributed("STANDARD", child, `,"ToleratedFailureCount":1,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"bkt","Prefix":"out"}}`)))
	arn := begin(t, s, machine, `[1,2,3]`)
	out := wait(t, s, arn)
	runs := call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any)
	run := runs[0].(map[string]any)["mapRunArn"].(string)
	id := run[strings.LastIndexByte(run, ':')+1:]
	if want := fmt.Sprintf(`{"MapRunArn":%q,"ResultWriterDetails":{"Bucket":"bkt","Key":"out/%s/manifest.json"}}`, run, id); out["output"] == nil || !sameJSON(out["output"].(string), want) {
		t.Fatalf("%v, want output %s", out, want)
	}
	if !strings.HasPrefix(run, "arn:aws:states:us-east-1:000000000000:mapRun:m/L:") {
		t.Errorf("Map Run %s", run)
	}
	good, bad := string(b.objects["out/"+id+"/SUCCEEDED_0.json"]), string(b.objects["out/"+id+"/FAILED_0.json"])
	want := fmt.Sprintf(`{"DestinationBucket":"bkt","MapRunArn":%q,"ResultFiles":{"FAILED":[{"Key":"out/%s/FAILED_0.json","Size":%d}],"PENDING":[],"SUCCEEDED":[{"Key":"out/%s/SUCCEEDED_0.json","Size":%d}]}}`, run, id, len(bad), id, len(good))
	if got := string(b.objects["out/"+id+"/manifest.json"]); !sameJSON(got, want) {
		t.Errorf("manifest %s\nwant %s", got, want)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(good), &list); err != nil || len(list) != 2 || list[0]["Output"] != "1" || list[1]["Input"] != "3" || list[0]["Status"] != "SUCCEEDED" ||
		list[0]["StateMachineArn"] != machARN+"m/L" {
		t.Errorf("SUCCEEDED_0.json: %s (%v)", good, err)
	}
	if err := json.Unmarshal([]byte(bad), &list); err != nil || len(list) != 1 || list[0]["Error"] != "E" || list[0]["Cause"] != "C" {
		t.Errorf("FAILED_0.json: %s (%v)", bad, err)
	}
	d := call(t, s, "DescribeMapRun", map[string]any{"mapRunArn": run})
	if c := `{"pending":0,"running":0,"succeeded":2,"failed":1,"timedOut":0,"aborted":0,"total":3,"resultsWritten":3}`; !sameJSON(asText(d["itemCounts"]), c) || !sameJSON(asText(d["executionCounts"]), c) || d["status"] != "SUCCEEDED" {
		t.Errorf("DescribeMapRun: %v", d)
	}
	children := call(t, s, "ListExecutions", map[string]any{"mapRunArn": run, "statusFilter": "FAILED"})["executions"].([]any)
	if len(children) != 1 {
		t.Fatalf("failed children: %v", children)
	}
	one := call(t, s, "DescribeExecution", map[string]any{"executionArn": children[0].(map[string]any)["executionArn"]})
	if one["input"] != "2" || one["redriveStatus"] != "REDRIVABLE_BY_MAP_RUN" || one["mapRunArn"] != run {
		t.Errorf("the failed child: %v", one)
	}
	sub := call(t, s, "DescribeStateMachineForExecution", map[string]any{"executionArn": one["executionArn"]})
	if sub["label"] != "L" || !strings.Contains(sub["definition"].(string), `"StartAt":"I"`) || strings.Contains(sub["definition"].(string), "ItemProcessor") {
		t.Errorf("the failed child's machine: %v", sub)
	}
}

// TestRedriveFinishesOnlyWhatIsMissing redrives executions whose functions were mended meanwhile.
func TestRedriveFinishesOnlyWhatIsMissing(t *testing.T) {
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		t.Run(kind, func(t *testing.T) {
			var mended atomic.Bool
			var first, second atomic.Int64
			lambda := functions{
				"first": func(p any) (any, error) { first.Add(1); return p, nil },
				"second": func(p any) (any, error) {
					second.Add(1)
					if p.(float64) == 3 && !mended.Load() {
						return nil, &typed{"Broken", "no"}
					}
					return p.(float64) * 10, nil
				},
			}
			child := `{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:first","Next":"J"},"J":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:second","End":true}`
			dir := t.TempDir()
			s, err := states.New(states.Config{Dir: dir, Lambda: lambda})
			if err != nil {
				t.Fatal(err)
			}
			arn := begin(t, s, create(t, s, "m", "STANDARD", one(distributed(kind, child, `,"MaxConcurrency":1`))), `[1,2,3,4]`)
			if out := wait(t, s, arn); out["error"] != "States.ExceedToleratedFailureThreshold" || out["redriveStatus"] != "REDRIVABLE" {
				t.Fatalf("first run: %v", out)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = start(t, states.Config{Dir: dir, Lambda: lambda})
			mended.Store(true)
			call(t, s, "RedriveExecution", map[string]any{"executionArn": arn})
			out := wait(t, s, arn)
			if out["output"] != "[10,20,30,40]" || out["redriveCount"] != 1.0 || out["redriveStatusReason"] != "Execution is SUCCEEDED and cannot be redriven" {
				t.Errorf("after the redrive: %v", out)
			}
			again := map[string]int64{"STANDARD": 4, "EXPRESS": 5}[kind] // an EXPRESS child starts again, a STANDARD one where it failed
			if first.Load() != again || second.Load() != 5 {
				t.Errorf("%d and %d calls, want %d and 5", first.Load(), second.Load(), again)
			}
			want := "1:0 ExecutionStarted\n2:0 MapStateEntered\n3:2 MapStateStarted\n4:3 MapRunStarted\n5:4 MapRunFailed\n6:5 MapStateFailed\n7:6 ExecutionFailed\n" +
				"8:6 ExecutionRedriven\n9:8 MapRunRedriven\n10:9 MapRunSucceeded\n11:10 MapStateSucceeded\n12:9 MapStateExited\n13:12 ExecutionSucceeded\n"
			if got := order(events(t, s, arn)); got != want {
				t.Errorf("history\n%s\nwant\n%s", got, want)
			}
			if _, kind, text := try(s, "RedriveExecution", map[string]any{"executionArn": arn}); kind != "ExecutionNotRedrivable" {
				t.Errorf("a second redrive: %s: %s", kind, text)
			}
			runs := call(t, s, "ListMapRuns", map[string]any{"executionArn": arn})["mapRuns"].([]any)
			d := call(t, s, "DescribeMapRun", map[string]any{"mapRunArn": runs[0].(map[string]any)["mapRunArn"]})
			if len(runs) != 1 || d["redriveCount"] != 1.0 || d["status"] != "SUCCEEDED" || d["itemCounts"].(map[string]any)["succeeded"] != 4.0 {
				t.Errorf("%d Map Runs, %v", len(runs), d)
			}
		})
	}
}
