package sandbox

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// exitHandle tells when a process ends. A thread that blocks in waitid is woken
// whenever the process is stopped or continued, twice for each invocation, and
// a thousand environments would block a thousand threads. The kernel's handle of
// a process becomes readable at its end only, and is watched like a connection.
type exitHandle struct{ pidfd int }

// attach asks for the handle of the process that attr will start.
func (h *exitHandle) attach(attr *syscall.SysProcAttr) {
	h.pidfd = -1
	attr.PidFD = &h.pidfd
}

// wait returns when the process has ended, and at once where that cannot be told
// in this way (before Linux 5.3); the process is to be waited for in any case.
func (h *exitHandle) wait() {
	if h.pidfd < 0 {
		return
	}
	_ = syscall.SetNonblock(h.pidfd, true) // or the wait below is refused, and nothing is lost but a thread
	f := os.NewFile(uintptr(h.pidfd), "process handle")
	defer func() { _ = f.Close() }() // a handle has nothing to flush
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) (ended bool) { // an error is that it cannot be watched
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
}

// close gives the handle of a process up that is not waited for.
func (h *exitHandle) close() {
	if h.pidfd >= 0 {
		_ = syscall.Close(h.pidfd) // a handle has nothing to flush
	}
}
