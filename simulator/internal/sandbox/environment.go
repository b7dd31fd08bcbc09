//go:build unix

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/shardwise/shardwise/simulator/internal/tasktree"
)

// Spec describes the environments of one function version. It is shared by them
// and must not change once the first has been made.
type Spec struct {
	Function string
	Version  string
	Handler  string

	Command []string // program and arguments; a relative program path starts from Root
	Root    string   // the task root, working directory of the process
	Environ []string // KEY=VALUE; AWS_LAMBDA_RUNTIME_API, TMPDIR and the log stream are added here

	MemoryMB    int           // told to the process, and its limit if Limited
	StorageMB   int           // what the scratch directory may hold; 0 for no limit
	Limited     bool          // end a process that holds more
	Freeze      bool          // stop the process between invocations
	Timeout     time.Duration // of an invocation
	InitTimeout time.Duration // of the first INIT

	Process func() *syscall.SysProcAttr // attributes of each new process, never nil
	Log     func(Line)                  // receives each log line; nil when nobody listens
	Grace   time.Duration               // between SIGTERM and SIGKILL for processes that asked for SIGTERM

	// Observe is told each new state of an environment, named by its log stream, and the most memory seen in it; nil when
	// nobody wants to know. It must not call the environment.
	Observe func(stream string, s State, memory int64)
}

// Environment is one execution environment. Invoke and Close may be called from
// different goroutines, but Invoke not concurrently with itself.
type Environment struct {
	spec    *Spec
	stream  string // log stream name
	scratch string
	log     *journal

	started bool // whether the first INIT was attempted; Invoke's and Prepare's own

	mu     sync.Mutex
	inst   *instance // nil before the first start and after a reset
	closed bool

	requests sync.WaitGroup // of processes that were given up; added to under mu, with the process

	once sync.Once
	err  error
}

// memoryLimit returns the bytes that a process should hold at most, 0 where that
// cannot be watched.
func (s *Spec) memoryLimit() int64 {
	if !metered {
		return 0
	}
	return int64(s.MemoryMB) << 20
}

// New prepares an environment without starting its process. scratch must not
// exist; it becomes the function's writable directory and is removed by Close.
func New(spec *Spec, stream, scratch string) (*Environment, error) {
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return nil, fmt.Errorf("make scratch directory of %s: %w", spec.Function, err)
	}
	return &Environment{spec: spec, stream: stream, scratch: scratch, log: newJournal(spec, stream)}, nil
}

// ErrClosed is returned by an Invoke that Close has cut off.
var ErrClosed = errors.New("the environment was closed")

// start replaces the process.
func (e *Environment) start() (*instance, error) {
	e.tell(Starting)
	inst, err := newInstance(e.spec, e.stream, e.scratch, e.log)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.inst = inst
	}
	e.mu.Unlock()
	if closed {
		err = errors.Join(ErrClosed, inst.stop(0))
		inst.gone()
		return nil, err
	}
	return inst, nil
}

// process returns the present process, or nil.
func (e *Environment) process() *instance {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inst
}

func (e *Environment) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// reset ends the process; the scratch directory stays. The next invocation
// starts another.
func (e *Environment) reset() error {
	e.mu.Lock()
	inst := e.inst
	e.inst = nil
	if inst != nil {
		e.requests.Add(1)
	}
	e.mu.Unlock()
	if inst == nil {
		return nil
	}
	e.tell(Reset)
	err := inst.stop(e.spec.Grace)
	// Not waited for: part of a streamed response may be on its way to a client that does not read.
	go func() {
		defer e.requests.Done()
		inst.gone()
	}()
	return err
}

// Invoke runs one invocation and returns once it is complete, has failed or has
// timed out. The error is not nil only when the machine failed (no process, no
// descriptor), not the function; the environment then remains usable.
func (e *Environment) Invoke(inv *Invocation) (*Result, error) {
	var r Result
	if !e.started {
		e.started, r.Cold = true, true
		init, err := e.coldInit()
		if err != nil {
			return nil, err
		}
		r.Init = init
	}
	e.log.begin(inv)
	begin := time.Now()
	timer := time.NewTimer(inv.Fault.limit(e.spec.Timeout))
	defer timer.Stop()
	c := &call{inv: inv, deadline: begin.Add(e.spec.Timeout), done: make(chan struct{})}
	failed, err := e.run(c, timer.C)
	r.Duration = time.Since(begin)
	if failed != nil && e.isClosed() {
		err = ErrClosed
	}
	if err != nil {
		return nil, err
	}
	if failed != nil && failed.kind == typeTimeout {
		r.Duration = e.spec.Timeout
	}
	if failed != nil {
		e.log.drain() // before the process goes
	}
	r.Memory = e.log.memory(e.process())
	if failed != nil {
		if err := e.reset(); err != nil { // the process has gone, or must go
			return nil, err
		}
	}
	if failed == nil {
		// Only a completed call is read: a process given up may still be answering.
		failed, r.Body, r.ContentType = c.failed, c.body, c.contentType
	}
	if failed != nil {
		r.Failed, r.Body, r.ContentType = true, failed.document(inv.RequestID), "application/json"
	}
	r.LogTail = e.log.end(inv, &r, failed)
	e.rest()
	return &r, nil
}

