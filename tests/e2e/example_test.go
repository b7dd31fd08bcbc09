package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestTheExampleThatSimulatePrintsWorks pastes it into a shell.
func TestTheExampleThatSimulatePrintsWorks(t *testing.T) {
	tool(t, "aws", "--version")
	m := model(t, "diabetes-xgboost", "model.ubj", 2)
	cmd := command(t, "simulate", m.Dir, "--json", "--quiet")
	cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var facts struct{ Example string }
	if err := json.NewDecoder(out).Decode(&facts); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", "set -e\n"+facts.Example)
	shell.Dir = t.TempDir()
	shell.Env = append(os.Environ(), "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull)
	text, err := shell.CombinedOutput()
	if err != nil || !strings.Contains(string(text), `"name":"prediction"`) {
		t.Errorf("the example ends with %v:\n%s", err, text)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("simulate ended with %v", err)
	}
}
