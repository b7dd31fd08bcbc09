//go:build unix

package simulator_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator"
)

// tool returns the path of a program that a test drives. A machine without it
// skips the test, unless SHARDWISE_REQUIRE_TOOLS=1 demands it.
func tool(t *testing.T, name string, probe ...string) (path, version string) {
	t.Helper()
	path, err := exec.LookPath(name)
	var out []byte
	if err == nil {
		out, err = exec.Command(path, probe...).CombinedOutput()
	}
	if err == nil {
		return path, string(out)
	}
	if os.Getenv("SHARDWISE_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s %s: %v; SHARDWISE_REQUIRE_TOOLS=1 requires it: install it", name, strings.Join(probe, " "), err)
	}
	t.Skipf("%s %s: %v; install it to run this test", name, strings.Join(probe, " "), err)
	return "", ""
}

// hasBoto3 finds the module without the second that importing it takes.
const hasBoto3 = "import importlib.util, sys; sys.exit(importlib.util.find_spec('boto3') is None and 'no module boto3')"

// toolEnv is what a user exports to point a client at the simulator.
func toolEnv(endpoint string) []string {
	env := []string{"AWS_ENDPOINT_URL=" + endpoint, "AWS_ACCESS_KEY_ID=ak", "AWS_SECRET_ACCESS_KEY=sk", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "AWS_") {
			env = append(env, entry)
		}
	}
	return env
}

func TestTheAWSCommandLineInvokes(t *testing.T) {
	t.Parallel()
	aws, version := tool(t, "aws", "--version")
	f := fn(t, "f", "script")
	f.Versions, f.Aliases = []simulator.Version{{Number: "1"}}, map[string]string{"live": "1"}
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{f, fn(t, "echo", "echo")}})
	out := filepath.Join(t.TempDir(), "out")
	run := func(arg ...string) (map[string]any, string) {
		t.Helper()
		cmd := exec.Command(aws, append([]string{"--output", "json", "lambda"}, arg...)...)
		cmd.Env = toolEnv(sim.Endpoint())
		text, err := cmd.CombinedOutput()
		if err != nil {
			return nil, string(text)
		}
		var answer map[string]any
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("aws %v printed %q: %v", arg, text, err)
		}
		return answer, string(text)
	}
	// Version 2 of the command reads payloads as base64 unless told otherwise; version 1 lacks the option.
	raw := []string{}
	if strings.HasPrefix(version, "aws-cli/2") {
		raw = []string{"--cli-binary-format", "raw-in-base64-out"}
	}
	payload := `{"k": [1, 2.5, "é"]}`
	answer, text := run(append(raw, "invoke", "--function-name", "echo", "--payload", payload, out)...)
	if got, err := os.ReadFile(out); answer == nil || err != nil || string(got) != payload || answer["StatusCode"] != 200.0 || answer["ExecutedVersion"] != "$LATEST" {
		t.Errorf("invoke: %s; out file %q (%v)", text, got, err)
	}
	answer, text = run(append(raw, "invoke", "--function-name", "f", "--qualifier", "live", "--log-type", "Tail", "--payload", `{"Do":"error","Arg":"no"}`, out)...)
	if answer == nil || answer["FunctionError"] != "Unhandled" || answer["ExecutedVersion"] != "1" || answer["LogResult"] == nil {
		t.Errorf("invoke of a failing alias: %s", text)
	}
	if answer, text = run("invoke", "--function-name", "none", out); answer != nil || !strings.Contains(text, "ResourceNotFoundException") || !strings.Contains(text, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none") {
		t.Errorf("invoke of a missing function: %s", text)
	}
}

