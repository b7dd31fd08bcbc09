package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// crashing is the name of models whose shard 1 ends before it answers anything.
const crashing = "crashing"

// TestMain makes the test binary the bootstrap of the functions that the commands start: it is its own bootstrap, as the
// program is.
func TestMain(m *testing.M) {
	if bootstrap.IsBootstrap() {
		if os.Getenv("AWS_LAMBDA_FUNCTION_NAME") == crashing+"-shard-001" {
			os.Exit(7)
		}
		bootstrap.Main(bootstrap.Handler{Name: tasks.HandlerName, Open: tasks.FromEnvironment})
		return
	}
	goleak.VerifyTestMain(m)
}

// result is what a command left behind.
type result struct {
	stdout, stderr string
	status         int
}

// buffer may be written by several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run runs one command in this process; the functions' processes are this test binary.
func runCommand(t *testing.T, args ...string) result {
	t.Helper()
	return runContext(t, t.Context(), args...)
}

func runContext(t *testing.T, ctx context.Context, args ...string) result {
	t.Helper()
	var out, errs buffer
	status := testApp(t, &out, &errs).Run(ctx, args)
	return result{out.String(), errs.String(), status}
}

// testApp is an App whose temporary folder must be empty in the end.
func testApp(t *testing.T, out, errs *buffer) *App {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	t.Cleanup(func() {
		left, err := os.ReadDir(temp)
		if err != nil {
			t.Error(err)
		}
		for _, e := range left {
			t.Errorf("the command left %s in the temporary folder", e.Name())
		}
	})
	return &App{Stdout: out, Stderr: errs, Width: defaultWidth, Bootstrap: self, TempDir: temp, Version: "v0.0.0-test go0"}
}

// want fails unless the command ended with that status.
func (r result) want(t *testing.T, status int) result {
	t.Helper()
	if r.status != status {
		t.Fatalf("exit status %d, wanted %d; standard error:\n%s", r.status, status, r.stderr)
	}
	return r
}

// facts decodes the JSON document on standard output.
func (r result) facts(t *testing.T) *runFacts {
	t.Helper()
	f := new(runFacts)
	if err := json.Unmarshal([]byte(r.stdout), f); err != nil {
		t.Fatalf("standard output is not one JSON document: %v\n%s", err, r.stdout)
	}
	return f
}

const examples = "../../examples"

// example is the path of a file of an example.
func examplePath(name, file string) string { return filepath.Join(examples, name, file) }

// splitExample splits an example's model and returns the directory.
func splitExample(t *testing.T, name, model string, shards int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	runCommand(t, "split", examplePath(name, model), "-o", dir, "--shards", fmt.Sprint(shards), "--name", name).want(t, StatusOK)
	return dir
}

// golden compares text with a file in testdata, hashes left out.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`\b[0-9a-f]{12,64}\b`).ReplaceAllString(got, "HASH")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with go test ./internal/cli -update, and read the difference", err)
	}
	if got != string(want) {
		t.Errorf("%s is not what it was; if that is meant: go test ./internal/cli -update\n--- got\n%s--- want\n%s", name, got, want)
	}
}

// writeFile writes a file of a test's own.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// readLines reads a file's lines.
func readLines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}
