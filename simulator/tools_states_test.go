//go:build unix

package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/shardwise/shardwise/simulator"
)

const echoMachine = `{"StartAt":"Call","States":{"Call":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	"Parameters":{"FunctionName":"echo","Payload.$":"$"},"OutputPath":"$.Payload","End":true}}}`

// startStates starts a simulator of Lambda and Step Functions with one function.
func startStates(t *testing.T) *simulator.Simulator {
	t.Helper()
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "echo", "echo")}, Buckets: []string{"bkt"}, StepFunctions: &simulator.StepFunctions{Dir: t.TempDir()}})
	return sim
}

func TestTheGoSDKRunsStateMachines(t *testing.T) {
	t.Parallel()
	sim := startStates(t)
	noPrefix := func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("noHostPrefix", func(ctx context.Context, in middleware.InitializeInput,
			next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
	}
	c := sfn.New(sfn.Options{Region: simulator.DefaultRegion, BaseEndpoint: aws.String(sim.Endpoint()), Credentials: credentials.NewStaticCredentialsProvider("ak", "sk", ""),
		APIOptions: []func(*middleware.Stack) error{noPrefix}, HTTPClient: httpClient(t)})
	ctx := t.Context()
	create := func(name string, kind types.StateMachineType) *string {
		out, err := c.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: &name, Type: kind, Definition: aws.String(echoMachine), RoleArn: aws.String("arn:aws:iam::000000000000:role/r")})
		if err != nil {
			t.Fatal(err)
		}
		return out.StateMachineArn
	}
	sync, err := c.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: create("quick", types.StateMachineTypeExpress), Input: aws.String(`{"a":1}`)})
	if err != nil || sync.Status != types.SyncExecutionStatusSucceeded || *sync.Output != `{"a":1}` {
		t.Errorf("StartSyncExecution: %+v, %v", sync, err)
	}
	started, err := c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: create("m", types.StateMachineTypeStandard), Input: aws.String(`{"a":2}`)})
	if err != nil {
		t.Fatal(err)
	}
	var d *sfn.DescribeExecutionOutput
	for d == nil || d.Status == types.ExecutionStatusRunning {
		time.Sleep(5 * time.Millisecond)
		if d, err = c.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn}); err != nil {
			t.Fatal(err)
		}
	}
	h, err := c.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: started.ExecutionArn})
	if err != nil || d.Status != types.ExecutionStatusSucceeded || *d.Output != `{"a":2}` || len(h.Events) != 7 || *h.Events[2].TaskScheduledEventDetails.Resource != "invoke" ||
		time.Since(*h.Events[6].Timestamp) > time.Hour {
		t.Errorf("%+v, history of %d events, %v", d, len(h.Events), err)
	}
	// Left alone, the SDK asks the host sync-127.0.0.1: the simulator serves that name too, where it resolves.
	dial := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(addr, "sync-"))
	}}
	t.Cleanup(dial.CloseIdleConnections)
	prefixed := sfn.New(sfn.Options{Region: simulator.DefaultRegion, BaseEndpoint: aws.String(sim.Endpoint()), Credentials: credentials.NewStaticCredentialsProvider("ak", "sk", ""),
		HTTPClient: &http.Client{Transport: dial}})
	if out, err := prefixed.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: create("quick", types.StateMachineTypeExpress), Input: aws.String(`{"a":3}`)}); err != nil || *out.Output != `{"a":3}` {
		t.Errorf("StartSyncExecution at a host with prefix: %+v, %v", out, err)
	}
	var none *types.StateMachineDoesNotExist
	if _, err := c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String("arn:aws:states:us-east-1:000000000000:stateMachine:none")}); !errors.As(err, &none) {
		t.Errorf("a missing machine: %v", err)
	}
}

