package splitter

import (
	"os"
	"syscall"
)

// writeRange is SYNC_FILE_RANGE_WRITE of sync_file_range(2): start to write, do not wait.
const writeRange = 2

// writeback starts writing a part of the file to the disk. A file system that does not know how does it later, as it would have.
func writeback(f *os.File, at, n int64) {
	raw, err := f.SyscallConn()
	if err != nil {
		return // the file is closed, which the next write reports
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.SyncFileRange(int(fd), at, n, writeRange) })
}
