//go:build unix

package simulator_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator"
)

// line is one behaviour of AWS Lambda: what is asked, and what must come back. ID in a body stands for the request id.
type line struct {
	behaviour string
	function  string // with an optional qualifier
	event     string
	header    []string
	status    int
	failed    bool // X-Amz-Function-Error: Unhandled
	code      string
	body      string
}

const parse400 = "Could not parse request body into json: Could not parse payload into json: "

// lines are the recorded answers of Invoke and the statuses of its API model.
func lines() []line {
	exit := func(how string) string {
		return `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited ` + how + `"}`
	}
	timeout := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}`
	large := `{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`
	return []line{
		{behaviour: "a Go error is a function error with the type's name", function: "f", event: `{"Do":"error","Arg":"boom"}`, status: 200, failed: true,
			body: `{"errorMessage":"boom","errorType":"errorString"}`},
		{behaviour: "a Go error of an own type carries that type", function: "f", event: `{"Do":"typed-error"}`, status: 200, failed: true,
			body: `{"errorMessage":"boom","errorType":"boom"}`},
		{behaviour: "an exit with status 0 is Runtime.ExitError without a reason", function: "f", event: `{"Do":"exit","Arg":"0"}`, status: 200, failed: true,
			body: exit("without providing a reason")},
		{behaviour: "an exit with a status is Runtime.ExitError with it", function: "f", event: `{"Do":"exit","Arg":"127"}`, status: 200, failed: true,
			body: exit("with error: exit status 127")},
		{behaviour: "a timeout is Sandbox.Timedout with two decimals", function: "quick", event: `{"Do":"sleep","Arg":"30s"}`, status: 200, failed: true, body: timeout},
		{behaviour: "a response of one byte too many is Function.ResponseSizeTooLarge", function: "f", event: `{"Do":"bytes","Bytes":6291557}`, status: 200, failed: true, body: large},
		{behaviour: "invalid UTF-8 is 400 InvalidRequestContent", function: "f", event: "\"\x87\"", status: 400, code: "InvalidRequestContentException",
			body: `{"Type":"User","message":"` + parse400 + `Invalid UTF-8 start byte 0x87\n at [Source: REDACTED (` + "`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION`" + ` disabled); line: 1, column: 2]"}`},
		{behaviour: "a bad x-amzn-RequestId is 400 InvalidRequestContent", function: "f", header: []string{"X-Amzn-RequestId", "1"}, status: 400, code: "InvalidRequestContentException"},
		{behaviour: "an unknown function is 404 with its ARN and $LATEST", function: "none", status: 404, code: "ResourceNotFoundException",
			body: `{"Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:none:$LATEST","Type":"User"}`},
		{behaviour: "an unknown alias is 404 with the alias", function: "f:stable", status: 404, code: "ResourceNotFoundException",
			body: `{"Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:stable","Type":"User"}`},
		{behaviour: "reserved concurrency used up is 429 with its reason", function: "closed", status: 429, code: "TooManyRequestsException",
			body: `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`},
		{behaviour: "a request of one byte too many is 413 RequestTooLarge", function: "f", event: `"` + strings.Repeat("A", simulator.MaxRequest-1) + `"`, status: 413, code: "RequestTooLargeException",
			body: `{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}`},
		{behaviour: "an event of one byte too many is 413 SerializedRequestEntityTooLarge", function: "f", event: `"` + strings.Repeat("A", simulator.MaxEvent-1) + `"`,
			header: []string{"X-Amz-Invocation-Type", "Event"}, status: 413, code: "SerializedRequestEntityTooLargeException"},
		{behaviour: "an Event is 202 and empty", function: "f", event: "1", header: []string{"X-Amz-Invocation-Type", "Event"}, status: 202},
		{behaviour: "a DryRun is 204 and empty", function: "f", header: []string{"X-Amz-Invocation-Type", "DryRun"}, status: 204},
		{behaviour: "a DryRun of an unknown function is 404", function: "none", header: []string{"X-Amz-Invocation-Type", "DryRun"}, status: 404, code: "ResourceNotFoundException"},
		{behaviour: "a program that does not exist fails the invocation", function: "gone", status: 200, failed: true},
		{behaviour: "the runtime's own document of a failed INIT is the answer", function: "unborn", status: 200, failed: true,
			body: `{"errorMessage":"no weights","errorType":"Shard.Load"}`},
	}
}

// TestContractOfInvoke has one row for each recorded answer.
func TestContractOfInvoke(t *testing.T) {
	t.Parallel()
	closed, quick, gone := fn(t, "closed", "echo"), fn(t, "quick", "script"), fn(t, "gone", "echo")
	closed.ReservedConcurrency, quick.Timeout, gone.Command = new(0), time.Second, []string{"/nowhere/bootstrap"}
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script"), closed, quick, gone, fn(t, "unborn", "init-error")}})
	for _, l := range lines() {
		t.Run(l.behaviour, func(t *testing.T) {
			t.Parallel()
			r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/"+l.function+"/invocations", strings.NewReader(l.event), l.header...)
			id := r.header.Get("X-Amzn-Requestid")
			if r.status != l.status || r.header.Get("X-Amzn-ErrorType") != l.code || (r.header.Get("X-Amz-Function-Error") == "Unhandled") != l.failed || uuid.Validate(id) != nil {
				t.Errorf("status %d, code %q, function error %q, id %q: %.300s", r.status, r.header.Get("X-Amzn-ErrorType"), r.header.Get("X-Amz-Function-Error"), id, r.body)
			}
			if want := strings.Replace(l.body, "ID", id, 1); l.body != "" && r.body != want {
				t.Errorf("\n got %s\nwant %s", r.body, want)
			}
			if l.status == 202 || l.status == 204 {
				if r.body != "" {
					t.Errorf("body %q, want none", r.body)
				}
			}
			if (l.status == 429) != (r.header.Get("Retry-After") != "") {
				t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
			}
		})
	}
}

// TestContractOfTheLog holds START, END and REPORT against their recorded form.
func TestContractOfTheLog(t *testing.T) {
	t.Parallel()
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	for i, init := range []string{`Init Duration: \d+\.\d\d ms\t`, ``} {
		r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/f/invocations", strings.NewReader(`{}`), "X-Amz-Log-Type", "Tail")
		text, err := base64.StdEncoding.DecodeString(r.header.Get("X-Amz-Log-Result"))
		if err != nil {
			t.Fatal(err)
		}
		id := r.header.Get("X-Amzn-Requestid")
		want := fmt.Sprintf(`^START RequestId: %s Version: \$LATEST\nEND RequestId: %s\nREPORT RequestId: %s\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\t%s\n$`,
			id, id, id, init)
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("invocation %d: log %q", i+1, text)
		}
	}
}

// TestContractOfTheEnvironment holds the variables of a process against those recorded in a function.
func TestContractOfTheEnvironment(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	var environ []string
	if err := json.Unmarshal(ok(t, c, "f", command{Do: "environ"}), &environ); err != nil {
		t.Fatal(err)
	}
	value := map[string]string{}
	for _, entry := range environ {
		name, v, _ := strings.Cut(entry, "=")
		value[name] = v
	}
	for name, want := range map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "LAMBDA_RUNTIME_DIR": "/var/runtime", "_HANDLER": "script",
		"TZ": ":UTC", "LANG": "en_US.UTF-8", "SHLVL": "0", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "_AWS_XRAY_DAEMON_PORT": "2000",
	} {
		if value[name] != want {
			t.Errorf("%s=%q, want %q", name, value[name], want)
		}
	}
	for _, name := range []string{"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "PATH", "LD_LIBRARY_PATH", "PWD", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS"} {
		if value[name] == "" {
			t.Errorf("%s is not set", name)
		}
	}
	if value["PWD"] != value["LAMBDA_TASK_ROOT"] || value["HOME"] != "" || slices.Contains(environ, "USER="+os.Getenv("USER")) {
		t.Errorf("PWD %q, HOME %q: want the task root and nothing of the caller's", value["PWD"], value["HOME"])
	}
}