const boto3States = `
import boto3, json, time
from botocore.config import Config
c = boto3.client("stepfunctions", config=Config(inject_host_prefix=False))
definition = json.dumps({"StartAt": "Many", "States": {"Many": {"Type": "Map", "Label": "blocks", "End": True, "ToleratedFailureCount": 1,
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "Call", "States": {"Call": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "echo", "Payload.$": "$"}, "OutputPath": "$.Payload", "End": True}}}}}})
role = "arn:aws:iam::000000000000:role/r"
m = c.create_state_machine(name="m", definition=definition, roleArn=role)["stateMachineArn"]
assert c.validate_state_machine_definition(definition=definition)["result"] == "OK"
e = c.start_execution(stateMachineArn=m, input="[1, 2, 3]")["executionArn"]
while (d := c.describe_execution(executionArn=e))["status"] == "RUNNING":
    time.sleep(0.01)
assert d["status"] == "SUCCEEDED" and json.loads(d["output"]) == [1, 2, 3], d
h = c.get_execution_history(executionArn=e)["events"]
assert [v["type"] for v in h][3:5] == ["MapRunStarted", "MapRunSucceeded"] and h[6]["previousEventId"] == 4, h
r = c.list_map_runs(executionArn=e)["mapRuns"][0]["mapRunArn"]
assert c.describe_map_run(mapRunArn=r)["itemCounts"]["succeeded"] == 3
q = c.create_state_machine(name="q", type="EXPRESS", roleArn=role, definition='{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}')["stateMachineArn"]
assert c.start_sync_execution(stateMachineArn=q, input="[7]")["output"] == "[7]"
s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
for i in range(3):
    s3.put_object(Bucket="bkt", Key="in/é %d+.json" % i, Body=json.dumps([i, i + 10]))
listing = json.loads(definition)
listing["States"]["Many"].update(ItemReader={"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "bkt", "Prefix": "in/"}},
    ResultWriter={"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "bkt", "Prefix": "out"}})
l = c.create_state_machine(name="l", definition=json.dumps(listing), roleArn=role)["stateMachineArn"]
e = c.start_execution(stateMachineArn=l)["executionArn"]
while (d := c.describe_execution(executionArn=e))["status"] == "RUNNING":
    time.sleep(0.01)
assert d["status"] == "SUCCEEDED", d
manifest = json.loads(s3.get_object(Bucket="bkt", Key=json.loads(d["output"])["ResultWriterDetails"]["Key"])["Body"].read())
results = json.loads(s3.get_object(Bucket="bkt", Key=manifest["ResultFiles"]["SUCCEEDED"][0]["Key"])["Body"].read())
assert [json.loads(r["Output"])["Key"] for r in results] == ["in/é 0+.json", "in/é 1+.json", "in/é 2+.json"], results
reading = json.loads(definition)
reading["States"]["Many"]["ItemReader"] = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "bkt", "Key": "in/é 1+.json"}}
g = c.create_state_machine(name="g", definition=json.dumps(reading), roleArn=role)["stateMachineArn"]
e = c.start_execution(stateMachineArn=g)["executionArn"]
while (d := c.describe_execution(executionArn=e))["status"] == "RUNNING":
    time.sleep(0.01)
assert d.get("output") == "[1,11]", d
try:
    c.create_state_machine(name="bad", definition='{"StartAt":"P"}', roleArn=role)
except c.exceptions.InvalidDefinition as x:
    assert x.response["Error"]["Message"] == "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'", x
assert [x["name"] for x in c.list_state_machines()["stateMachines"]] == ["m", "q", "l", "g"]
def ended(e):
    while (d := c.describe_execution(executionArn=e))["status"] == "RUNNING":
        time.sleep(0.01)
    return d
# Two of three items name a function that is missing at first; the redrive after it is there runs these only.
calling = json.loads(definition)
calling["States"]["Many"]["ToleratedFailureCount"] = 1
calling["States"]["Many"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "STANDARD"
calling["States"]["Many"]["ItemProcessor"]["States"]["Call"]["Parameters"] = {"FunctionName.$": "$", "Payload.$": "$"}
f = c.create_state_machine(name="f", definition=json.dumps(calling), roleArn=role)["stateMachineArn"]
e = c.start_execution(stateMachineArn=f, name="once", input='["echo", "late", "late"]')["executionArn"]
d = ended(e)
assert d["status"] == "FAILED" and d["error"] == "States.ExceedToleratedFailureThreshold" and d["redriveStatus"] == "REDRIVABLE", d
r = c.list_map_runs(executionArn=e)["mapRuns"][0]["mapRunArn"]
counts = c.describe_map_run(mapRunArn=r)["itemCounts"]
assert counts["total"] == 3 and counts["succeeded"] + counts["failed"] + counts["aborted"] + counts["pending"] == 3 and counts["failed"] >= 2, counts
failed = [x["executionArn"] for p in c.get_paginator("list_executions").paginate(mapRunArn=r, statusFilter="FAILED", PaginationConfig={"PageSize": 1}) for x in p["executions"]]
assert len(failed) == 2 and c.describe_execution(executionArn=failed[0])["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN", failed
try:
    c.redrive_execution(executionArn=failed[0])
    raise AssertionError("a child was redriven by itself")
except c.exceptions.ExecutionNotRedrivable:
    pass
c.update_map_run(mapRunArn=r, toleratedFailureCount=2)
c.redrive_execution(executionArn=e)
d = ended(e)
assert d["status"] == "SUCCEEDED" and d["redriveCount"] == 1 and d["redriveDate"] > d["startDate"], d
out = json.loads(d["output"])
assert out[0] == "echo" and out[1]["Error"] == out[2]["Error"] == "Lambda.ResourceNotFoundException", out
types = [v["type"] for p in c.get_paginator("get_execution_history").paginate(executionArn=e, PaginationConfig={"PageSize": 3}) for v in p["events"]]
assert types.index("MapRunRedriven") == types.index("ExecutionRedriven") + 1 and types[-1] == "ExecutionSucceeded", types
waiting = '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1000,"End":true}}}'
u = c.update_state_machine(stateMachineArn=f, definition=waiting)
assert c.describe_state_machine(stateMachineArn=f)["revisionId"] == u["revisionId"]
e = c.start_execution(stateMachineArn=f)["executionArn"]
assert c.describe_state_machine_for_execution(executionArn=e)["definition"] == waiting
c.stop_execution(executionArn=e, error="E", cause="C")
d = ended(e)
assert d["status"] == "ABORTED" and d["error"] == "E" and d["cause"] == "C" and d["stopDate"] >= d["startDate"], d
bad = c.validate_state_machine_definition(definition=waiting.replace("Wait", "Nap"))
assert bad["result"] == "FAIL" and bad["diagnostics"][0]["location"] == "/States/W/Type", bad
for call, kind in ((lambda: c.start_execution(stateMachineArn=f, name="once", input="[]"), c.exceptions.ExecutionAlreadyExists), (lambda: c.describe_execution(executionArn=e + "x"), c.exceptions.ExecutionDoesNotExist),
        (lambda: c.describe_map_run(mapRunArn=r + "x"), c.exceptions.ResourceNotFound), (lambda: c.start_sync_execution(stateMachineArn=f), c.exceptions.StateMachineTypeNotSupported),
        (lambda: c.start_execution(stateMachineArn=f, input="{"), c.exceptions.InvalidExecutionInput)):
    try:
        call()
        raise AssertionError("no " + kind.__name__)
    except kind:
        pass
c.delete_state_machine(stateMachineArn=f)
print("fine")
`

