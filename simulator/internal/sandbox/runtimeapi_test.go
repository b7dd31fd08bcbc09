//go:build unix

package sandbox

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "11111111-2222-4333-8444-555555555555"

// client drives a Runtime API as a runtime would.
type runtimeClient struct {
	t   *testing.T
	api *api
}

func (c runtimeClient) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, r)
	return w
}

func (c runtimeClient) want(w *httptest.ResponseRecorder, status int, body string) {
	c.t.Helper()
	if w.Code != status || strings.TrimSuffix(w.Body.String(), "\n") != body {
		c.t.Errorf("status %d, body %s; want %d, %s", w.Code, w.Body, status, body)
	}
}

const (
	nextPath     = "/2018-06-01/runtime/invocation/next"
	responsePath = "/2018-06-01/runtime/invocation/" + id + "/response"
	errorPath    = "/2018-06-01/runtime/invocation/" + id + "/error"
	initPath     = "/2018-06-01/runtime/init/error"
	statusOK     = `{"status":"OK"}`
)

// running returns a client whose runtime has an event in hand.
func running(t *testing.T) (runtimeClient, *call) {
	t.Helper()
	c := runtimeClient{t, newAPI(&Spec{Function: "f", Version: "7", Handler: "h"})}
	in := &call{done: make(chan struct{}), deadline: time.UnixMilli(1700000000123),
		inv: &Invocation{RequestID: id, FunctionARN: "arn:f", TraceID: "Root=1", ClientContext: `{"custom":{}}`, Payload: []byte(`{"x":1}`)}}
	go func() {
		<-c.api.ready
		c.api.hand(in)
	}()
	w := c.do(http.MethodGet, nextPath, "")
	c.want(w, 200, `{"x":1}`)
	for name, want := range map[string]string{"Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": id,
		"Lambda-Runtime-Deadline-Ms": "1700000000123", "Lambda-Runtime-Invoked-Function-Arn": "arn:f",
		"Lambda-Runtime-Trace-Id": "Root=1", "Lambda-Runtime-Client-Context": `{"custom":{}}`} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("next: header %s is %q, want %q", name, got, want)
		}
	}
	return c, in
}

func forbidden(from, to string) string {
	return `{"errorMessage":"State transition from ` + from + ` to ` + to +
		` failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}`
}

func isDone(c *call) bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func TestAnInvocationIsCompleteOnlyWhenTheRuntimeAsksForTheNext(t *testing.T) {
	c, in := running(t)
	c.want(c.do(http.MethodPost, responsePath, "answer", "Content-Type", "text/plain"), 202, statusOK)
	if isDone(in) {
		t.Fatal("complete before the runtime asked for the next event")
	}
	close(c.api.gone)
	c.do(http.MethodGet, nextPath, "")
	if !isDone(in) || string(in.body) != "answer" || in.contentType != "text/plain" || in.failed != nil {
		t.Errorf("call = %+v", in)
	}
}

func TestCallsOutOfOrderAreForbidden(t *testing.T) {
	c := runtimeClient{t, newAPI(&Spec{})}
	c.want(c.do(http.MethodPost, initPath, `{"errorType":"T"}`), 202, statusOK)
	c.want(c.do(http.MethodGet, nextPath, ""), 403, forbidden("InitError", "Ready"))
	c.want(c.do(http.MethodPost, initPath, ""), 403, forbidden("InitError", "InitError"))

	c, _ = running(t)
	c.want(c.do(http.MethodPost, initPath, ""), 403, forbidden("Ready", "InitError"))
	c.want(c.do(http.MethodPost, responsePath, "a"), 202, statusOK)
	c.want(c.do(http.MethodPost, responsePath, "a"), 403, forbidden("RuntimeResponseSentState", "InvocationResponse"))
	c.want(c.do(http.MethodPost, errorPath, "a"), 403, forbidden("RuntimeResponseSentState", "InvocationErrorResponse"))
}

