package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// metered tells whether the memory of a process can be watched while it runs.
const metered = true

// gauge reads how much memory a process holds: anonymous and shared memory, not
// the pages of mapped files, which the kernel may drop at any time. It is not for
// concurrent use.
//
// The kernel tells the three apart in a file of some sixty lines only, which takes
// seventy microseconds to open, write and read. The short file tells shared memory
// and mapped files as one number and, kept open, takes two; the long one is read
// when that number has changed.
type gauge struct {
	pid   int
	short *os.File

	shared int64 // pages of files and shared memory when the long file was read; -1 before
	shmem  int64 // bytes of shared memory then
}

// newGauge opens the gauge of a process that has not been waited for.
func newGauge(pid int) (*gauge, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return nil, fmt.Errorf("watch the memory of process %d: %w", pid, err)
	}
	return &gauge{pid: pid, short: f, shared: -1}, nil
}

func (g *gauge) close() { _ = g.short.Close() } // opened for reading only

// read returns the bytes held; it is false once the process has ended.
func (g *gauge) read() (int64, bool) {
	var buf [128]byte
	n, _ := g.short.ReadAt(buf[:], 0) // the end of the file is an error too; what was read decides
	fields := bytes.Fields(buf[:n])   // size, resident, shared, ... in pages
	if len(fields) < 3 {
		return 0, false
	}
	resident, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil || resident == 0 {
		return 0, false
	}
	shared, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil {
		return 0, false
	}
	if shared != g.shared {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(g.pid) + "/status")
		if err != nil {
			return 0, false // it ended just now; or no descriptor is left, and a later look will tell
		}
		g.shared, g.shmem = shared, statusField(status, "RssShmem:")
	}
	return (resident-shared)*int64(os.Getpagesize()) + g.shmem, true
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
