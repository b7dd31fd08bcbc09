package states_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/simulator/states"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		serveUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	role    = "arn:aws:iam::000000000000:role/r"
	machARN = "arn:aws:states:us-east-1:000000000000:stateMachine:"
)

// functions answers calls of Lambda by name: a value is the result, an error the function's own, a *refusal the service's.
type functions map[string]func(payload any) (any, error)

// refusal is an error of the Lambda service.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.code }

// typed is an error of a function, with its errorType.
type typed struct{ name, message string }

func (e *typed) Error() string { return e.message }

func (f functions) Invoke(ctx context.Context, r *states.LambdaRequest) (*states.LambdaResponse, error) {
	name := r.Function[strings.LastIndexByte(r.Function, ':')+1:]
	h := http.Header{"Content-Type": {"application/json"}, "X-Amzn-Requestid": {"00000000-0000-4000-8000-000000000000"}, "X-Amz-Executed-Version": {"$LATEST"}}
	serve, ok := f[name]
	if !ok {
		h.Set("X-Amzn-ErrorType", "ResourceNotFoundException")
		return &states.LambdaResponse{Status: 404, Header: h,
			Body: fmt.Appendf(nil, `{"Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:%s:$LATEST","Type":"User"}`, name)}, nil
	}
	var payload any
	if err := json.Unmarshal(r.Payload, &payload); err != nil {
		return nil, err
	}
	type answer struct {
		out any
		err error
	}
	done := make(chan answer, 1)
	go func() {
		out, err := serve(payload)
		done <- answer{out, err}
	}()
	select {
	case <-ctx.Done():
		<-done
		return nil, ctx.Err()
	case a := <-done:
		switch err := a.err.(type) {
		case nil:
			body, _ := json.Marshal(a.out)
			return &states.LambdaResponse{Status: 200, Header: h, Body: body}, nil
		case *refusal:
			h.Set("X-Amzn-ErrorType", err.code)
			body, _ := json.Marshal(map[string]string{"message": err.message})
			return &states.LambdaResponse{Status: err.status, Header: h, Body: body}, nil
		case *typed:
			h.Set("X-Amz-Function-Error", "Unhandled")
			body, _ := json.Marshal(map[string]string{"errorType": err.name, "errorMessage": err.message})
			return &states.LambdaResponse{Status: 200, Header: h, Body: body}, nil
		default:
			return nil, err
		}
	}
}

// bucket is S3 in memory, one bucket.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func newBucket(objects map[string]string) *bucket {
	b := &bucket{objects: map[string][]byte{}}
	for k, v := range objects {
		b.objects[k] = []byte(v)
	}
	return b
}

func (b *bucket) Get(_ context.Context, _, key string) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.objects[key]
	if !ok {
		return nil, fmt.Errorf("NoSuchKey: %s", key)
	}
	return io.NopCloser(bytes.NewReader(p)), nil
}

func (b *bucket) Put(_ context.Context, _, key string, body []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key] = bytes.Clone(body)
	return nil
}

func (b *bucket) List(_ context.Context, _, prefix, token string) ([]states.Object, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var keys []string
	for k := range b.objects {
		if strings.HasPrefix(k, prefix) && k > token {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var page []states.Object
	for _, k := range keys {
		if len(page) == 2 {
			return page, page[1].Key, nil
		}
		page = append(page, states.Object{Key: k, Size: int64(len(b.objects[k])), ETag: `"e"`, StorageClass: "STANDARD", LastModified: time.Unix(1700000000, 0)})
	}
	return page, "", nil
}

// start opens a server that closes with the test.
func start(t *testing.T, cfg states.Config) *states.Server {
	t.Helper()
	s, err := states.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// try calls an operation and returns its answer, or the error's type and text.
func try(s http.Handler, op string, in map[string]any) (map[string]any, string, string) {
	body, _ := json.Marshal(in)
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+op)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	out := map[string]any{}
	_ = json.Unmarshal(w.Body.Bytes(), &out)
	if w.Code != http.StatusOK {
		kind, _ := out["__type"].(string)
		text, _ := out["message"].(string)
		return nil, kind, text
	}
	return out, "", ""
}

// call calls an operation that must succeed.
func call(t *testing.T, s http.Handler, op string, in map[string]any) map[string]any {
	t.Helper()
	out, kind, text := try(s, op, in)
	if kind != "" {
		t.Fatalf("%s: %s: %s", op, kind, text)
	}
	return out
}

// create makes a machine and returns its ARN.
func create(t *testing.T, s http.Handler, name, kind, definition string) string {
	t.Helper()
	out := call(t, s, "CreateStateMachine", map[string]any{"name": name, "definition": definition, "roleArn": role, "type": kind})
	return out["stateMachineArn"].(string)
}

// begin starts an execution and returns its ARN.
func begin(t *testing.T, s http.Handler, machine, input string) string {
	t.Helper()
	return call(t, s, "StartExecution", map[string]any{"stateMachineArn": machine, "input": input})["executionArn"].(string)
}

// wait polls an execution until it has ended, more seldom the longer it takes.
func wait(t *testing.T, s http.Handler, arn string) map[string]any {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < 2*time.Hour; time.Sleep(max(2*time.Millisecond, time.Since(begun)/200)) {
		if out := call(t, s, "DescribeExecution", map[string]any{"executionArn": arn}); out["status"] != "RUNNING" {
			return out
		}
	}
	t.Fatalf("%s does not end", arn)
	return nil
}

// execute runs a definition once on a server of its own and returns the description and the history.
func execute(t *testing.T, cfg states.Config, definition, input string) (map[string]any, []map[string]any) {
	t.Helper()
	s := start(t, cfg)
	arn := begin(t, s, create(t, s, "m", "STANDARD", definition), input)
	return wait(t, s, arn), events(t, s, arn)
}

func events(t *testing.T, s http.Handler, arn string) []map[string]any {
	t.Helper()
	var all []map[string]any
	in := map[string]any{"executionArn": arn, "maxResults": 1000}
	for {
		out := call(t, s, "GetExecutionHistory", in)
		for _, e := range out["events"].([]any) {
			all = append(all, e.(map[string]any))
		}
		if out["nextToken"] == nil {
			return all
		}
		in["nextToken"] = out["nextToken"]
	}
}

// order words a history as "id:previous type", one a line.
func order(events []map[string]any) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%v:%v %v\n", e["id"], e["previousEventId"], e["type"])
	}
	return b.String()
}

// one is a machine of one state.
func one(state string) string { return `{"StartAt":"S","States":{"S":` + state + `}}` }

// sameJSON compares two JSON texts as values.
func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}
