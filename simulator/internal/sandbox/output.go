//go:build unix

package sandbox

import (
	"os"
	"syscall"
)

// outputPipe carries what a process writes to standard output and error into a
// journal. A goroutine reads whenever there is something; drain reads what is
// there right now, so that the end of an invocation can be written down after
// everything that the function wrote before it.
type outputPipe struct {
	r    *os.File
	raw  syscall.RawConn
	log  *journal
	buf  []byte // guarded by log.mu, as is the order of reading and noting
	done chan struct{}
}

func newOutputPipe(log *journal) (*outputPipe, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	raw, err := r.SyscallConn()
	if err != nil {
		_ = r.Close()
		_ = w.Close()
		return nil, nil, err
	}
	o := &outputPipe{r: r, raw: raw, log: log, buf: make([]byte, 4<<10), done: make(chan struct{})}
	log.attach(o)
	go func() {
		defer close(o.done)
		// The error is that the pipe was closed under the wait, which is how it ends.
		_ = raw.Read(o.follow)
	}()
	return o, w, nil
}

// maxBurst is how much is read under one hold of the lock, so that a function
// that never stops writing cannot keep its own timeout from being written down.
// It exceeds what a pipe holds, so one burst takes all that was there before.
const maxBurst = 1 << 20

// follow reads until the pipe is empty, and then is called again when it is not.
func (o *outputPipe) follow(fd uintptr) (ended bool) {
	for {
		if empty, ended := o.read(fd); empty || ended {
			return ended
		}
	}
}

// read takes what the pipe holds, but at most maxBurst bytes; ended reports that
// nothing more will come.
func (o *outputPipe) read(fd uintptr) (empty, ended bool) {
	o.log.mu.Lock()
	defer o.log.mu.Unlock()
	for taken := 0; taken < maxBurst; {
		n, err := syscall.Read(int(fd), o.buf)
		switch {
		case n > 0:
			o.log.take(o.buf[:n])
			taken += n
		case err == syscall.EAGAIN:
			return true, false
		case err != syscall.EINTR:
			return true, true // end of file, or a broken pipe: both are the end
		}
	}
	return false, false
}

// drain reads what is in the pipe without waiting.
func (o *outputPipe) drain() {
	// An error means that the pipe is closed already: nothing is left in it.
	_ = o.raw.Control(func(fd uintptr) { o.read(fd) })
}

func (o *outputPipe) close() {
	_ = o.r.Close() // reading ends; a pipe's read end has nothing to flush
	<-o.done
}
