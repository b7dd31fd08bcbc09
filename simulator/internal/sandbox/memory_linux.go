package sandbox

import (
	"bytes"
	"os"
	"strconv"
)

// memory returns the bytes that the process holds: anonymous and shared memory,
// not the pages of mapped files, which the kernel may drop at any time. For a
// process that has ended it is the most that it ever held, files included.
func (i *instance) memory() int64 {
	if i.hasExited() {
		return i.maxRSS() << 10
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(i.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0 // it ended just now; nothing was measured
	}
	return statusField(status, "RssAnon:") + statusField(status, "RssShmem:")
}

// statusField returns a field of /proc/PID/status, given there in kB, in bytes.
func statusField(status []byte, name string) int64 {
	_, rest, ok := bytes.Cut(status, []byte("\n"+name))
	if !ok {
		return 0
	}
	fields := bytes.Fields(rest[:min(len(rest), 64)])
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}
