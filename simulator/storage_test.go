//go:build linux

package simulator_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator"
)

func TestFilesBeyondTheEphemeralStorageEndTheProcess(t *testing.T) {
	t.Parallel()
	var log logBook
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script"), fn(t, "g", "script")}, Log: log.add})
	ok(t, c, "f", command{Do: "mark"})
	// Two files of 300 MB, which need no room on disk to be counted: their blocks are allocated, not written.
	out := invoke(t, c, "f", command{Do: "store", Bytes: 300 << 20})
	if out.FunctionError == nil || !strings.Contains(string(out.Payload), `"errorType":"Runtime.ExitError"`) || !strings.Contains(string(out.Payload), "signal: killed") {
		t.Errorf("600 MB of 512: %s", out.Payload)
	}
	if text := strings.Join(log.texts(), "\n"); !strings.Contains(text, "ephemeral storage holds more than its 512 MB") {
		t.Errorf("the log does not say why: %s", text)
	}
	if out := invoke(t, c, "g", command{Do: "store", Bytes: 200 << 20}); out.FunctionError != nil {
		t.Errorf("400 MB of 512: %s", out.Payload)
	}
	// A single file beyond the limit is refused by the kernel, as an error of the call like on Lambda.
	out = invoke(t, c, "g", command{Do: "seek", Bytes: 513 << 20})
	if out.FunctionError == nil || !strings.Contains(string(out.Payload), "file too large") {
		t.Errorf("a file of 513 MB: %s", out.Payload)
	}
}

func TestAProcessHasLambdasNumberOfDescriptors(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}})
	if limits := ok(t, c, "f", command{Do: "read", Arg: "/proc/self/limits"}); !regexp.MustCompile(`Max open files +1024 +1024 `).Match(limits) {
		t.Errorf("limits:\n%s", limits)
	}
}
