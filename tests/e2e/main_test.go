package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/cli"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// The variables by which a test speaks to the processes of its functions and commands.
const (
	envCLI  = "E2E_CLI"  // set: be the command line
	envPIDs = "E2E_PIDS" // folder where a function's process leaves a file named by its pid
	envKill = "E2E_KILL" // "always", or a file: die while answering a request, unless the file exists; it is made first
)

// TestMain lets the test binary be a function's bootstrap or the command line as well.
func TestMain(m *testing.M) {
	switch {
	case bootstrap.IsBootstrap():
		function()
	case os.Getenv(envCLI) != "":
		os.Exit(cli.Main(os.Args[1:]))
	default:
		goleak.VerifyTestMain(m)
	}
}

// function is the real bootstrap, which says its pid and may be told to die.
func function() {
	fmt.Printf("e2e pid %d\n", os.Getpid())
	if dir := os.Getenv(envPIDs); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(os.Getpid())), nil, 0o600); err != nil {
			panic(err)
		}
	}
	if kill := os.Getenv(envKill); kill != "" {
		dieWhileAnswering(kill)
	}
	bootstrap.Main(bootstrap.Handler{Name: tasks.HandlerName, Open: tasks.FromEnvironment})
}

// dieWhileAnswering puts itself between the bootstrap and the Runtime API and kills the process, with a signal that cannot be
// caught, when the bootstrap has computed an answer and is about to hand it over.
func dieWhileAnswering(kill string) {
	api := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: api})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/response") && mayDie(kill) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		proxy.ServeHTTP(w, r)
	}))
	if err := os.Setenv("AWS_LAMBDA_RUNTIME_API", strings.TrimPrefix(server.URL, "http://")); err != nil {
		panic(err)
	}
}

// mayDie is true always, or for the one process that can make the file.
func mayDie(kill string) bool {
	if kill == "always" {
		return true
	}
	f, err := os.OpenFile(kill, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

const examples = "../../examples"

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// model splits an example.
func model(t *testing.T, name, file string, shards int) *local.Model {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	o := layout.Options{Shards: shards, Name: name}
	if _, err := splitter.Split(t.Context(), filepath.Join(examples, name, file), dir, o, nil); err != nil {
		t.Fatal(err)
	}
	m, err := local.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// world is a running simulation whose processes are known.
type world struct {
	*simulator.Simulator
	client *awslambda.Client
	model  *local.Model
	pids   string
}

// start serves a model; adjust may change the functions, the coordinator's first.
func start(t *testing.T, m *local.Model, adjust func([]simulator.Function)) *world {
	t.Helper()
	w := &world{model: m, pids: t.TempDir()}
	functions := local.Functions(m.Dir, m.Manifest, m.Fingerprint, m.Deployment, self(t))
	for i := range functions {
		if functions[i].Env == nil {
			functions[i].Env = map[string]string{}
		}
		functions[i].Env[envPIDs] = w.pids
	}
	if adjust != nil {
		adjust(functions)
	}
	sim, err := simulator.Start(context.Background(), simulator.Config{Functions: functions, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w.Simulator = sim
	w.client, err = awslambda.New(awslambda.Options{Region: simulator.DefaultRegion, Endpoint: sim.Endpoint(),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.client.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		w.noSurvivors(t)
	})
	return w
}

// noSurvivors fails when a process of a function is still there.
func (w *world) noSurvivors(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(w.pids)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) == 0 {
		t.Error("no process said its pid, so that nothing is known of survivors")
	}
	for _, e := range left {
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err != nil {
			t.Fatal(err)
		}
		if alive(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
}

// alive reports whether a process runs. One that has ended counts as gone even when its parent, which may be a
// container's first process, has not asked for its status yet.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // Linux only
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) || runtime.GOOS != "linux"
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

// command is the command line in a process of its own.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), self(t), args...)
	cmd.Env = append(os.Environ(), envCLI+"=1")
	return cmd
}
