package sandbox

import (
	"bytes"
	"os/exec"
	"strconv"
)

// metered tells whether the memory of a process can be watched while it runs;
// macOS has no way without cgo that is cheap enough.
const metered = false

// memory returns the bytes resident for the process, as ps tells them. It is
// false once the process has ended.
func (i *instance) memory() (int64, bool) {
	if i.hasExited() {
		return 0, false
	}
	out, err := exec.Command("/bin/ps", "-o", "rss=", "-p", strconv.Itoa(i.cmd.Process.Pid)).Output()
	if err != nil {
		return 0, false
	}
	kb, err := strconv.ParseInt(string(bytes.TrimSpace(out)), 10, 64)
	if err != nil {
		return 0, false
	}
	return kb << 10, true
}

// most returns what the kernel says an ended process held at most.
func (i *instance) most() int64 { return i.maxRSS() }
