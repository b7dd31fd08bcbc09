//go:build unix

package sandbox

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

// Line is one line of a function's log, without its line feed. Text is only
// valid during the call that hands it over.
type Line struct {
	Time      time.Time
	Function  string
	Version   string
	Stream    string // the environment's log stream
	RequestID string // of the invocation it belongs to; empty during INIT
	Text      []byte
}

// tailSize is how much of a log X-Amz-Log-Result carries.
const tailSize = 4 << 10

// maxLine is where a line without end is cut; Lambda's own limit is 256 KB a log event.
const maxLine = 256 << 10

// journal collects the log of one environment and writes Lambda's own lines
// into it.
type journal struct {
	spec   *Spec
	stream string

	mu        sync.Mutex
	pipe      *outputPipe
	requestID string
	wanted    bool   // whether the invocation asked for its tail
	tail      []byte // at most tailSize bytes, the latest
	partial   []byte // a line that has not ended yet
	peak      int64
}

func newJournal(spec *Spec, stream string) *journal {
	return &journal{spec: spec, stream: stream}
}

func (j *journal) attach(p *outputPipe) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pipe = p
}

// drain takes in what the function has written up to now. When nobody listens
// that need not be now: whoever follows the pipe throws it away.
func (j *journal) drain() {
	j.mu.Lock()
	p, heard := j.pipe, j.listening()
	j.mu.Unlock()
	if p != nil && heard {
		p.drain()
	}
}

// take notes output; mu is held.
func (j *journal) take(p []byte) {
	if j.wanted {
		if len(p) >= tailSize {
			j.tail = append(j.tail[:0], p[len(p)-tailSize:]...)
		} else {
			if over := len(j.tail) + len(p) - tailSize; over > 0 {
				j.tail = append(j.tail[:0], j.tail[over:]...)
			}
			j.tail = append(j.tail, p...)
		}
	}
	if j.spec.Log == nil {
		return
	}
	for {
		n := bytes.IndexByte(p, '\n')
		if n < 0 {
			break
		}
		if len(j.partial) > 0 {
			j.partial = append(j.partial, p[:n]...)
			j.emit(j.partial)
			j.partial = j.partial[:0]
		} else {
			j.emit(p[:n])
		}
		p = p[n+1:]
	}
	if j.partial = append(j.partial, p...); len(j.partial) >= maxLine {
		j.flush()
	}
}

// flush ends a line that the function left open; mu is held.
func (j *journal) flush() {
	if len(j.partial) > 0 {
		j.emit(j.partial)
		j.partial = j.partial[:0]
	}
}

func (j *journal) emit(text []byte) {
	j.spec.Log(Line{Time: time.Now(), Function: j.spec.Function, Version: j.spec.Version,
		Stream: j.stream, RequestID: j.requestID, Text: text})
}

// listening reports whether anyone will see what is written; mu is held.
func (j *journal) listening() bool { return j.wanted || j.spec.Log != nil }

// note writes a line of Lambda's own; mu is held.
func (j *journal) note(format string, args ...any) {
	if !j.listening() {
		return
	}
	if j.spec.Log != nil {
		j.flush()
	}
	j.take(fmt.Appendf(nil, format+"\n", args...))
}

// begin opens the log of an invocation.
func (j *journal) begin(inv *Invocation) {
	j.mu.Lock()
	p := j.pipe
	j.mu.Unlock()
	if p != nil && (inv.Tail || j.spec.Log != nil) {
		p.drain() // what was written before belongs to INIT or to the previous invocation
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.spec.Log != nil {
		j.flush()
	}
	j.requestID, j.wanted, j.tail = inv.RequestID, inv.Tail, j.tail[:0]
	j.note("START RequestId: %s Version: %s", inv.RequestID, j.spec.Version)
}

// overflow says why a process was killed whose files took too much room.
func (j *journal) overflow(spec *Spec) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.note("simulator: ephemeral storage holds more than its %d MB; Lambda would refuse the write with \"no space left on device\", here the process is killed", spec.StorageMB)
}
