package bootstrap

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine"
)

// TestMain lets the test binary be the bootstrap of a child process, with the engine of the mini model.
func TestMain(m *testing.M) {
	if os.Getenv("_HANDLER") != "" {
		run(os.Getenv, []engine.Engine{&brittle{}})
		return
	}
	goleak.VerifyTestMain(m)
}

// invocation is one event for the runtime.
type invocation struct {
	id      string
	payload []byte
}

// answer is what the runtime posted: kind "response", "error" or "init".
type answer struct {
	kind string
	body string
}

// runtimeAPI is the least Runtime API that aws-lambda-go needs.
type runtimeAPI struct {
	server *httptest.Server
	events chan invocation
	posted chan answer
	ready  chan struct{} // one per /next
}

func newRuntimeAPI(t testing.TB) *runtimeAPI {
	t.Helper()
	a := &runtimeAPI{events: make(chan invocation), posted: make(chan answer, 16), ready: make(chan struct{}, 16)}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	return a
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/")
	if path == "invocation/next" {
		a.ready <- struct{}{}
		select {
		case e := <-a.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(10*time.Second).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:000000000000:function:f")
			w.Write(e.payload)
		case <-r.Context().Done():
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	kind := path[strings.LastIndexByte(path, '/')+1:]
	if path == "init/error" {
		kind = "init"
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, `{"status":"OK"}`)
	a.posted <- answer{kind, string(body)}
}

// invoke hands the runtime one event and waits for what it posts.
func (a *runtimeAPI) invoke(t testing.TB, payload []byte) answer {
	t.Helper()
	select {
	case a.events <- invocation{id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", payload: payload}:
	case got := <-a.posted:
		t.Fatalf("the process ended with %+v", got)
	case <-time.After(20 * time.Second):
		t.Fatal("the process does not ask for work")
	}
	select {
	case got := <-a.posted:
		return got
	case <-time.After(20 * time.Second):
		t.Fatal("no answer")
	}
	return answer{}
}

// start runs this test binary as a function's process, ended with the test.
func (a *runtimeAPI) start(t testing.TB, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(a.server.URL, "http://")}, env...)
	cmd.Stderr = &strings.Builder{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		if t.Failed() {
			t.Log(cmd.Stderr)
		}
	})
	return cmd
}
