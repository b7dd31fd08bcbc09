//go:build unix

package simulator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

func TestAnEnvironmentIsReusedWarmAndServesOneInvocationAtATime(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	first := pidOf(t, c, "f")
	for range 5 {
		if again := pidOf(t, c, "f"); again != first {
			t.Fatalf("served by process %d, want the warm %d", again, first)
		}
	}
	const wide = 8
	pids := make([]int, wide)
	var all sync.WaitGroup
	for i := range wide {
		all.Go(func() {
			var got struct{ PID int }
			ok(t, c, "f", command{Do: "sleep", Arg: "300ms"})
			if err := json.Unmarshal(ok(t, c, "f", command{Do: "context"}), &got); err != nil {
				t.Error(err)
			}
			pids[i] = got.PID
		})
	}
	all.Wait()
	distinct := map[int]bool{}
	for _, pid := range pids {
		distinct[pid] = true
	}
	if len(distinct) < 2 {
		t.Errorf("%d overlapping invocations used %d processes", wide, len(distinct))
	}
}

func TestAnIdleEnvironmentIsReapedWithItsProcessAndStorage(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{IdleTimeout: 50 * time.Millisecond, Functions: []simulator.Function{fn(t, "f", "script")}})
	if string(ok(t, c, "f", command{Do: "mark"})) != "false" {
		t.Fatal("a new environment has a used ephemeral storage")
	}
	pid := pidOf(t, c, "f")
	eventually(t, "the idle process to be reaped", func() bool { return !alive(pid) })
	if string(ok(t, c, "f", command{Do: "mark"})) != "false" {
		t.Error("ephemeral storage outlived its environment")
	}
}

func TestACrashOrTimeoutKeepsEphemeralStorageAndNotTheProcess(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Timeout = 1500 * time.Millisecond
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	ok(t, c, "f", command{Do: "mark"})
	for _, way := range []command{{Do: "sleep", Arg: "1h"}, {Do: "exit", Arg: "1"}, {Do: "panic", Arg: "oh"}} {
		before := pidOf(t, c, "f")
		if out := invoke(t, c, "f", way); out.FunctionError == nil {
			t.Fatalf("%+v did not fail", way)
		}
		if after := pidOf(t, c, "f"); after == before {
			t.Errorf("%+v: process %d went on", way, before)
		}
		if string(ok(t, c, "f", command{Do: "mark"})) != "true" {
			t.Errorf("%+v: ephemeral storage was lost", way)
		}
		if alive(before) {
			t.Errorf("%+v: process %d is still alive", way, before)
		}
	}
}

func TestAnOrdinaryErrorKeepsTheProcess(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	before := pidOf(t, c, "f")
	invoke(t, c, "f", command{Do: "error", Arg: "x"})
	if after := pidOf(t, c, "f"); after != before {
		t.Errorf("process %d was replaced by %d", before, after)
	}
}

func TestAProcessKilledFromOutsideFailsOneInvocation(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	pid := pidOf(t, c, "f")
	done := make(chan string)
	mark := t.TempDir() + "/mark"
	go func() { done <- string(invoke(t, c, "f", command{Do: "hold", Arg: mark}).Payload) }()
	eventually(t, "the invocation to be under way", func() bool { _, err := os.Stat(mark); return err == nil })
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if body := <-done; !strings.Contains(body, `"errorType":"Runtime.ExitError"`) || !strings.Contains(body, "Runtime exited with error: signal: killed") {
		t.Errorf("killed during an invocation: %s", body)
	}
	pid = pidOf(t, c, "f")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the killed process to be gone", func() bool { return !alive(pid) })
	eventually(t, "the function to answer again", func() bool { return invoke(t, c, "f", command{}).FunctionError == nil })
}

func TestInitFailuresAreTriedAgainInsideTheInvocation(t *testing.T) {
	t.Parallel()
	var log logBook
	functions := []simulator.Function{fn(t, "exit", "init-exit"), fn(t, "zero", "init-zero"), fn(t, "hang", "init-hang"),
		fn(t, "slow-once", "init-slow-once"), fn(t, "report", "init-error")}
	for i := range functions {
		if functions[i].Name == "hang" {
			functions[i].Timeout = time.Second
		}
	}
	functions = append(functions, simulator.Function{Name: "none", Command: []string{"/no/such/program"}})
	_, c := start(t, simulator.Config{InitTimeout: 300 * time.Millisecond, Functions: functions, Log: log.add})
	for _, tc := range []struct{ name, want string }{
		{"exit", `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: exit status 9"}`},
		{"zero", `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited without providing a reason"}`},
		{"hang", `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: Task timed out after 1.00 seconds"}`},
		{"report", `{"errorMessage":"no weights","errorType":"Shard.Load"}`},
		{"none", `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: %s Error: fork/exec /no/such/program: no such file or directory"}`},
	} {
		out := invoke(t, c, tc.name, command{})
		want := strings.ReplaceAll(tc.want, "%s", requestID(out))
		if out.FunctionError == nil || string(out.Payload) != want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, out.Payload, want)
		}
	}
	if out := invoke(t, c, "slow-once", command{}); out.FunctionError != nil {
		t.Errorf("an INIT that succeeds the second time: %s", out.Payload)
	}
	text := strings.Join(log.texts(), "\n")
	for _, want := range []string{"Phase: init\tStatus: timeout", "Phase: init\tStatus: error\tError Type: Runtime.ExitError"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestAnAnswerWithoutAnotherRequestForWorkIsNoAnswer(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "answer-and-exit")}})
	out := invoke(t, c, "f", command{})
	if !strings.Contains(string(out.Payload), "Runtime exited without providing a reason") {
		t.Errorf("got %s", out.Payload)
	}
}

