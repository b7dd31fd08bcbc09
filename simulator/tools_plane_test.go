//go:build unix

package simulator_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/simulator/faults"
)

// dataPlane is what the tools below drive: a function with a version and an alias, one that streams, one whose reply is too late,
// and one that a fault throttles.
func dataPlane(t *testing.T) *simulator.Simulator {
	t.Helper()
	f, slow := fn(t, "f", "script"), fn(t, "slow", "script")
	f.Versions, f.Aliases = []simulator.Version{{Number: "1"}}, map[string]string{"live": "1"}
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{f, fn(t, "stream", "stream"), slow, fn(t, "echo", "echo")},
		Faults: &faults.Plan{Rules: []faults.Rule{{Fault: faults.Timeout, Function: "slow"}}}})
	return sim
}

const planeScript = `
import base64, boto3, json, sys, time
c = boto3.client("lambda")
def body(r):
    return json.loads(r["Payload"].read())
context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
for name, qualifier, version in [("f", "live", "1"), ("f:live", None, "1"), ("f", "1", "1"), ("function:f", None, "$LATEST"),
        ("000000000000:function:f:live", None, "1"), ("arn:aws:lambda:us-east-1:000000000000:function:f", "live", "1")]:
    r = c.invoke(FunctionName=name, Payload=json.dumps({"Do": "context"}), ClientContext=context, **({"Qualifier": qualifier} if qualifier else {}))
    assert r["ExecutedVersion"] == version, r
    b = body(r)
    assert b["id"] == r["ResponseMetadata"]["RequestId"] and b["client"]["custom"] == {"k": "v"}, b
r = c.invoke(FunctionName="f", Payload=json.dumps({"Do": "log", "Arg": "a line\n"}), LogType="Tail")
log = base64.b64decode(r["LogResult"]).decode()
assert "a line\n" in log and log.startswith("START RequestId: ") and "Max Memory Used" in log, log
r = c.invoke(FunctionName="f", Payload=json.dumps({"Do": "panic", "Arg": "out of thin air"}))
b = body(r)
assert r["FunctionError"] == "Unhandled" and b["errorMessage"] == "out of thin air" and b["stackTrace"], b
r = c.invoke(FunctionName="slow")
assert body(r)["errorType"] == "Sandbox.Timedout", r
assert c.invoke(FunctionName="f", Qualifier="live", InvocationType="DryRun")["StatusCode"] == 204
assert c.invoke_async(FunctionName="echo", InvokeArgs=b"1")["Status"] == 202
def stream(**kv):
    return list(c.invoke_with_response_stream(**kv)["EventStream"])
events = stream(FunctionName="stream", Payload=json.dumps({"Bytes": 8 << 20}))
assert sum(len(e["PayloadChunk"]["Payload"]) for e in events[:-1]) == 8 << 20 and events[-1] == {"InvokeComplete": {}}, events[-1]
events = stream(FunctionName="stream", Payload=json.dumps({"Do": "error", "Arg": "no"}), LogType="Tail")
done = events[-1]["InvokeComplete"]
assert done["ErrorCode"] == "Unhandled" and json.loads(done["ErrorDetails"])["errorMessage"] == "no" and done["LogResult"], events
for kv, kind in [(dict(FunctionName="none"), "ResourceNotFoundException"), (dict(FunctionName="f:none"), "ResourceNotFoundException")]:
    for call in (c.invoke, lambda **kv: stream(**kv)):
        try:
            call(**kv)
            sys.exit("%s was accepted" % kv)
        except c.exceptions.ClientError as e:
            assert e.response["Error"]["Code"] == kind, e.response
r = c.put_provisioned_concurrency_config(FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=2)
assert r["RequestedProvisionedConcurrentExecutions"] == 2 and r["ResponseMetadata"]["HTTPStatusCode"] == 202, r
for _ in range(200):
    r = c.get_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
    if r["Status"] == "READY":
        break
    time.sleep(0.05)
assert r["Status"] == "READY" and r["AvailableProvisionedConcurrentExecutions"] == 2, r
assert "AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency" in body(c.invoke(FunctionName="f:live", Payload=json.dumps({"Do": "environ"})))
l = c.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
assert [x["FunctionArn"][-7:] for x in l] == [":f:live"], l
c.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
try:
    c.get_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
    sys.exit("a deleted configuration is there")
except c.exceptions.ProvisionedConcurrencyConfigNotFoundException as e:
    assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 404, e.response
print("fine")
`

