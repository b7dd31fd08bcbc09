//go:build linux

package simulator_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shardwise/shardwise/simulator"
)

// maxMemory returns what a REPORT line says, in MB.
func maxMemory(t *testing.T, log string) int {
	t.Helper()
	m := regexp.MustCompile(`Max Memory Used: (\d+) MB`).FindStringSubmatch(log)
	if m == nil {
		t.Fatalf("no REPORT line in %q", log)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAProcessOverItsMemoryIsKilledAndReplaced(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{MemoryLimit: true, Functions: []simulator.Function{fn(t, "f", "script")}})
	ok(t, c, "f", command{Do: "mark"})
	before := pidOf(t, c, "f")
	log, out := tail(t, c, "f", `{"Do":"allocate","Bytes":314572800}`)
	want := fmt.Sprintf(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: signal: killed"}`, requestID(out))
	if out.FunctionError == nil || string(out.Payload) != want {
		t.Errorf("300 MB of 128:\n got %s\nwant %s", out.Payload, want)
	}
	if used := maxMemory(t, log); used <= 128 || used > 320 {
		t.Errorf("REPORT says %d MB used, want more than 128 and not more than was asked for", used)
	}
	if after := pidOf(t, c, "f"); after == before || alive(before) {
		t.Errorf("process %d went on (now %d)", before, after)
	}
	if string(ok(t, c, "f", command{Do: "mark"})) != "true" {
		t.Error("ephemeral storage was lost with the process")
	}
}

func TestMemoryWithinTheLimitIsReported(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	f.MemoryMB = 512
	_, c := start(t, simulator.Config{MemoryLimit: true, Functions: []simulator.Function{f, fn(t, "mapped", "script")}})
	log, out := tail(t, c, "f", `{"Do":"allocate","Bytes":209715200}`)
	if used := maxMemory(t, log); out.FunctionError != nil || used < 200 || used > 300 && !raceDetector {
		t.Errorf("200 MB of 512: error %v, %d MB reported, want 200 to 300", out.FunctionError, used)
	}
	// The pages of a mapped file are the kernel's to drop, so they do not count.
	dir := t.TempDir()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil || fs.Type == unix.TMPFS_MAGIC {
		t.Skipf("%s lies in memory (%v), where a mapped file is shared memory", dir, err)
	}
	log, out = tail(t, c, "mapped", fmt.Sprintf(`{"Do":"map","Arg":%q,"Bytes":209715200}`, dir+"/file"))
	if used := maxMemory(t, log); out.FunctionError != nil || used > 100 {
		t.Errorf("200 MB mapped: error %v %s, %d MB reported, want less than 100", out.FunctionError, out.Payload, used)
	}
}

func TestMemoryDuringInitCountsToo(t *testing.T) {
	t.Parallel()
	var log logBook
	_, c := start(t, simulator.Config{MemoryLimit: true, Functions: []simulator.Function{fn(t, "f", "init-allocate")}, Log: log.add})
	out := invoke(t, c, "f", command{})
	if out.FunctionError == nil || !strings.Contains(string(out.Payload), "signal: killed") {
		t.Errorf("got %s", out.Payload)
	}
	if text := strings.Join(log.texts(), "\n"); !strings.Contains(text, "Phase: init\tStatus: error\tError Type: Runtime.ExitError") {
		t.Errorf("the log lacks the failed INIT: %s", text)
	}
}

func TestWithoutTheLimitAProcessMayHoldMoreWhichIsReported(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	log, out := tail(t, c, "f", `{"Do":"allocate","Bytes":209715200}`)
	if used := maxMemory(t, log); out.FunctionError != nil || used < 200 {
		t.Errorf("200 MB of 128: error %v, %d MB reported, want none and 200 or more", out.FunctionError, used)
	}
}
