package e2e_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/simulator"
)

// TestNoProcessSurvivesTheCommand ends "simulate" in four ways, the last of which it cannot notice.
func TestNoProcessSurvivesTheCommand(t *testing.T) {
	m := model(t, "diabetes-xgboost", "model.ubj", 2)
	// Tests that run under nohup would hand on that SIGHUP is ignored; what is caught is a child's default again.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := command(t, "simulate", m.Dir, "--json")
			temp := t.TempDir()
			cmd.Env = append(cmd.Env, "TMPDIR="+temp)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			logs, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			pids := make(chan int, 16)
			go readPIDs(logs, pids)
			invokeOnce(t, out, m.Deployment.Coordinator.Name)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if sig == syscall.SIGHUP { // as a terminal that closes does; the command may have ended meanwhile
				if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
			}
			var found []int
			for pid := range pids { // ends when nobody holds the other end of standard error
				found = append(found, pid)
			}
			err = cmd.Wait()
			if sig != syscall.SIGKILL && err != nil {
				t.Errorf("the command ended with %v", err)
			}
			if len(found) != 3 {
				t.Errorf("%d processes said their pid, wanted the coordinator and 2 shards", len(found))
			}
			gone(t, found)
			if left, err := os.ReadDir(temp); sig != syscall.SIGKILL && (err != nil || len(left) != 0) {
				t.Errorf("left in the temporary folder: %v (%v)", left, err)
			}
		})
	}
}

// TestNohupKeepsTheCommand starts "simulate" with SIGHUP ignored, as nohup does, and closes the terminal, so to speak.
func TestNohupKeepsTheCommand(t *testing.T) {
	m := model(t, "diabetes-xgboost", "model.ubj", 2)
	cmd := command(t, "simulate", m.Dir, "--json")
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	head, err := lines.Peek(1) // the document says that the functions can be called
	if err != nil || head[0] != '{' {
		t.Fatalf("%q %v", head, err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	invokeOnce(t, lines, m.Deployment.Coordinator.Name)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the command ended with %v", err)
	}
}

// readPIDs finds the functions' pids among the log lines.
func readPIDs(logs io.Reader, pids chan<- int) {
	defer close(pids)
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		if _, text, ok := strings.Cut(lines.Text(), "e2e pid "); ok {
			var pid int
			if _, err := fmt.Sscan(text, &pid); err == nil {
				pids <- pid
			}
		}
	}
}

// invokeOnce asks one row, so that all processes are there.
func invokeOnce(t *testing.T, out io.Reader, name string) {
	t.Helper()
	var facts struct{ Endpoint string }
	if err := json.NewDecoder(out).Decode(&facts); err != nil {
		t.Fatal(err)
	}
	client, err := awslambda.New(awslambda.Options{Region: simulator.DefaultRegion, Endpoint: facts.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	payload, want := question(t, 1)
	r, err := client.Invoke(t.Context(), coordinator.Target{Function: name}, payload)
	if err != nil || !strings.Contains(string(r.Body), want) {
		t.Fatalf("%v %s", err, r.Body)
	}
}

// gone waits until the processes have ended; a simulator that was killed cannot wait for them itself.
func gone(t *testing.T, pids []int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for _, pid := range pids {
		for alive(pid) {
			if time.Now().After(deadline) {
				t.Errorf("process %d survived", pid)
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// TestPredictLeavesNoTrace runs a whole predict in a temporary folder of its own and looks what is left.
func TestPredictLeavesNoTrace(t *testing.T) {
	temp := t.TempDir()
	cmd := command(t, "predict", examples+"/diabetes-xgboost/model.ubj", "--shards", "3", "--logs",
		"--input", examples+"/diabetes-xgboost/input.csv", "--expect", examples+"/diabetes-xgboost/expected.csv")
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids := make(chan int, 16)
	go readPIDs(logs, pids)
	var found []int
	for pid := range pids {
		found = append(found, pid)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range found {
		if alive(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
	if len(found) != 4 {
		t.Errorf("%d processes said their pid, wanted the coordinator and 3 shards", len(found))
	}
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
}

// TestAReaderThatGoesAwayLeavesNoTrace gives predict a standard output that nobody reads.
func TestAReaderThatGoesAwayLeavesNoTrace(t *testing.T) {
	temp := t.TempDir()
	cmd := command(t, "predict", examples+"/diabetes-xgboost/model.ubj", "--shards", "2", "--input", examples+"/diabetes-xgboost/input.csv")
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	err = cmd.Run()
	if cmd.ProcessState.ExitCode() != 141 {
		t.Errorf("the command ended with %v, wanted exit status 141, as a tool that SIGPIPE ended", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
}