const boto3Script = `
import boto3, json, sys
c = boto3.client("lambda")
r = c.invoke(FunctionName="echo", Payload=b'{"a": 1}')
assert r["StatusCode"] == 200 and r["Payload"].read() == b'{"a": 1}' and r["ExecutedVersion"] == "$LATEST", r
r = c.invoke(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:f:live", Payload=json.dumps({"Do": "exit", "Arg": "127"}), LogType="Tail")
body = json.loads(r["Payload"].read())
assert r["FunctionError"] == "Unhandled" and r["ExecutedVersion"] == "1", r
assert body == {"errorType": "Runtime.ExitError", "errorMessage": "RequestId: %s Error: Runtime exited with error: exit status 127" % r["ResponseMetadata"]["RequestId"]}, body
r = c.invoke(FunctionName="f", Payload=json.dumps({"Do": "bytes", "Bytes": 6291556}))
assert len(r["Payload"].read()) == 6291556
try:
    c.invoke(FunctionName="echo", Payload=b"x" * 6291457)
    sys.exit("an oversized request was accepted")
except c.exceptions.RequestTooLargeException as e:
    assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 413, e.response
try:
    c.invoke(FunctionName="echo", Payload=b"{nope")
    sys.exit("a request that is not JSON was accepted")
except c.exceptions.InvalidRequestContentException as e:
    assert "Could not parse request body into json" in str(e), e
try:
    c.invoke(FunctionName="throttled")
    sys.exit("a throttled call was accepted")
except c.exceptions.TooManyRequestsException as e:
    assert e.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded", e.response
assert c.get_function(FunctionName="f")["Configuration"]["Runtime"] == "provided.al2023"
assert c.invoke(FunctionName="echo", InvocationType="DryRun")["StatusCode"] == 204
r = c.invoke(FunctionName="echo", Payload=b"1", InvocationType="Event")
assert r["StatusCode"] == 202 and r["Payload"].read() == b"", r
events = list(c.invoke_with_response_stream(FunctionName="echo", Payload=b'{"a": 1}')["EventStream"])
assert b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]) == b'{"a": 1}' and events[-1] == {"InvokeComplete": {}}, events
assert c.update_function_configuration(FunctionName="f", MemorySize=256, Environment={"Variables": {"AB": "1"}})["MemorySize"] == 256
assert c.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=5)["ReservedConcurrentExecutions"] == 5
assert c.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 5
c.delete_function_concurrency(FunctionName="f")
assert "ReservedConcurrentExecutions" not in c.get_function_concurrency(FunctionName="f")
assert [a["Name"] for a in c.list_aliases(FunctionName="f")["Aliases"]] == ["live"]
assert [v["Version"] for v in c.list_versions_by_function(FunctionName="f")["Versions"]] == ["$LATEST", "1"]
try:
    c.invoke(FunctionName="echo", Payload=b'"' + b"x" * (1 << 20) + b'"', InvocationType="Event")
    sys.exit("an oversized event was accepted")
except c.exceptions.SerializedRequestEntityTooLargeException:
    pass
assert [f["FunctionName"] for f in c.list_functions()["Functions"]] == ["echo", "f", "throttled"]
print("fine")
`

func TestBoto3Invokes(t *testing.T) {
	t.Parallel()
	python, _ := tool(t, "python3", "-c", hasBoto3)
	f, throttled := fn(t, "f", "script"), fn(t, "throttled", "echo")
	f.Versions, f.Aliases = []simulator.Version{{Number: "1"}}, map[string]string{"live": "1"}
	throttled.ReservedConcurrency = new(0)
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{f, throttled, fn(t, "echo", "echo")}})
	cmd := exec.Command(python, "-c", boto3Script)
	cmd.Env = append(toolEnv(sim.Endpoint()), "AWS_MAX_ATTEMPTS=1")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "fine" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheDocumentsPythonSnippetRuns(t *testing.T) {
	t.Parallel()
	python, _ := tool(t, "python3", "-c", hasBoto3)
	page, err := os.ReadFile("../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```python\n")
	snippet, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/simulator.md holds no Python snippet")
	}
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "echo", "echo")}})
	cmd := exec.Command(python, "-c", snippet)
	cmd.Env = toolEnv(sim.Endpoint())
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "{\"a\": 1}\n" {
		t.Errorf("%v: %s", err, out)
	}
}
