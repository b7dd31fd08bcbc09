package sandbox

import (
	"bytes"
	"strconv"
	"syscall"
)

// metered tells whether the memory of a process can be watched while it runs.
const metered = true

// memory returns the bytes that the process holds: anonymous and shared memory,
// not the pages of mapped files, which the kernel may drop at any time. It is
// false once the process has ended.
func (i *instance) memory() (int64, bool) {
	if i.hasExited() {
		return 0, false
	}
	fd, err := syscall.Open("/proc/"+strconv.Itoa(i.cmd.Process.Pid)+"/status", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, false // it ended just now; or no descriptor is left, and a later look will tell
	}
	var buf [4 << 10]byte // the fields of interest come early, one read is whole
	n, err := syscall.Read(fd, buf[:])
	_ = syscall.Close(fd) // opened for reading only
	if err != nil {
		return 0, false
	}
	return statusField(buf[:n], "RssAnon:") + statusField(buf[:n], "RssShmem:"), true
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

// most returns what the kernel says an ended process held at most, the pages of
// mapped files included.
func (i *instance) most() int64 { return i.maxRSS() << 10 }
