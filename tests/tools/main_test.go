package tools_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// TestMain makes the test binary its own bootstrap.
func TestMain(m *testing.M) {
	if bootstrap.IsBootstrap() {
		bootstrap.Main(bootstrap.Handler{Name: tasks.HandlerName, Open: tasks.FromEnvironment})
		return
	}
	goleak.VerifyTestMain(m)
}

// envRequire turns a missing tool from a skipped test into a failed one.
const envRequire = "SHARDWISE_REQUIRE_TOOLS"

// tool finds a program that the computer may lack.
func tool(t *testing.T, name string, probe ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, probe...).CombinedOutput(); err != nil {
		text := name + " " + strings.Join(probe, " ") + " does not run here: " + err.Error() + "; see tests/tools/requirements.txt\n" + string(out)
		if os.Getenv(envRequire) == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
}

// diabetes serves the model that the documents speak of and returns its address, host and port.
func diabetes(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	if _, err := splitter.Split(t.Context(), "../../examples/diabetes-xgboost/model.ubj", dir, layout.Options{Shards: 2, Name: "diabetes"}, nil); err != nil {
		t.Fatal(err)
	}
	m, err := local.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, err := local.Start(context.Background(), local.Config{Model: m, Bootstrap: self, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return strings.TrimPrefix(d.Endpoint(), "http://")
}

// documented is the address that the documents give to the simulation.
const documented = "127.0.0.1:9001"

// example is a block of code with the block of text that it prints.
type example struct{ code, prints string }

// examples are a document's blocks in a language, each with the text that follows it, for the address where the model is.
func examples(t *testing.T, document, language, address string) []example {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	pattern := regexp.MustCompile("(?s)```" + language + "\n(.*?)```\n\n```text\n(.*?)```")
	for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
		list = append(list, example{strings.ReplaceAll(m[1], documented, address), m[2]})
	}
	if n := strings.Count(string(text), "```"+language+"\n"); n != len(list) || n == 0 {
		t.Fatalf("%s: %d of %d blocks of %s are followed by the text that they print", document, len(list), n, language)
	}
	return list
}

// run runs a program in dir as a user would who points AWS's clients at the simulation.
func run(t *testing.T, dir, address, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL=http://"+address, "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "NO_PROXY=*", "no_proxy=*")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
