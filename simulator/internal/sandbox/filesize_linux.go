package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limitFileSize bounds each file that a process writes. Beyond it the kernel refuses the write with EFBIG, which a
// Go program sees as an error of the call; SIGXFSZ ends a program that does not handle it.
func limitFileSize(pid int, bytes int64) error {
	var own unix.Rlimit // which the process has inherited; only root may raise it
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &own); err != nil {
		return fmt.Errorf("read the limit of file sizes: %w", err)
	}
	n := min(uint64(bytes), own.Max)
	limit := unix.Rlimit{Cur: n, Max: n}
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil && err != unix.ESRCH { // gone already
		return fmt.Errorf("limit the file size of process %d: %w", pid, err)
	}
	return nil
}