func TestSIGTERMIsSentToProcessesThatAskedForIt(t *testing.T) {
	t.Parallel()
	var log logBook
	_, c := start(t, simulator.Config{IdleTimeout: 20 * time.Millisecond, Log: log.add,
		Functions: []simulator.Function{fn(t, "polite", "sigterm"), fn(t, "plain", "script")}})
	ok(t, c, "polite", command{})
	ok(t, c, "plain", command{})
	eventually(t, "the SIGTERM handler's line", func() bool { return strings.Contains(strings.Join(log.texts(), "\n"), "got SIGTERM") })
}

func TestTheFunctionSeesLambdasEnvironment(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Env["MODEL"] = "digits"
	data := t.TempDir() + "/weights"
	if err := os.WriteFile(data, []byte("W"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.Files = []simulator.File{{Name: "shard/weights.bin", Source: data}}
	f.MemoryMB = 512
	sim, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	var environ []string
	if err := json.Unmarshal(ok(t, c, "f", command{Do: "environ"}), &environ); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if _, twice := env[name]; twice {
			t.Errorf("%s stands twice", name)
		}
		env[name] = value
	}
	root := env["LAMBDA_TASK_ROOT"]
	for name, want := range map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_REGION": "us-east-1",
		"AWS_DEFAULT_REGION": "us-east-1", "_HANDLER": "script", "TZ": ":UTC", "LANG": "en_US.UTF-8", "PWD": root, "SHLVL": "0",
		"LAMBDA_RUNTIME_DIR": "/var/runtime", "MODEL": "digits", "AWS_ENDPOINT_URL": sim.Endpoint(),
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "_AWS_XRAY_DAEMON_PORT": "2000",
	} {
		if env[name] != want {
			t.Errorf("%s=%q, want %q", name, env[name], want)
		}
	}
	for _, name := range []string{"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "PATH", "LD_LIBRARY_PATH", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "TMPDIR"} {
		if env[name] == "" {
			t.Errorf("%s is not set", name)
		}
	}
	if _, leaked := env["HOME"]; leaked {
		t.Error("the caller's own environment reaches the function")
	}
	if wd := string(ok(t, c, "f", command{Do: "getwd"})); wd != root {
		t.Errorf("working directory %s, want the task root %s", wd, root)
	}
	if got := string(ok(t, c, "f", command{Do: "read", Arg: "shard/weights.bin"})); got != "W" {
		t.Errorf("the task root shows %q", got)
	}
	if out := invoke(t, c, "f", command{Do: "create", Arg: root + "/new"}); out.FunctionError == nil && os.Getuid() != 0 {
		t.Error("a function could write into its task root")
	}
	ok(t, c, "f", command{Do: "create", Arg: env["TMPDIR"] + "/new"})
}

func TestTheContextTellsTheInvocation(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Versions, f.Aliases = []simulator.Version{{Number: "3"}}, map[string]string{"live": "3"}
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	out := invoke(t, c, "f:live", command{Do: "context"})
	var got struct {
		ID, ARN, Trace string
		Left           int
	}
	if err := json.Unmarshal(out.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != requestID(out) || got.ARN != "arn:aws:lambda:us-east-1:000000000000:function:f:live" ||
		got.Left <= 0 || got.Left > 10000 || !strings.HasPrefix(got.Trace, "Root=1-") {
		t.Errorf("context %+v, request id %s", got, requestID(out))
	}
	if *out.ExecutedVersion != "3" {
		t.Errorf("executed version %s, want 3", *out.ExecutedVersion)
	}
}

func TestVersionsHaveEnvironmentsOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Versions = []simulator.Version{{Number: "1"}, {Number: "2", Command: append(self(t), "two"), Env: map[string]string{"VV": "2", "GORACE": "atexit_sleep_ms=0"}}}
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	pids := map[int]string{}
	for _, q := range []string{"$LATEST", "1", "2"} {
		pid := pidOf(t, c, "f:"+q)
		if other, taken := pids[pid]; taken {
			t.Errorf("versions %s and %s share a process", q, other)
		}
		pids[pid] = q
	}
	if got := string(ok(t, c, "f:2", command{Do: "args"})); got != "two" {
		t.Errorf("version 2 runs with arguments %q, want its own", got)
	}
	if got := fmt.Sprint(string(ok(t, c, "f:1", command{Do: "args"}))); got != "" {
		t.Errorf("version 1 runs with arguments %q, want those of $LATEST", got)
	}
}

func TestTheBootstrapMayBeAFileOfTheTaskRoot(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.Files = []simulator.File{{Name: "bootstrap", Source: f.Command[0]}}
	f.Command = nil
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	if got := string(ok(t, c, "f", command{Do: "args"})); got != "" {
		t.Errorf("bootstrap runs with arguments %q, want none", got)
	}
}
