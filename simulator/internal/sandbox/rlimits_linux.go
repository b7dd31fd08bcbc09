package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// maxDescriptors is RLIMIT_NOFILE as recorded in a function on Lambda, soft and hard.
const maxDescriptors = 1024

// limitProcess gives a process the limits that it has on Lambda, and bounds each file that it writes by its ephemeral storage, if that is
// limited. Beyond it the kernel refuses the write with EFBIG, which a Go program sees as an error of the call; SIGXFSZ
// ends a program that does not handle it. The number of processes is left alone: the kernel counts a user's, not a
// function's.
func limitProcess(pid int, storage int64) error {
	if err := lower(pid, unix.RLIMIT_NOFILE, maxDescriptors); err != nil || storage == 0 {
		return err
	}
	return lower(pid, unix.RLIMIT_FSIZE, uint64(storage))
}

// lower sets a limit, but not above this process's own, which only root could.
func lower(pid, resource int, n uint64) error {
	var own unix.Rlimit
	if err := unix.Getrlimit(resource, &own); err != nil {
		return fmt.Errorf("read limit %d: %w", resource, err)
	}
	n = min(n, own.Max)
	limit := unix.Rlimit{Cur: n, Max: n}
	if err := unix.Prlimit(pid, resource, &limit, nil); err != nil && err != unix.ESRCH { // gone already
		return fmt.Errorf("set limit %d of process %d: %w", resource, pid, err)
	}
	return nil
}
