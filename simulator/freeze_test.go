//go:build unix

package simulator_test

import (
	"os"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

// size returns the length of a file, 0 when there is none.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func TestAProcessIsFrozenBetweenInvocationsAndGoesOnWithTheNext(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	file := t.TempDir() + "/ticks"
	ok(t, c, "f", command{Do: "tick", Arg: file}) // writes a byte each millisecond from now on
	pid := pidOf(t, c, "f")
	ok(t, c, "f", command{Do: "sleep", Arg: "30ms"})
	time.Sleep(100 * time.Millisecond) // a thread may run on for a moment until it sees the signal
	before := size(file)
	if before == 0 {
		t.Fatal("background work did not run during an invocation")
	}
	time.Sleep(100 * time.Millisecond)
	if after := size(file); after != before {
		t.Errorf("background work went on between invocations: %d bytes, then %d", before, after)
	}
	ok(t, c, "f", command{Do: "sleep", Arg: "30ms"})
	if after := size(file); after <= before {
		t.Errorf("background work did not go on with the next invocation: %d bytes, then %d", before, after)
	}
	if again := pidOf(t, c, "f"); again != pid {
		t.Errorf("process %d was replaced by %d", pid, again)
	}
}

func TestWithoutFreezingAProcessRunsOn(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{NoFreeze: true, Functions: []simulator.Function{fn(t, "f", "script")}})
	file := t.TempDir() + "/ticks"
	ok(t, c, "f", command{Do: "tick", Arg: file})
	before := size(file)
	eventually(t, "background work between invocations", func() bool { return size(file) > before+10 })
}
