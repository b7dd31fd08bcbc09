package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// blocks are the fenced blocks of the README in a language, in their order.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	readme := string(load(t, "../../README.md"))
	var list []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		list = append(list, m[1])
	}
	if len(list) == 0 {
		t.Fatalf("the README has no block of %s", language)
	}
	return list
}

func TestTheReadmesFirstCommandRuns(t *testing.T) {
	line, ok := strings.CutPrefix(strings.TrimSpace(blocks(t, "sh")[0]), "go run ./cmd/shardwise ")
	if !ok {
		t.Fatalf("the README's first command is %q", line)
	}
	cmd := command(t, strings.Fields(line)...)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ok: every compared value") {
		t.Errorf("%v\n%s", err, out)
	}
}

// tour is a folder in which the README's commands run: with ./shardwise and the examples.
type tour struct {
	t   *testing.T
	dir string
	env []string
}

func newTour(t *testing.T) *tour {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec %q \"$@\"\n", envCLI, self(t))
	if err := os.WriteFile(filepath.Join(dir, "shardwise"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(examples)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(absolute, filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	return &tour{t: t, dir: dir, env: append(os.Environ(), "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull)}
}

func (r *tour) run(name string, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), name, args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// simulate starts the README's simulation on a free port and returns how to end it.
func (r *tour) simulate(block string) (endpoint string, stop func()) {
	r.t.Helper()
	args := strings.Fields(regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(block, "127.0.0.1:0 --json --quiet"))
	cmd := exec.CommandContext(r.t.Context(), filepath.Join(r.dir, args[0]), args[1:]...)
	cmd.Dir, cmd.Env = r.dir, append(r.env, "TMPDIR="+r.t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	var facts struct{ Endpoint string }
	if err := json.NewDecoder(out).Decode(&facts); err != nil {
		r.t.Fatal(err)
	}
	return facts.Endpoint, func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			r.t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			r.t.Errorf("simulate ended with %v", err)
		}
	}
}

func TestTheReadmesTourRuns(t *testing.T) {
	r := newTour(t)
	var simulation, client, web string
	for _, block := range blocks(t, "sh") {
		switch {
		case strings.Contains(block, "./shardwise simulate"):
			simulation = block
		case strings.Contains(block, "aws lambda"):
			client = block
		case strings.Contains(block, "curl "):
			web = block
		case strings.Contains(block, "./shardwise"):
			r.run("sh", "-c", "set -e\n"+regexp.MustCompile(`(?m)^go build .*$`).ReplaceAllString(block, ""))
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "answers.npz")); err != nil {
		t.Errorf("the tour's predict wrote nothing: %v", err)
	}
	if simulation == "" || client == "" || web == "" {
		t.Fatal("the README shows no simulation, or not both kinds of client of it")
	}
	t.Run("clients", func(t *testing.T) {
		tool(t, "aws", "--version")
		tool(t, "python3", "-c", "import boto3")
		tool(t, "curl", "--version")
		endpoint, stop := r.simulate(simulation)
		defer stop()
		here := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
		shown := blocks(t, "text")
		answer := r.run("sh", "-c", "set -e\n"+here.ReplaceAllString(client, endpoint))
		id := regexp.MustCompile(`"id":"[^"]*"`)
		if want := id.ReplaceAllString(strings.TrimSpace(shown[len(shown)-1]), ""); !strings.Contains(id.ReplaceAllString(answer, ""), want) {
			t.Errorf("the README shows another answer than this:\n%s", answer)
		}
		if printed := r.run("sh", "-c", "set -e\n"+here.ReplaceAllString(web, endpoint)); !strings.Contains(printed, "154.097") || !strings.Contains(printed, `"inputs"`) {
			t.Errorf("the README's curl lines print %s", printed)
		}
		r.env = append(r.env, "AWS_ENDPOINT_URL="+endpoint, "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "AWS_DEFAULT_REGION=us-east-1")
		if printed := r.run("python3", "-c", blocks(t, "python")[0]); !strings.Contains(printed, "154.097") {
			t.Errorf("the README's Python prints %s", printed)
		}
	})
}
