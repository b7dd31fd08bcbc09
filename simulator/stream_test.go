//go:build unix

package simulator_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/shardwise/shardwise/simulator"
)

// openStream begins a streamed invocation.
func openStream(t *testing.T, c *awslambda.Client, name string, event command) *awslambda.InvokeWithResponseStreamOutput {
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	// Each stream has a client and connections of its own: smithy-go 1.28 shares one event decoder between all streams of a
	// client, and an earlier stream may still be reading.
	options := c.Options()
	options.HTTPClient = httpClient(t)
	c = awslambda.New(options)
	out, err := c.InvokeWithResponseStream(context.Background(), &awslambda.InvokeWithResponseStreamInput{FunctionName: &name, Payload: payload,
		LogType: types.LogTypeTail})
	if err != nil {
		t.Fatalf("stream %s: %v", name, err)
	}
	t.Cleanup(func() { _ = out.GetStream().Close() })
	return out
}

// wholeStream opens and reads a stream to its end. The SDK now and then closes its own connection while it reads (smithy-go
// 1.28); such a stream, which the server could not have ended so, is asked for again, at most three times.
func wholeStream(t *testing.T, c *awslambda.Client, name string, event command) (*awslambda.InvokeWithResponseStreamOutput, []byte, *types.InvokeWithResponseStreamCompleteEvent) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		out := openStream(t, c, name, event)
		body, complete := readEvents(t, out)
		err := out.GetStream().Err()
		if err == nil && complete != nil {
			return out, body, complete
		}
		if attempt == 3 || err == nil || !strings.Contains(err.Error(), net.ErrClosed.Error()) {
			t.Fatalf("the stream ended with %v and without InvokeComplete: %v", err, complete == nil)
		}
	}
}

func readEvents(t *testing.T, out *awslambda.InvokeWithResponseStreamOutput) (body []byte, complete *types.InvokeWithResponseStreamCompleteEvent) {
	t.Helper()
	for event := range out.GetStream().Events() {
		switch e := event.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			body = append(body, e.Value.Payload...)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			complete = &e.Value
		default:
			t.Errorf("event %T", e)
		}
	}
	return body, complete
}

func TestAStreamCarriesTheFunctionsBytesBeyondTheBufferedLimit(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "stream"), fn(t, "echo", "echo")}, StreamRate: 1 << 30})
	for _, size := range []int{0, 4, 1 << 20, 9 << 20} {
		out, body, complete := wholeStream(t, c, "f", command{Bytes: size})
		if out.StatusCode != 200 || *out.ExecutedVersion != "$LATEST" || *out.ResponseStreamContentType != "application/vnd.amazon.eventstream" {
			t.Errorf("status %d, version %v, content type %v", out.StatusCode, *out.ExecutedVersion, *out.ResponseStreamContentType)
		}
		if complete.ErrorCode != nil || complete.ErrorDetails != nil || !bytes.Equal(body, bytes.Repeat([]byte{0xff, 0, '\n', 0x80}, size/4)) {
			t.Errorf("%d bytes: %d came, error %v %v", size, len(body), complete.ErrorCode, complete.ErrorDetails)
		}
		log, err := base64.StdEncoding.DecodeString(*complete.LogResult)
		if err != nil || !strings.HasPrefix(string(log), "START RequestId: ") || !strings.Contains(string(log), "REPORT RequestId: ") {
			t.Errorf("log %q, %v", log, err)
		}
	}
	if _, body, complete := wholeStream(t, c, "echo", command{Do: "x"}); complete.ErrorCode != nil || !bytes.Contains(body, []byte(`"Do":"x"`)) {
		t.Errorf("a function that does not stream: %s, %v", body, complete.ErrorCode)
	}
}

