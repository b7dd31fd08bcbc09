//go:build unix

package simulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardwise/shardwise/simulator"
)

// runSimulatorUntilKilled is the other half of the test below: it runs a
// simulator in a process of its own, prints its endpoint and waits.
func runSimulatorUntilKilled() {
	exe, err := os.Executable()
	if err == nil {
		var sim *simulator.Simulator
		sim, err = simulator.Start(context.Background(), simulator.Config{Dir: os.Getenv("SIMULATOR_TEST_CHILD"), Functions: []simulator.Function{
			{Name: "f", Handler: "script", Command: []string{exe, os.Getenv("SIMULATOR_TEST_MARK")}, Timeout: time.Minute}}})
		if err == nil {
			fmt.Println(sim.Endpoint())
			time.Sleep(time.Hour)
		}
	}
	fmt.Println("error:", err)
	os.Exit(1)
}

// spawnSimulator starts that process and returns it with its endpoint. Its
// functions' processes carry mark in their command line.
func spawnSimulator(t *testing.T, dir, mark string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SIMULATOR_TEST_CHILD="+dir, "SIMULATOR_TEST_MARK="+mark)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a test that fails early leaves nothing behind either
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http://") {
		t.Fatalf("the simulator's process said %q (%v)", line, err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestNoProcessSurvivesASimulatorKilledWithSIGKILL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 3 {
		cmd, endpoint := spawnSimulator(t, dir, "plain")
		c := client(t, endpoint)
		pids := []int{pidOf(t, c, "f")}
		for i := range 3 { // these stay busy
			pids = append(pids, hold(t, c, filepath.Join(t.TempDir(), strconv.Itoa(i))))
		}
		pids = append(pids, pidOf(t, c, "f")) // and this is idle
		for _, pid := range pids {
			if !alive(pid) {
				t.Fatalf("round %d: process %d is not alive before the kill", round, pid)
			}
		}
		if err := syscall.Kill(pids[len(pids)-1], syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed, as asked
		for _, pid := range pids {
			eventually(t, fmt.Sprintf("process %d to die after its simulator", pid), func() bool { return !alive(pid) })
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		t.Fatalf("the killed simulators left %v (%v), want their directories", entries, err)
	}
	sim, err := simulator.Start(context.Background(), simulator.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("after the next simulator the directory holds %v (%v), want nothing", entries, err)
	}
}

// marked lists the living processes whose command line holds mark.
func marked(t *testing.T, mark string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "stat=,pid=,command=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, mark) && !strings.HasPrefix(line, "Z") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func TestNoProcessSurvivesAKillAtARandomMomentOfAScatter(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ps"); err != nil {
		t.Skipf("%v: install ps to run this test", err)
	}
	rounds := 4
	if n, err := strconv.Atoi(os.Getenv("SIMULATOR_TEST_KILLS")); err == nil {
		rounds = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d rounds", seed, rounds)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	for round := range rounds {
		mark := fmt.Sprintf("mark-%d-%d-%d", os.Getpid(), seed, round)
		cmd, endpoint := spawnSimulator(t, dir, mark)
		c := client(t, endpoint)
		for range 16 {
			go func() {
				_, _ = c.Invoke(context.Background(), input("f", []byte("{}"))) // some are cut off
			}()
		}
		time.Sleep(time.Duration(rng.IntN(40000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed, as asked
		eventually(t, "the processes of "+mark+" to die", func() bool { return len(marked(t, mark)) == 0 })
	}
}

func TestTheSimulatorStopsWhenItsGuardianIsKilled(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(context.Background(), simulator.Config{Dir: t.TempDir(), Functions: []simulator.Function{fn(t, "f", "script")}})
	if err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, client(t, sim.Endpoint()), "f")
	group, err := syscall.Getpgid(pid)
	if err != nil || group == pid || group == syscall.Getpgrp() {
		t.Fatalf("process %d is in group %d (%v), want the guardian's", pid, group, err)
	}
	if err := syscall.Kill(group, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the unguarded process to be ended", func() bool { return !alive(pid) })
	if err := sim.Close(); err == nil || !strings.Contains(err.Error(), "guardian process was ended") {
		t.Errorf("Close reports %v, want the loss of the guardian", err)
	}
}

// hold makes an environment busy for good and returns its process.
func hold(t *testing.T, c *awslambda.Client, mark string) int {
	t.Helper()
	payload, err := json.Marshal(command{Do: "hold", Arg: mark})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = c.Invoke(context.Background(), input("f", payload)) // ends with the simulator
	}()
	var pid int
	eventually(t, "the function to say that it holds", func() bool {
		text, err := os.ReadFile(mark)
		if err == nil {
			pid, err = strconv.Atoi(string(text))
		}
		return err == nil
	})
	return pid
}

func TestCloseEndsIdleAndBusyProcessesAndIsIdempotent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sim, err := simulator.Start(context.Background(), simulator.Config{Dir: dir, Functions: []simulator.Function{fn(t, "f", "script")}})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, sim.Endpoint())
	pid := pidOf(t, c, "f")
	busy := hold(t, c, filepath.Join(t.TempDir(), "mark"))
	for range 2 {
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if alive(pid) || alive(busy) {
		t.Errorf("processes %d, %d: alive %v, %v after Close", pid, busy, alive(pid), alive(busy))
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("after Close the directory holds %v (%v)", entries, err)
	}
}

func TestTheSimulatorEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	sim, err := simulator.Start(ctx, simulator.Config{Dir: t.TempDir(), Functions: []simulator.Function{fn(t, "f", "script")}})
	if err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, client(t, sim.Endpoint()), "f")
	cancel()
	eventually(t, "the process to end with the context", func() bool { return !alive(pid) })
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := simulator.Start(ctx, simulator.Config{}); err == nil {
		t.Error("started under a cancelled context")
	}
}

func TestASimulatorClosedAtOnceMissesNoGuardian(t *testing.T) {
	t.Parallel()
	for range 50 { // whether it is noticed depends on which goroutine runs first
		sim, err := simulator.Start(context.Background(), simulator.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
