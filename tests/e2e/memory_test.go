package e2e_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestPredictStreamsInBoundedMemory predicts ten times as many rows and allows the largest process little more memory.
func TestPredictStreamsInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("200,000 rows take some seconds")
	}
	m := model(t, "diabetes-xgboost", "model.ubj", 2)
	few, many := peak(t, m.Dir, 20_000), peak(t, m.Dir, 200_000)
	t.Logf("largest process: %d MB for 20,000 rows, %d MB for 200,000", few>>20, many>>20)
	if many > few+64<<20 {
		t.Errorf("200,000 rows took %d MB, 20,000 took %d MB: memory grows with the rows", many>>20, few>>20)
	}
}

// peak predicts that many rows in a process of its own and returns the most memory that it or one of its functions had, in
// bytes.
func peak(t *testing.T, dir string, rows int) int64 {
	t.Helper()
	input := repeatRows(t, rows)
	output := filepath.Join(t.TempDir(), "answers.csv")
	cmd := command(t, "predict", dir, "--input", input, "--output", output)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := countLines(t, output); n != rows+1 {
		t.Errorf("the answers have %d lines, wanted a header and %d rows", n, rows)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatalf("no resource usage: %T", cmd.ProcessState.SysUsage())
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss // bytes there, kilobytes elsewhere
	}
	return usage.Maxrss << 10
}

// repeatRows writes the diabetes rows again and again.
func repeatRows(t *testing.T, rows int) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(load(t, filepath.Join(examples, "diabetes-xgboost", "input.csv")))), "\n")
	path := filepath.Join(t.TempDir(), "input.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, lines[0])
	for i := range rows {
		fmt.Fprintln(w, lines[1+i%(len(lines)-1)])
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func countLines(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		n++
	}
	return n
}