func TestBoto3DrivesTheWholeDataPlane(t *testing.T) {
	t.Parallel()
	python, _ := tool(t, "python3", "-c", hasBoto3)
	cmd := exec.Command(python, "-c", planeScript)
	cmd.Env = append(toolEnv(dataPlane(t).Endpoint()), "AWS_MAX_ATTEMPTS=1")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "fine" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheAWSCommandLineDrivesTheWholeDataPlane(t *testing.T) {
	t.Parallel()
	aws, version := tool(t, "aws", "--version")
	sim := dataPlane(t)
	out := filepath.Join(t.TempDir(), "out")
	raw := []string{}
	if strings.HasPrefix(version, "aws-cli/2") {
		raw = []string{"--cli-binary-format", "raw-in-base64-out"}
	}
	context := base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"v"}}`))
	for _, row := range []struct {
		args string
		want []string // in what is printed, or in the answer's file
	}{
		{`invoke --function-name f:live --client-context ` + context + ` --payload {"Do":"context"} ` + out, []string{`"ExecutedVersion": "1"`, `"custom":{"k":"v"}`}},
		{`invoke --function-name arn:aws:lambda:us-east-1:000000000000:function:f --qualifier 1 --payload {"Do":"context"} ` + out, []string{`"ExecutedVersion": "1"`, `function:f:1`}},
		{`invoke --function-name f --log-type Tail --payload {"Do":"panic","Arg":"no"} ` + out, []string{`"FunctionError": "Unhandled"`, `"LogResult"`, `"errorMessage":"no"`, `"stackTrace"`}},
		{`invoke --function-name slow ` + out, []string{`"FunctionError": "Unhandled"`, `Sandbox.Timedout`}},
		{`invoke --function-name echo --invocation-type Event --payload 1 ` + out, []string{`"StatusCode": 202`}},
		{`invoke --function-name echo --invocation-type DryRun ` + out, []string{`"StatusCode": 204`}},
		{`invoke --function-name echo --payload {nope ` + out, []string{"InvalidRequestContentException", "Could not parse request body into json"}},
		{`invoke --function-name f:none ` + out, []string{"ResourceNotFoundException", "function:f:none"}},
		{`put-provisioned-concurrency-config --function-name f --qualifier live --provisioned-concurrent-executions 1`, []string{`"RequestedProvisionedConcurrentExecutions": 1`}},
		{`get-provisioned-concurrency-config --function-name f --qualifier live`, []string{`"Status": "`}},
		{`list-provisioned-concurrency-configs --function-name f`, []string{`function:f:live`}},
		{`delete-provisioned-concurrency-config --function-name f --qualifier live`, nil},
		{`get-provisioned-concurrency-config --function-name f --qualifier live`, []string{"ProvisionedConcurrencyConfigNotFoundException"}},
		{`put-provisioned-concurrency-config --function-name f --qualifier $LATEST --provisioned-concurrent-executions 1`, []string{"InvalidParameterValueException", "unpublished"}},
	} {
		if err := os.WriteFile(out, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		args := append(append([]string{"--output", "json", "lambda"}, raw...), strings.Fields(row.args)...)
		if strings.Contains(row.args, "concurrency") {
			args = append([]string{"--output", "json", "lambda"}, strings.Fields(row.args)...)
		}
		cmd := exec.Command(aws, args...)
		cmd.Env = append(toolEnv(sim.Endpoint()), "AWS_MAX_ATTEMPTS=1")
		text, _ := cmd.CombinedOutput() // a refusal has an exit status of its own; what it says is looked at
		answer, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range row.want {
			if !strings.Contains(string(text)+string(answer), want) {
				t.Errorf("aws lambda %s: wanted %q, printed %s, answered %s", row.args, want, text, answer)
			}
		}
		if row.want == nil && len(text) > 0 {
			t.Errorf("aws lambda %s: printed %s", row.args, text)
		}
	}
}
