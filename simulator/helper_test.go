//go:build unix

package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardwise/shardwise/simulator"
)

// self is the command that runs this test binary as a bootstrap.
func self(tb testing.TB) []string {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return []string{exe}
}

// fn is a function served by the test binary.
func fn(tb testing.TB, name, handler string) simulator.Function {
	tb.Helper()
	return simulator.Function{Name: name, Handler: handler, Command: self(tb), Timeout: 10 * time.Second,
		Env: map[string]string{"GORACE": "atexit_sleep_ms=0"}} // the race detector's runtime lingers a second at exit otherwise
}

// logBook collects log lines.
type logBook struct {
	mu    sync.Mutex
	lines []simulator.LogLine
}

func (l *logBook) add(line simulator.LogLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *logBook) texts() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var texts []string
	for _, line := range l.lines {
		texts = append(texts, line.Text)
	}
	return texts
}

// start starts a simulator and ends it with the test.
func start(tb testing.TB, cfg simulator.Config) (*simulator.Simulator, *awslambda.Client) {
	tb.Helper()
	cfg.Dir = tb.TempDir()
	sim, err := simulator.Start(context.Background(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := sim.Close(); err != nil {
			tb.Error(err)
		}
		if entries, err := os.ReadDir(cfg.Dir); err != nil || len(entries) > 0 {
			tb.Errorf("after Close the directory holds %v (%v), want nothing", entries, err)
		}
	})
	return sim, client(tb, sim.Endpoint())
}

// client is the SDK's Lambda client, without retries.
func client(tb testing.TB, endpoint string) *awslambda.Client {
	tb.Helper()
	httpc := httpClient(tb)
	return awslambda.New(awslambda.Options{Region: simulator.DefaultRegion, BaseEndpoint: aws.String(endpoint), HTTPClient: httpc,
		Credentials: credentials.NewStaticCredentialsProvider("ak", "sk", ""),
		Retryer:     retry.AddWithMaxAttempts(retry.NewStandard(), 1)})
}

// invoke calls a function whose event is v.
func invoke(tb testing.TB, c *awslambda.Client, name string, v any) *awslambda.InvokeOutput {
	tb.Helper()
	payload, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := c.Invoke(context.Background(), &awslambda.InvokeInput{FunctionName: &name, Payload: payload})
	if err != nil {
		tb.Fatalf("invoke %s: %v", name, err)
	}
	return out
}

// ok calls a function that must not fail.
func ok(tb testing.TB, c *awslambda.Client, name string, v any) []byte {
	tb.Helper()
	out := invoke(tb, c, name, v)
	if out.FunctionError != nil {
		tb.Fatalf("invoke %s: function error %s: %s", name, *out.FunctionError, out.Payload)
	}
	return out.Payload
}

// pidOf returns the process that serves a function.
func pidOf(tb testing.TB, c *awslambda.Client, name string) int {
	tb.Helper()
	pid, err := strconv.Atoi(string(ok(tb, c, name, command{})))
	if err != nil {
		tb.Fatal(err)
	}
	return pid
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // no /proc here: the signal's answer stands
	}
	var id int
	var name string
	var state byte
	if _, err := fmt.Sscanf(string(status), "%d %s %c", &id, &name, &state); err != nil {
		return true
	}
	return state != 'Z' && state != 'X'
}

// eventually polls until what happens elsewhere has happened.
func eventually(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	tb.Fatalf("waited 10 s for %s", what)
}

// requestID returns the id that the service gave an invocation.
func requestID(out *awslambda.InvokeOutput) string {
	id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	return id
}

func input(name string, payload []byte) *awslambda.InvokeInput {
	return &awslambda.InvokeInput{FunctionName: &name, Payload: payload}
}