func TestBoto3RunsStateMachines(t *testing.T) {
	t.Parallel()
	python, _ := tool(t, "python3", "-c", hasBoto3)
	sim := startStates(t)
	cmd := exec.Command(python, "-c", boto3States)
	cmd.Env = toolEnv(sim.Endpoint())
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "fine" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestTheValidatorAcceptsWhatIsRun asks another implementation of the states language about definitions that the simulator takes.
func TestTheValidatorAcceptsWhatIsRun(t *testing.T) {
	if os.Getenv("SHARDWISE_REQUIRE_TOOLS") != "1" {
		t.Skip("asl-validator comes from the npm registry; set SHARDWISE_REQUIRE_TOOLS=1 to fetch it")
	}
	npx, _ := tool(t, "npx", "--version")
	sim := startStates(t)
	for i, definition := range []string{echoMachine, batchMachine} {
		file := filepath.Join(t.TempDir(), "definition.json")
		if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), npx, "--yes", "asl-validator@4.0.0", "--json-path", file).CombinedOutput(); err != nil {
			t.Errorf("definition %d: %v: %s", i, err, out)
		}
		body, err := json.Marshal(map[string]string{"definition": definition})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.Endpoint(), bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AWSStepFunctions.ValidateStateMachineDefinition")
		answer, err := httpClient(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil || !strings.Contains(string(text), `"result":"OK"`) {
			t.Errorf("definition %d: the simulator says %s (%v)", i, text, err)
		}
	}
}

// batchMachine has most of what a batch over blocks needs.
const batchMachine = `{"StartAt":"Blocks","States":{"Blocks":{"Type":"Map","Label":"blocks","MaxConcurrency":8,"ToleratedFailurePercentage":5,"End":true,
	"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON","MaxItems":1000},"Parameters":{"Bucket":"bkt","Key.$":"$.index"}},
	"ItemSelector":{"block.$":"$$.Map.Item.Value","index.$":"$$.Map.Item.Index"},
	"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"bkt","Prefix":"results"}},
	"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"Stage","States":{
	"Stage":{"Type":"Parallel","ResultPath":"$.keys","Next":"Aggregate","Branches":[{"StartAt":"Shard0","States":{"Shard0":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
		"Parameters":{"FunctionName":"shard-0","Payload.$":"$"},"ResultSelector":{"key.$":"$.Payload.key"},"TimeoutSeconds":60,"End":true,
		"Retry":[{"ErrorEquals":["Lambda.TooManyRequestsException"],"IntervalSeconds":1,"MaxAttempts":4,"BackoffRate":2,"MaxDelaySeconds":3,"JitterStrategy":"FULL"}]}}}]},
	"Aggregate":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"aggregate","Payload.$":"$"},"OutputPath":"$.Payload","End":true,
		"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.fault","Next":"Poisoned"}]},
	"Poisoned":{"Type":"Fail","ErrorPath":"$.fault.Error","CausePath":"$.fault.Cause"}}}}}}`
