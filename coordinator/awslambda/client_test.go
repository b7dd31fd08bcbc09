package awslambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/shard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t testing.TB, endpoint string, fanOut int) *awslambda.Client {
	t.Helper()
	c, err := awslambda.New(awslambda.Options{Region: "eu-west-1", Endpoint: endpoint, Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""), FanOut: fanOut})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t testing.TB, h http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls.Add(1); h(w, r) }))
	t.Cleanup(s.Close)
	return s, &calls
}

func target() coordinator.Target {
	return coordinator.Target{Function: "m-shard-003", Qualifier: "m-0123456789ab"}
}

func TestInvokeSendsBytesAndReturnsThemUntouched(t *testing.T) {
	body := "\xff\x00raw"
	s, calls := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/2015-03-31/functions/m-shard-003/invocations" || r.URL.Query().Get("Qualifier") != "m-0123456789ab" ||
			r.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" || string(got) != `{"a":1}` {
			t.Errorf("found %s %s %v %q, %v", r.Method, r.URL, r.Header, got, err)
		}
		w.Header().Set("X-Amz-Executed-Version", "7")
		w.Header().Set("X-Amzn-RequestId", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		io.WriteString(w, body)
	})
	c := newClient(t, s.URL, 4)
	got, err := c.Invoke(context.Background(), target(), []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Body) != body || got.ExecutedVersion != "7" || got.RequestID != "8476a536-e9f4-11e8-9739-2dfe598c3fcd" || got.FunctionError != "" {
		t.Fatalf("found %+v", got)
	}
	if calls.Load() != 1 {
		t.Fatalf("%d calls", calls.Load())
	}
}

func TestInvokeReturnsFunctionErrorsAsReplies(t *testing.T) {
	s, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		io.WriteString(w, `{"errorType":"Runtime.ExitError","errorMessage":"x"}`)
	})
	got, err := newClient(t, s.URL, 4).Invoke(context.Background(), target(), nil)
	if err != nil || got.FunctionError != "Unhandled" || shard.ParseFunctionError(got.Body).Kind != shard.Crashed {
		t.Fatalf("found %+v, %v", got, err)
	}
}

// Each refusal becomes a kind, and is asked exactly once: repeating is the coordinator's.
func TestServiceErrorsBecomeKindsWithoutRetry(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		body   string
		header string
		kind   shard.Kind
		wait   time.Duration
		text   string
	}{
		{429, "TooManyRequestsException", `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`, "2", shard.Throttled, 2 * time.Second, "ReservedFunctionConcurrentInvocationLimitExceeded"},
		{400, "ThrottlingException", `{"message":"slow down"}`, "", shard.Throttled, 0, "slow down"},
		{404, "ResourceNotFoundException", `{"Message":"Function not found: arn","Type":"User"}`, "", shard.NotFound, 0, "deployment.json"},
		{403, "AccessDeniedException", `{"Message":"not authorized"}`, "", shard.Denied, 0, "lambda:InvokeFunction"},
		{413, "RequestTooLargeException", `{"message":"too large"}`, "", shard.TooLarge, 0, "fewer rows"},
		{400, "InvalidRequestContentException", `{"message":"no JSON"}`, "", shard.BadRequest, 0, "no JSON"},
		{409, "ResourceConflictException", `{"message":"updating"}`, "", shard.Unavailable, 0, "updating"},
		{408, "EFSMountTimeoutException", `{"message":"mount"}`, "", shard.Unavailable, 0, "mount"},
		{500, "ServiceException", `{"message":"sorry"}`, "", shard.Unavailable, 0, "sorry"},
		{502, "KMSDisabledException", `{"message":"key"}`, "", shard.Config, 0, "key"},
		{502, "EC2ThrottledException", `{"message":"ec2"}`, "", shard.Throttled, 0, "ec2"},
		{503, "", ``, "", shard.Unavailable, 0, "status 503"},
		{504, "", `<html>`, "9999999", shard.Unavailable, time.Minute, "status 504"},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			s, calls := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Amzn-ErrorType", c.code)
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			got, err := newClient(t, s.URL, 4).Invoke(context.Background(), target(), []byte(`{}`))
			var e *shard.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "m-shard-003:m-0123456789ab") {
				t.Fatalf("found %v", err)
			}
			if got.RetryAfter != c.wait || calls.Load() != 1 {
				t.Fatalf("wait %v, %d calls", got.RetryAfter, calls.Load())
			}
		})
	}
}

func TestBrokenConnectionsAreTransportErrors(t *testing.T) {
	s, calls := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := newClient(t, s.URL, 4).Invoke(context.Background(), target(), []byte(`{}`))
	if shard.KindOf(err) != shard.Transport || calls.Load() != 1 {
		t.Fatalf("%v after %d calls", err, calls.Load())
	}
	cut, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "only this")
	})
	if _, err := newClient(t, cut.URL, 4).Invoke(context.Background(), target(), []byte(`{}`)); shard.KindOf(err) != shard.Transport {
		t.Fatalf("a reply cut short: %v", err)
	}
	gone, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	gone.Close()
	if _, err := newClient(t, gone.URL, 4).Invoke(context.Background(), target(), []byte(`{}`)); shard.KindOf(err) != shard.Transport {
		t.Fatalf("nobody listens: %v", err)
	}
}

func TestInvokeEndsWithItsContext(t *testing.T) {
	s, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // the server notices a client that leaves only once the body is read
		<-r.Context().Done()
	})
	c := newClient(t, s.URL, 4)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Invoke(ctx, target(), []byte(`{}`)); shard.KindOf(err) != shard.Deadline {
		t.Fatalf("found %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	cancel()
	if _, err := c.Invoke(ctx, target(), []byte(`{}`)); shard.KindOf(err) != shard.Canceled {
		t.Fatalf("found %v", err)
	}
}

func TestNewRefusesWithoutRegionOrCredentials(t *testing.T) {
	if _, err := awslambda.New(awslambda.Options{}); shard.KindOf(err) != shard.Config || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Fatalf("found %v", err)
	}
}
