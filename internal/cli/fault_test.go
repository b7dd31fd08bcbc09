package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// killGuardians kills the shells that guard this process's simulators.
func killGuardians(t *testing.T) {
	t.Helper()
	list, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,command=").Output()
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[1] != strconv.Itoa(os.Getpid()) || !strings.Contains(line, "kill -s KILL 0") {
			continue
		}
		pid, err := strconv.Atoi(f[0])
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
		killed++
	}
	if killed == 0 {
		t.Fatal("found no guardian to kill")
	}
}

func TestSimulateEndsWithAnErrorWhenItCannotGoOn(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	var out, errs buffer
	a := testApp(t, &out, &errs)
	ended := make(chan int, 1)
	go func() { ended <- a.Run(t.Context(), []string{"simulate", dir, "--json"}) }()
	awaitFacts(t, &out, ended)
	killGuardians(t)
	if status := <-ended; status != StatusRun {
		t.Errorf("status %d, wanted %d", status, StatusRun)
	}
	for _, want := range []string{"ended by itself", "guardian"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("standard error lacks %q:\n%s", want, errs.String())
		}
	}
}

func TestAnInterruptionHidesNoFault(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	fault := &faultError{errors.New("the guardian was killed")}
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, StatusOK},
		{context.Canceled, StatusInterrupted},
		{fault, StatusRun},
		{errors.Join(fmt.Errorf("predict: %w", context.Canceled), fault), StatusRun},
	} {
		if got := ExitStatus(ctx, c.err); got != c.want {
			t.Errorf("%v while interrupted: status %d, wanted %d", c.err, got, c.want)
		}
	}
}