func TestAStreamIsPassedOnWhileTheFunctionWrites(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "stream")}})
	mark := filepath.Join(t.TempDir(), "mark")
	out := openStream(t, c, "f", command{Do: "wait", Arg: mark})
	first, ok := (<-out.GetStream().Events()).(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk)
	if !ok || string(first.Value.Payload) != "first" {
		t.Fatalf("first event %v", first)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil { // only now may the function go on
		t.Fatal(err)
	}
	if body, complete := readEvents(t, out); string(body) != "second" || complete == nil || complete.ErrorCode != nil {
		t.Errorf("then came %q, error %v", body, complete.ErrorCode)
	}
}

func TestAStreamThatFailsEndsWithTheErrorInItsLastEvent(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "stream")
	f.Timeout = 2 * time.Second
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	for _, tc := range []struct{ do, body, details string }{
		{"error", "", `{"errorMessage":"x","errorType":"errorString"}`},
		{"break", "half an ans", `{"errorMessage":"the reader broke","errorType":"errorString"}`},
		{"exit", "half", `Error: Runtime exited with error: exit status 5"}`},
		{"hang", "half", `Error: Task timed out after 2.00 seconds"}`},
	} {
		_, body, complete := wholeStream(t, c, "f", command{Do: tc.do, Arg: "x"})
		if tc.do == "exit" && len(body) == 0 {
			tc.body = "" // what a process wrote last may go with it
		}
		if string(body) != tc.body || complete.ErrorCode == nil || *complete.ErrorCode != "Unhandled" || !strings.HasSuffix(*complete.ErrorDetails, tc.details) {
			t.Errorf("%s: %q and %v %v, want %q and %s", tc.do, body, complete.ErrorCode, complete.ErrorDetails, tc.body, tc.details)
		}
	}
}

// The error's document comes in a trailer, which may be longer than any buffer.
func TestAStreamThatBreaksWithALongMessageSaysAllOfIt(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "stream")}})
	for _, size := range []int{0, 4 << 10, 100 << 10} {
		_, body, complete := wholeStream(t, c, "f", command{Do: "break long", Bytes: size})
		want := `{"errorMessage":"the reader broke` + strings.Repeat("x", size) + `","errorType":"errorString"}`
		if string(body) != "half an ans" || complete.ErrorDetails == nil || *complete.ErrorDetails != want {
			t.Errorf("%d bytes: found %q and an error of %d bytes, wanted one of %d", size, body, len(aws.ToString(complete.ErrorDetails)), len(want))
		}
	}
}

func TestAStreamIsRefusedLikeAnInvocation(t *testing.T) {
	t.Parallel()
	busy := fn(t, "busy", "stream")
	busy.ReservedConcurrency = new(0)
	sim, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "stream"), busy}})
	var throttle *types.TooManyRequestsException
	name := "busy"
	if _, err := c.InvokeWithResponseStream(context.Background(), &awslambda.InvokeWithResponseStreamInput{FunctionName: &name}); !errors.As(err, &throttle) {
		t.Errorf("a throttled stream: %v", err)
	}
	for _, tc := range []struct {
		name, body, mode string
		status           int
	}{{"none", "", "", 404}, {"f", "{", "", 400}, {"f", "", "Event", 400}, {"f", "", "DryRun", 204}, {"f:9", "", "", 404}} {
		r := wire(t, "POST", sim.Endpoint()+"/2021-11-15/functions/"+tc.name+"/response-streaming-invocations", strings.NewReader(tc.body),
			"X-Amz-Invocation-Type", tc.mode)
		if r.status != tc.status {
			t.Errorf("%+v: status %d, %s", tc, r.status, r.body)
		}
	}
}

func TestAClientThatLeavesAStreamDoesNotStopTheFunction(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "stream")}})
	mark := filepath.Join(t.TempDir(), "mark")
	out := openStream(t, c, "f", command{Do: "wait", Arg: mark})
	<-out.GetStream().Events()
	if err := out.GetStream().Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, body, complete := wholeStream(t, c, "f", command{Bytes: 4}); len(body) != 4 || complete.ErrorCode != nil {
		t.Errorf("the next stream: %q, %v", body, complete.ErrorCode)
	}
}
