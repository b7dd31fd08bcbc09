//go:build unix

package simulator_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator"
)

// recorder is a function that appends request id and event of each invocation to
// a file, and then fails as often as it is told to.
func recorder(t *testing.T, name, failures string) (f simulator.Function, lines func() []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	f = fn(t, name, "record")
	f.Env["RECORD"], f.Env["FAILURES"] = file, failures
	return f, func() []string {
		p, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.FieldsFunc(string(p), func(r rune) bool { return r == '\n' })
	}
}

// send invokes asynchronously and returns the request id.
func send(t *testing.T, c *awslambda.Client, name, event string) string {
	t.Helper()
	out, err := c.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: &name, Payload: []byte(event),
		InvocationType: types.InvocationTypeEvent, LogType: types.LogTypeTail, ClientContext: aws.String("e30=")})
	if err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != 202 || len(out.Payload) != 0 || out.FunctionError != nil || out.LogResult != nil || out.ExecutedVersion != nil {
		t.Errorf("status %d, payload %q, error %v, log %v, version %v; want 202 and nothing else",
			out.StatusCode, out.Payload, out.FunctionError, out.LogResult, out.ExecutedVersion)
	}
	return requestID(out)
}

func TestAnEventIsAnsweredAtOnceAndRunOnce(t *testing.T) {
	t.Parallel()
	f, lines := recorder(t, "f", "0")
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}, EventDelay: 50 * time.Millisecond})
	id := send(t, c, "f", `{"n":1}`)
	eventually(t, "the event to run", func() bool { return len(lines()) == 1 })
	time.Sleep(200 * time.Millisecond)
	if got := lines(); uuid.Validate(id) != nil || len(got) != 1 || got[0] != id+` {"n":1}` {
		t.Errorf("ran as %q, want once as %s", got, id)
	}
	send(t, c, "f", `"`+strings.Repeat("A", simulator.MaxEvent-2)+`"`) // the largest
	eventually(t, "the largest event to run", func() bool { return len(lines()) == 2 })
}

// recordOf decodes what a destination was given.
func recordOf(t *testing.T, line string) map[string]any {
	t.Helper()
	_, text, _ := strings.Cut(line, " ")
	var r map[string]any
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if stamp, ok := r["timestamp"].(string); !ok || !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(stamp) {
		t.Errorf("timestamp %v", r["timestamp"])
	}
	delete(r, "timestamp")
	return r
}

func TestAFailedEventIsRetriedTwiceUnderItsIDAndThenReported(t *testing.T) {
	t.Parallel()
	f, lines := recorder(t, "f", "9")
	failed, failures := recorder(t, "failed", "0")
	f.Event.OnFailure = "failed"
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f, failed}, EventDelay: 20 * time.Millisecond})
	id := send(t, c, "f", `{"n":1}`)
	eventually(t, "the record", func() bool { return len(failures()) == 1 })
	if got, want := strings.Join(lines(), ","), strings.Repeat(","+id+` {"n":1}`, 3)[1:]; got != want {
		t.Errorf("attempts:\n got %s\nwant %s", got, want)
	}
	got, err := json.Marshal(recordOf(t, failures()[0]))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":"1.0","requestContext":{"requestId":"` + id + `","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",` +
		`"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"n":1},` +
		`"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},` +
		`"responsePayload":{"errorMessage":"failed as told","errorType":"errorString"}}`
	if !sameJSON(t, string(got), want) {
		t.Errorf("record:\n got %s\nwant %s", got, want)
	}
}

func TestAnEventThatSucceedsAfterARetryIsReportedToTheOtherDestination(t *testing.T) {
	t.Parallel()
	f, lines := recorder(t, "f", "1")
	f.Aliases = map[string]string{"live": "$LATEST"}
	done, successes := recorder(t, "done", "0")
	done.Versions = []simulator.Version{{Number: "1"}}
	f.Event.OnSuccess, f.Event.OnFailure = "done:1", "f"
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f, done}, EventDelay: 20 * time.Millisecond})
	id := send(t, c, "f:live", `1`)
	eventually(t, "the record", func() bool { return len(successes()) == 1 })
	if len(lines()) != 2 {
		t.Errorf("%d attempts, want 2", len(lines()))
	}
	got, err := json.Marshal(recordOf(t, successes()[0]))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":"1.0","requestContext":{"requestId":"` + id + `","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:live",` +
		`"condition":"Success","approximateInvokeCount":2},"requestPayload":1,"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":"recorded"}`
	if !sameJSON(t, string(got), want) {
		t.Errorf("record:\n got %s\nwant %s", got, want)
	}
}

func TestAThrottledEventWaitsForItsTurnOrGrowsTooOld(t *testing.T) {
	t.Parallel()
	f, lines := recorder(t, "f", "0")
	f.ReservedConcurrency, f.Event.MaxAge, f.Event.OnFailure = new(0), 100*time.Millisecond, "failed"
	failed, failures := recorder(t, "failed", "0")
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f, failed}, EventDelay: 60 * time.Millisecond})
	send(t, c, "f", `1`)
	eventually(t, "the record", func() bool { return len(failures()) == 1 })
	r := recordOf(t, failures()[0])
	request, _ := r["requestContext"].(map[string]any)
	if request["condition"] != "EventAgeExceeded" || request["approximateInvokeCount"] != 0.0 || r["responseContext"] != nil || len(lines()) != 0 {
		t.Errorf("record %v after %d invocations", r, len(lines()))
	}
}

func TestCloseDropsEventsThatWait(t *testing.T) {
	t.Parallel()
	f, lines := recorder(t, "f", "9")
	sim, c := start(t, simulator.Config{Functions: []simulator.Function{f}, EventDelay: time.Hour})
	send(t, c, "f", `1`)
	eventually(t, "the first attempt", func() bool { return len(lines()) == 1 })
	if err := sim.Close(); err != nil || len(lines()) != 1 {
		t.Errorf("Close: %v after %d attempts", err, len(lines()))
	}
}

func TestValidateChecksEventConfigurations(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "echo")
	f.Event = simulator.EventConfig{MaxAge: 7 * time.Hour, Retries: new(3), OnSuccess: "none", OnFailure: "f:9"}
	err := simulator.Config{EventDelay: -1, Functions: []simulator.Function{f}}.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{"event age 7h0m0s", "event retries 3", `destination "none"`, `destination "f:9"`, "EventDelay -1ns"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the report lacks %q:\n%v", want, err)
		}
	}
}
