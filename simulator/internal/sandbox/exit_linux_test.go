package sandbox

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// begin starts a process that sleeps, with its handle.
func begin(t *testing.T) (*exec.Cmd, *exitHandle) {
	t.Helper()
	cmd, h := exec.Command("/bin/sleep", "60"), &exitHandle{}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	h.attach(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // ends with "signal: killed", or has been waited for
	})
	if h.pidfd < 0 {
		t.Skip("the kernel gives no handles of processes")
	}
	return cmd, h
}

func TestTheHandleTellsTheEndOfAProcessAndNothingElse(t *testing.T) {
	cmd, h := begin(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.wait()
	}()
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT, syscall.SIGSTOP} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
			t.Fatalf("%v was taken for the end", s)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := cmd.Process.Kill(); err != nil { // ends a stopped process as well
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the end was not told")
	}
}

func TestTheHandleOfAProcessThatHasEndedTellsSoAtOnce(t *testing.T) {
	cmd, h := begin(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // ends with "signal: killed"
	h.wait()
}
