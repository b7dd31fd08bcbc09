package batch_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/cli"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// envCLI makes the test binary the command line.
const envCLI = "BATCH_CLI"

// TestMain lets the test binary be a function's bootstrap or the command line as well.
func TestMain(m *testing.M) {
	switch {
	case bootstrap.IsBootstrap():
		bootstrap.Main(bootstrap.Handler{Name: tasks.HandlerName, Open: tasks.FromEnvironment})
	case os.Getenv(envCLI) != "":
		os.Exit(cli.Main(os.Args[1:]))
	default:
		goleak.VerifyTestMain(m)
	}
}

const examples = "../../examples"

// long reports whether the tests may take minutes.
func long() bool { return os.Getenv("SHARDWISE_LONG") == "1" }

// split cuts an example and returns the directory; a store is named, as a deployment on AWS has one.
func split(t testing.TB, example, file string, shards int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	o := layout.Options{Shards: shards, Name: "model"}
	if _, err := splitter.Split(t.Context(), filepath.Join(examples, example, file), dir, o, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "deployment.json")
	var d map[string]any
	if err := json.Unmarshal(load(t, path), &d); err != nil {
		t.Fatal(err)
	}
	d["store"] = map[string]string{"bucket": bucket, "prefix": "work"}
	data, err := json.Marshal(d)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

const bucket = "batches"

func load(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// table writes an example's rows, recombined at random, to a file of so many.
func table(t testing.TB, example string, rows int) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(load(t, filepath.Join(examples, example, "input.csv")))), "\n")
	random := rand.New(rand.NewPCG(uint64(rows), 7))
	var of [][]string
	for _, l := range lines[1:] {
		of = append(of, strings.Split(l, ","))
	}
	path := filepath.Join(t.TempDir(), fmt.Sprintf("rows-%d.csv", rows))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, lines[0])
	for range rows {
		a, b := of[random.IntN(len(of))], of[random.IntN(len(of))]
		at := random.IntN(len(a))
		fmt.Fprintln(w, strings.Join(append(append([]string(nil), a[:at]...), b[at:]...), ","))
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// command is the command line in a process of its own.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), envCLI+"=1", "TMPDIR="+t.TempDir())
	return cmd
}

// run runs the command line to its end and wants an exit status; it returns both streams and the most memory that the
// process, or one that it waited for, has held.
func run(t testing.TB, status int, cmd *exec.Cmd) (stdout, stderr string, peak int64) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != status {
		t.Fatalf("%v: wanted status %d, found %v\n%s%s", cmd.Args[1:], status, err, out.String(), errs.String())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatalf("no resource usage: %T", cmd.ProcessState.SysUsage())
	}
	peak = usage.Maxrss << 10
	if runtime.GOOS == "darwin" {
		peak = usage.Maxrss // bytes there, kilobytes elsewhere
	}
	return out.String(), errs.String(), peak
}

// predicted is the file that predict writes.
func predicted(t testing.TB, dir, input, format string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "predicted."+format)
	run(t, cli.StatusOK, command(t, "predict", dir, "--input", input, "--output", path))
	return path
}

// same compares two files byte for byte, a piece at a time.
func same(t testing.TB, a, b string) {
	t.Helper()
	x, err1 := os.Open(a)
	y, err2 := os.Open(b)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	defer y.Close()
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; {
		n, err1 := io.ReadFull(x, p)
		m, err2 := io.ReadFull(y, q)
		if n != m || !bytes.Equal(p[:n], q[:m]) {
			t.Fatalf("%s and %s differ behind byte %d", a, b, at)
		}
		if at += int64(n); err1 != nil {
			if !errors.Is(err1, io.EOF) && !errors.Is(err1, io.ErrUnexpectedEOF) || err2 == nil {
				t.Fatal(err1, err2)
			}
			return
		}
	}
}

// facts are what the tests read of a batch's document.
type facts struct {
	Execution string
	Status    string
	Error     string
	PerSecond float64 `json:"rows_per_second"`
	Summary   *struct {
		Blocks, Rows int64
		Done         int64 `json:"blocks_done"`
		Predicted    int64 `json:"rows_predicted"`
		Failures     []struct {
			Block        int
			Error, Cause string
		}
	}
	Functions []struct {
		Name      string
		Processes int
		Memory    int64 `json:"max_memory_mb"`
	}
	Faults []struct{ Fired int }
	Cost   struct {
		USD    float64
		Lambda *struct{ Requests int64 }
	}
	Blocks struct{ Total, Succeeded, Failed, Aborted, Running int64 }
}

func parse(t testing.TB, text string) *facts {
	t.Helper()
	f := new(facts)
	if err := json.Unmarshal([]byte(text), f); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return f
}