// Prepare runs INIT before there is an invocation, as provisioned concurrency has it, and returns why it failed. An
// environment that lost its process gets another. It must not be called concurrently with Invoke.
func (e *Environment) Prepare() error {
	if inst := e.process(); inst != nil && !inst.hasExited() {
		return nil
	}
	if err := e.reset(); err != nil {
		return err
	}
	e.started = true
	begin := time.Now()
	inst, err := e.start()
	if err != nil {
		return err
	}
	timer := time.NewTimer(e.spec.InitTimeout)
	defer timer.Stop()
	if failed := inst.awaitReady(timer.C); failed != nil {
		e.log.drain()
		e.log.initReport(time.Since(begin), failed)
		return errors.Join(failed, e.reset())
	}
	inst.meter.pause()
	inst.storage.pause()
	e.rest()
	return nil
}

// Ready reports whether the environment has a process; it may have ended unseen.
func (e *Environment) Ready() bool { return e.process() != nil }

// coldInit is Lambda's INIT phase: its own time limit, outside the function's
// timeout. If it fails, INIT is run again inside the invocation, so the failure
// is only written down.
func (e *Environment) coldInit() (time.Duration, error) {
	begin := time.Now()
	inst, err := e.start()
	if err != nil {
		var f *failure
		if errors.As(err, &f) {
			e.log.initReport(time.Since(begin), f)
			return 0, nil
		}
		return 0, err
	}
	timer := time.NewTimer(e.spec.InitTimeout)
	defer timer.Stop()
	failed := inst.awaitReady(timer.C)
	took := time.Since(begin)
	if failed != nil {
		e.log.drain()
		e.log.initReport(took, failed)
		return 0, e.reset()
	}
	return took, nil
}

// run hands the call to the process, starting one if there is none, and waits.
func (e *Environment) run(c *call, timeout <-chan time.Time) (*failure, error) {
	inst := e.process()
	if inst != nil && inst.hasExited() {
		if err := e.reset(); err != nil { // died between invocations; INIT runs again inside this one
			return nil, err
		}
		inst = nil
	}
	if inst != nil {
		if e.spec.Freeze {
			inst.thaw()
		}
		inst.meter.resume()
		inst.storage.resume()
	} else {
		var err error
		if inst, err = e.start(); err != nil {
			var f *failure
			if errors.As(err, &f) {
				return f, nil
			}
			return nil, err
		}
		if f := inst.awaitReady(timeout); f != nil {
			if f.kind == typeTimeout {
				f = e.timedOut()
			}
			return f, nil
		}
	}
	e.tell(Busy)
	failed, stop := e.hand(inst, c, timeout)
	defer stop()
	if failed != nil {
		return failed, nil
	}
	select {
	case <-c.done:
		full := inst.storage.pause()
		if inst.meter.pause() || full { // found at the end of a short invocation
			return &failure{kind: typeExit, message: exitedWith + "signal: " + syscall.SIGKILL.String()}, nil
		}
		return nil, nil
	case <-inst.exited:
		return inst.outcome(c), nil
	case <-timeout:
		return e.timedOut(), nil
	}
}

func (e *Environment) timedOut() *failure {
	return &failure{kind: typeTimeout, message: fmt.Sprintf("Task timed out after %.2f seconds", e.spec.Timeout.Seconds())}
}

// Close ends the process, which fails an invocation still running, and removes
// the scratch directory. It is idempotent and may be called at any time.
func (e *Environment) Close() error {
	e.once.Do(func() {
		e.mu.Lock()
		e.closed = true
		e.mu.Unlock()
		e.err = e.reset()
		e.requests.Wait()
		e.tell(Closed)
		if err := tasktree.Remove(e.scratch); err != nil {
			e.err = errors.Join(e.err, fmt.Errorf("remove scratch directory of %s: %w", e.spec.Function, err))
		}
	})
	return e.err
}
