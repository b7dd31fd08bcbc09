package sandbox

import (
	"bytes"
	"os/exec"
	"strconv"
)

// memory returns the bytes resident for the process, as ps tells them; macOS has
// no cheaper way without cgo. For a process that has ended it is the most that
// it ever held.
func (i *instance) memory() int64 {
	if i.hasExited() {
		return i.maxRSS()
	}
	out, err := exec.Command("/bin/ps", "-o", "rss=", "-p", strconv.Itoa(i.cmd.Process.Pid)).Output()
	if err != nil {
		return 0 // it ended just now; nothing was measured
	}
	kb, err := strconv.ParseInt(string(bytes.TrimSpace(out)), 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}
