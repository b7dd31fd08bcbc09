package splitter

import "os"

// writebackBytes is how much of a file is written before the disk is asked to take it. Otherwise the system lets gigabytes gather, and the disk begins when
// all hashing is done.
const writebackBytes = 8 << 20

// early passes writes on to a file that is written front to back, and asks the disk to take each part without waiting for it. That is a hint: Sync makes the
// file durable, and reports what failed.
type early struct {
	file        *os.File
	asked, done int64
}

func (e *early) Write(b []byte) (int, error) {
	n, err := e.file.Write(b)
	if e.done += int64(n); e.done-e.asked >= writebackBytes {
		writeback(e.file, e.asked, e.done-e.asked)
		e.asked = e.done
	}
	return n, err
}
