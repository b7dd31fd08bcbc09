package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// closedPipe is a standard output whose reader has gone.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestACommandWhoseReaderGoesEndsQuietly(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	input := examplePath("diabetes-xgboost", "input.csv")
	for _, args := range [][]string{
		{"predict", dir, "--input", input},
		{"predict", dir, "--input", input, "--json"},
		{"inspect", dir, "--json"},
	} {
		var out, errs buffer
		a := testApp(t, &out, &errs)
		a.Stdout = closedPipe(t)
		if status := a.Run(t.Context(), args); status != StatusReaderGone {
			t.Errorf("%v: status %d, wanted %d:\n%s", args, status, StatusReaderGone, errs.String())
		}
		if strings.Contains(errs.String(), "shardwise:") {
			t.Errorf("%v complains:\n%s", args, errs.String())
		}
	}
}

func TestOnlyStandardOutputIsExcused(t *testing.T) {
	if got := ExitStatus(context.Background(), fmt.Errorf("call: %w", syscall.EPIPE)); got != StatusRun {
		t.Errorf("a broken connection gives status %d, wanted %d", got, StatusRun)
	}
	if got := ExitStatus(context.Background(), stdoutError(errors.New("disk full"))); got != StatusRun {
		t.Errorf("a full disk gives status %d, wanted %d", got, StatusRun)
	}
}
