//go:build unix

package simulator_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator"
)

func httpClient(tb testing.TB) *http.Client {
	t := &http.Transport{MaxIdleConnsPerHost: 256}
	tb.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

func TestInvokeReturnsTheFunctionsBytesUntouched(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "echo", "echo")}})
	for _, size := range []int{0, 1, 1 << 10, 1 << 20, simulator.MaxRequest - 2} {
		want := []byte(`"` + strings.Repeat("A", size) + `"`)
		out, err := c.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: ptr("echo"), Payload: want})
		if err != nil {
			t.Fatalf("%d bytes: %v", len(want), err)
		}
		if !bytes.Equal(out.Payload, want) || out.FunctionError != nil || out.StatusCode != 200 || *out.ExecutedVersion != "$LATEST" {
			t.Fatalf("%d bytes: answer of %d bytes, status %d, version %v, error %v", len(want), len(out.Payload), out.StatusCode, out.ExecutedVersion, out.FunctionError)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestFunctionErrorsCarryLambdasBodies(t *testing.T) {
	t.Parallel()
	slow := fn(t, "slow", "script")
	slow.Timeout = time.Second
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script"), slow}})
	for _, tc := range []struct {
		event command
		want  string // %s is the request id
	}{
		{command{Do: "error", Arg: "boom"}, `{"errorMessage":"boom","errorType":"errorString"}`},
		{command{Do: "typed-error"}, `{"errorMessage":"boom","errorType":"boom"}`},
		{command{Do: "exit", Arg: "0"}, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited without providing a reason"}`},
		{command{Do: "exit", Arg: "127"}, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: exit status 127"}`},
		{command{Do: "sleep", Arg: "1h"}, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: Task timed out after 1.00 seconds"}`},
		{command{Do: "bytes", Bytes: simulator.MaxResponse + 1}, `{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`},
	} {
		name := "f"
		if tc.event.Do == "sleep" {
			name = "slow"
		}
		out := invoke(t, c, name, tc.event)
		if out.FunctionError == nil || *out.FunctionError != "Unhandled" || out.StatusCode != 200 {
			t.Errorf("%+v: status %d, function error %v, want 200 and Unhandled", tc.event, out.StatusCode, out.FunctionError)
		}
		want := tc.want
		if strings.Contains(want, "%s") {
			id := requestID(out)
			if uuid.Validate(id) != nil {
				t.Fatalf("request id %q is not a UUID", id)
			}
			want = fmt.Sprintf(want, id)
		}
		if string(out.Payload) != want {
			t.Errorf("%+v:\n got %s\nwant %s", tc.event, out.Payload, want)
		}
	}
	if got := ok(t, c, "f", command{Do: "bytes", Bytes: simulator.MaxResponse}); len(got) != simulator.MaxResponse {
		t.Errorf("largest response: %d bytes, want %d", len(got), simulator.MaxResponse)
	}
}
