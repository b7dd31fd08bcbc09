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
		_ = raw.Read(func(fd uintptr) bool { return o.read(fd) })
	}()
	return o, w, nil
}

// read takes what the pipe holds; ended reports that nothing more will come.
func (o *outputPipe) read(fd uintptr) (ended bool) {
	o.log.mu.Lock()
	defer o.log.mu.Unlock()
	for {
		n, err := syscall.Read(int(fd), o.buf)
		if n > 0 {
			o.log.take(o.buf[:n])
			continue
		}
		if err == syscall.EINTR {
			continue
		}
		return err != syscall.EAGAIN // end of file, or a broken pipe: both are the end
	}
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
