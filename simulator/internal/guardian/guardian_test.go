//go:build unix

package guardian

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("GUARDIAN_TEST_OWNER") != "" {
		own()
		return
	}
	goleak.VerifyTestMain(m)
}

// members are programs that would outlive their parent: one waits, one ignores
// every polite signal, one has a child of its own.
func members() [][]string {
	return [][]string{
		{"/bin/sleep", "1000"},
		{"/bin/sh", "-c", "trap '' HUP INT TERM QUIT; while :; do sleep 1000; done"},
		{"/bin/sh", "-c", "sleep 1000 & wait"},
	}
}

// own starts a group with members, stops one of them, prints their process ids
// and waits to be killed.
func own() {
	g, err := Start()
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	for i, m := range members() {
		cmd := exec.Command(m[0], m[1:]...)
		cmd.SysProcAttr = g.Attr()
		if err := cmd.Start(); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		if i == 0 {
			if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				fmt.Println("error:", err)
			}
		}
		fmt.Println(cmd.Process.Pid)
	}
	fmt.Println(g.cmd.Process.Pid)
	fmt.Println("end")
	time.Sleep(time.Hour)
}

func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	after := status[strings.LastIndexByte(string(status), ')')+2]
	return after != 'Z' && after != 'X'
}

func awaitDeath(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		dead := false
		for range 1000 {
			if dead = !alive(pid); dead {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if !dead {
			t.Errorf("process %d is alive 5 s after its guardian's owner died", pid)
		}
	}
}

func TestMembersDieWhenTheOwnerIsKilledEvenIfStopped(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GUARDIAN_TEST_OWNER=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "end" {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("owner said %q", lines.Text())
		}
		pids = append(pids, pid)
	}
	if len(pids) != len(members())+1 {
		t.Fatalf("owner started %d processes, want %d", len(pids), len(members())+1)
	}
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("process %d is not alive before the kill", pid)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as asked
	awaitDeath(t, pids)
}

func TestCloseKillsMembersAndReportsLoss(t *testing.T) {
	g, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sleep", "1000")
	cmd.SysProcAttr = g.Attr()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("member ended with %v, want SIGKILL", err)
	}
	<-g.Lost()
}

func TestLostTellsThatTheGuardianWasKilled(t *testing.T) {
	g, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	for _, polite := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
		if err := g.cmd.Process.Signal(polite); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-g.Lost():
		t.Fatal("a polite signal ended the guardian")
	case <-time.After(50 * time.Millisecond):
	}
	if err := g.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-g.Lost()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
}
