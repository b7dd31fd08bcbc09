package browser_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/cli"
	"github.com/shardwise/shardwise/internal/livepage"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// TestMain makes the test binary its own bootstrap, and the bootstrap of the functions that misbehave.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("_HANDLER") == "misbehave":
		lambda.Start(misbehave)
	case bootstrap.IsBootstrap():
		if os.Getenv("AWS_LAMBDA_FUNCTION_NAME") == "crashing-shard-002" && starts() <= 2 {
			os.Exit(7) // in INIT, and again in the first invocation
		}
		bootstrap.Main(bootstrap.Handler{Name: tasks.HandlerName, Open: tasks.FromEnvironment})
	default:
		goleak.VerifyTestMain(m)
	}
}

// starts counts the starts of a process in its environment, this one included.
func starts() int {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	if _, err := f.WriteString("."); err != nil {
		panic(err)
	}
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
	return int(info.Size())
}

// markup is a text that does harm where it is taken for markup.
const markup = `<img src=x onerror="document.title='taken over'"><script>document.title='taken over'</script>`

// misbehave does what the event asks for.
func misbehave(_ context.Context, event struct{ Do string }) (string, error) {
	switch event.Do {
	case "fail":
		return "", errors.New(markup)
	case "exit":
		os.Exit(7)
	case "sleep":
		time.Sleep(3 * time.Second)
	}
	return "fine", nil
}

// split splits an example and returns the directory.
func split(t *testing.T, file, name string, shards int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	if _, err := splitter.Split(t.Context(), "../../examples/"+file, dir, layout.Options{Shards: shards, Name: name}, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// app is the command line with the test binary as its bootstrap.
func app(t *testing.T, stdout io.Writer) *cli.App {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &cli.App{Stdout: stdout, Stderr: io.Discard, Width: 100, Bootstrap: self, TempDir: t.TempDir()}
}

// misbehaving starts a simulator of two functions with a live page.
func misbehaving(t *testing.T) *simulator.Simulator {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	none := 0
	page := livepage.New(livepage.Config{Title: "misbehaving " + markup, Functions: []livepage.Function{{Name: "worker", MemoryMB: 256}, {Name: "reserved", Role: "reserved " + markup, MemoryMB: 128}}})
	sim, err := simulator.Start(context.Background(), simulator.Config{Dir: t.TempDir(), Observer: page, Page: page, Functions: []simulator.Function{
		{Name: "worker", Handler: "misbehave", Command: []string{self}, MemoryMB: 256, Timeout: time.Minute},
		{Name: "reserved", Handler: "misbehave", Command: []string{self}, ReservedConcurrency: &none},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	return sim
}

// post invokes a function, or asks a model, and returns the status.
func post(t *testing.T, url, body string) int {
	t.Helper()
	r, err := http.Post(url, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return r.StatusCode
}

func invocations(sim *simulator.Simulator, function string) string {
	return fmt.Sprintf("%s/2015-03-31/functions/%s/invocations", sim.Endpoint(), function)
}