func TestAWrongRequestIDIsRefusedAndTheRightOneStillAnswers(t *testing.T) {
	c, in := running(t)
	other := strings.Replace(responsePath, "1111", "9999", 1)
	c.want(c.do(http.MethodPost, other, "x"), 400, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`)
	c.want(c.do(http.MethodPost, responsePath, "right"), 202, statusOK)
	if string(in.body) != "right" {
		t.Errorf("body %q", in.body)
	}
}

func TestALostEventIsGivenAgain(t *testing.T) {
	c, _ := running(t)
	c.want(c.do(http.MethodGet, nextPath, ""), 200, `{"x":1}`)
}

func TestARuntimeThatAsksAgainBecauseItsConnectionWasLostGetsTheEvent(t *testing.T) {
	c := runtimeClient{t, newAPI(&Spec{})}
	in := &call{done: make(chan struct{}), inv: &Invocation{RequestID: id, Payload: []byte("1")}}
	lost := make(chan *httptest.ResponseRecorder)
	go func() { lost <- c.do(http.MethodGet, nextPath, "") }()
	<-c.api.ready
	for { // until the first request waits
		c.api.mu.Lock()
		waits := c.api.waiter != nil
		c.api.mu.Unlock()
		if waits {
			break
		}
		runtime.Gosched()
	}
	second := make(chan *httptest.ResponseRecorder)
	go func() { second <- c.do(http.MethodGet, nextPath, "") }()
	c.want(<-lost, 403, forbidden("Ready", "Ready"))
	c.api.hand(in)
	c.want(<-second, 200, "1")
}

func TestABadResponseModeIsRefused(t *testing.T) {
	c, in := running(t)
	c.want(c.do(http.MethodPost, responsePath, "x", "Lambda-Runtime-Function-Response-Mode", "buffered"), 400,
		`{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}`)
	c.want(c.do(http.MethodPost, responsePath, "y", "Lambda-Runtime-Function-Response-Mode", "streaming"), 202, statusOK)
	if string(in.body) != "y" {
		t.Errorf("body %q", in.body)
	}
}

type cutReader struct{ io.Reader }

func (r cutReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestATruncatedUploadIsRefusedAndMayBeRepeated(t *testing.T) {
	c, in := running(t)
	for _, path := range []string{responsePath, errorPath} {
		r := httptest.NewRequest(http.MethodPost, path, cutReader{strings.NewReader("hal")})
		r.ContentLength = 10
		w := httptest.NewRecorder()
		c.api.ServeHTTP(w, r)
		c.want(w, 400, `{"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}`)
	}
	c.want(c.do(http.MethodPost, responsePath, "whole"), 202, statusOK)
	if string(in.body) != "whole" {
		t.Errorf("body %q", in.body)
	}
}

func TestResponsesUpToTheLimitPassAndOneByteMoreDoesNot(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		for _, over := range []int{0, 1} {
			c, in := running(t)
			r := httptest.NewRequest(http.MethodPost, responsePath, io.LimitReader(zeros{}, int64(MaxResponse+over)))
			r.ContentLength = int64(MaxResponse + over)
			if chunked {
				r.ContentLength = -1
			}
			w := httptest.NewRecorder()
			c.api.ServeHTTP(w, r)
			if over == 0 {
				c.want(w, 202, statusOK)
				if len(in.body) != MaxResponse || in.failed != nil {
					t.Errorf("chunked %v: %d bytes, failed %v", chunked, len(in.body), in.failed)
				}
				continue
			}
			c.want(w, 413, `{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}`)
			if in.failed == nil || in.failed.kind != typeResponseLarge {
				t.Errorf("chunked %v: failed %v, want %s", chunked, in.failed, typeResponseLarge)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAnErrorInTheTrailersFailsTheInvocation(t *testing.T) {
	for _, tc := range []struct{ body, want string }{
		{base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"m","errorType":"T"}`)), `{"errorMessage":"m","errorType":"T"}`},
		{"no base64", `{"errorType":"T","errorMessage":"RequestId: ` + id + ` Error: the function's response stream failed"}`},
	} {
		c, in := running(t)
		r := httptest.NewRequest(http.MethodPost, responsePath, strings.NewReader("half"))
		r.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": {"T"}, "Lambda-Runtime-Function-Error-Body": {tc.body}}
		w := httptest.NewRecorder()
		c.api.ServeHTTP(w, r)
		c.want(w, 202, statusOK)
		if in.failed == nil || string(in.failed.document(id)) != tc.want {
			t.Errorf("failed = %v, want %s", in.failed, tc.want)
		}
	}
}

func TestUnknownPathsAreNotFound(t *testing.T) {
	c := runtimeClient{t, newAPI(&Spec{})}
	for _, path := range []string{"/", "/2018-06-01/runtime/", "/2018-06-01/runtime/invocation/x", "/2020-01-01/extension/exit/error", responsePath} {
		if w := c.do(http.MethodGet, path, ""); w.Code != 404 {
			t.Errorf("GET %s: status %d, want 404", path, w.Code)
		}
	}
}

func TestReadBodyNeedsNoGuess(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 513, 4096, 100000} {
		for _, guess := range []int{0, 1, size, size + 1, 1 << 20} {
			r := httptest.NewRequest(http.MethodPost, "/", io.LimitReader(zeros{}, int64(size)))
			r.ContentLength = -1
			if p, err := readBody(r, 100000, guess); err != nil || len(p) != size {
				t.Errorf("size %d, guess %d: %d bytes, %v", size, guess, len(p), err)
			}
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", cutReader{strings.NewReader("x")})
	r.ContentLength = 5
	if _, err := readBody(r, 10, 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut body: %v", err)
	}
}
