//go:build unix

package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// instance is one process and the Runtime API that serves it alone.
type instance struct {
	spec    *Spec
	cmd     *exec.Cmd
	api     *api
	server  *server
	output  *outputPipe
	handle  exitHandle
	gauge   *gauge // read by meter alone
	meter   *meter
	storage *meter        // of the scratch directory
	exited  chan struct{} // closed once the process has been reaped and its output read

	once    sync.Once
	stopErr error
}

// Error makes a failure usable where a start reports either the function's fault
// or the machine's.
func (f *failure) Error() string { return f.kind + ": " + f.message }

// newInstance starts a process. A program that cannot be executed is a *failure
// of the function; any other error is the machine's.
func newInstance(spec *Spec, stream, scratch string, log *journal) (*instance, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open runtime api of %s: %w", spec.Function, err)
	}
	out, w, err := newOutputPipe(log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open log pipe of %s: %w", spec.Function, err), listener.Close())
	}
	program := spec.Command[0]
	if !filepath.IsAbs(program) {
		program = filepath.Join(spec.Root, program)
	}
	// The function's own variables come last: it may choose another TMPDIR.
	env := append([]string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(), "TMPDIR=" + scratch,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + stream}, spec.Environ...)
	i := &instance{spec: spec, output: out, exited: make(chan struct{}),
		cmd: &exec.Cmd{Path: program, Args: spec.Command, Env: env, Dir: spec.Root, Stdout: w, Stderr: w, SysProcAttr: spec.Process()}}
	i.handle.attach(i.cmd.SysProcAttr)
	err = i.cmd.Start()
	werr := w.Close()
	if err = errors.Join(err, werr); err == nil {
		i.gauge, err = newGauge(i.cmd.Process.Pid)
	}
	if err != nil {
		return nil, errors.Join(i.unstart(err), listener.Close())
	}
	i.api = newAPI(spec)
	i.server = serve(listener, i.api)
	i.meter = newMeter(spec.memoryLimit(), i.memory, nil)
	if spec.Limited {
		i.meter.kill = i.overrun
	}
	i.storage = newMeter(spec.storageLimit(), func() (int64, bool) { return stored(scratch) }, func() {
		log.overflow(spec)
		i.overrun()
	})
	go i.reap()
	if err := limitProcess(i.cmd.Process.Pid, spec.storageLimit()); err != nil {
		err = errors.Join(err, i.stop(0))
		i.gone()
		return nil, err
	}
	i.meter.resume()
	i.storage.resume()
	return i, nil
}

// unstart takes back a start that failed because of err, and returns why.
func (i *instance) unstart(err error) error {
	failed := startFailure(i.spec, err)
	if i.cmd.Process != nil {
		failed = errors.Join(failed, i.cmd.Process.Kill(), i.cmd.Wait())
	}
	i.handle.close()
	i.output.close()
	return failed
}

// startFailure tells a program that cannot be run from a machine that cannot run
// one more.
func startFailure(spec *Spec, err error) error {
	for _, no := range []error{syscall.ENOENT, syscall.EACCES, syscall.ENOEXEC, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP} {
		if errors.Is(err, no) {
			return &failure{kind: typeEntrypoint, message: err.Error()}
		}
	}
	return fmt.Errorf("start process of %s: %w", spec.Function, err)
}

// reap waits for the process. The exit status is read from cmd afterwards.
func (i *instance) reap() {
	i.handle.wait()
	_ = i.cmd.Wait() // its error only repeats the status in ProcessState
	i.output.drain()
	close(i.exited)
}

func (i *instance) hasExited() bool {
	select {
	case <-i.exited:
		return true
	default:
		return false
	}
}

// awaitReady waits for the end of INIT. Its timeout failure has no message yet:
// what it means depends on the phase.
func (i *instance) awaitReady(timeout <-chan time.Time) *failure {
	select {
	case <-i.api.ready:
		return nil
	case <-i.api.initFailed:
		i.api.mu.Lock()
		defer i.api.mu.Unlock()
		return &failure{kind: "Runtime.InitError", message: "the runtime reported a failed initialisation", body: i.api.initError}
	case <-i.exited:
		select {
		case <-i.api.initFailed: // reported, then exited: the report says more
			return &failure{kind: "Runtime.InitError", message: "the runtime reported a failed initialisation", body: i.api.initError}
		default:
			return i.exitFailure()
		}
	case <-timeout:
		return &failure{kind: typeTimeout}
	}
}

// exitedWith begins the message about a process that did not end well.
const exitedWith = "Runtime exited with error: "

// exitFailure words the end of the process as Lambda does; exited is closed.
func (i *instance) exitFailure() *failure {
	if s := i.cmd.ProcessState; !s.Success() {
		return &failure{kind: typeExit, message: exitedWith + s.String()}
	}
	return &failure{kind: typeExit, message: "Runtime exited without providing a reason"}
}

// outcome is the result of a call whose process has ended: an error that the
// runtime reported before it went stands; a response does not, since the
// invocation was never completed by a request for the next one.
func (i *instance) outcome(c *call) *failure {
	i.api.mu.Lock()
	defer i.api.mu.Unlock()
	select {
	case <-c.done:
		return nil // completed first, ended afterwards
	default:
	}
	if c.answered && c.failed != nil {
		return &failure{kind: c.failed.kind, message: c.failed.message, body: c.failed.body}
	}
	return i.exitFailure()
}

// memory returns the bytes that the process holds; it is false once it has ended.
func (i *instance) memory() (int64, bool) {
	if i.hasExited() {
		return 0, false
	}
	return i.gauge.read()
}

// overrun ends a process that holds more memory than its function has; that it
// was killed is then seen like any other end.
func (i *instance) overrun() {
	_ = i.cmd.Process.Kill() // the error is that it has ended already
}

// freeze stops the process where it stands, thaw lets it go on. An error of
// either means that the process has ended, which the next invocation notices.
func (i *instance) freeze() { _ = i.cmd.Process.Signal(syscall.SIGSTOP) }
func (i *instance) thaw()   { _ = i.cmd.Process.Signal(syscall.SIGCONT) }

// stop ends the process, waits for that, and cuts off what serves it. With a grace, a process that asked for SIGTERM gets it and that long to end. The
// error, the same at each call, is that the process could not be killed.
func (i *instance) stop(grace time.Duration) error {
	i.once.Do(func() {
		if grace > 0 && i.api.wantsSIGTERM() && i.cmd.Process.Signal(syscall.SIGTERM) == nil {
			i.thaw()
			timer := time.NewTimer(grace)
			select {
			case <-i.exited:
			case <-timer.C:
			}
			timer.Stop()
		}
		if err := i.cmd.Process.Kill(); err == nil || errors.Is(err, os.ErrProcessDone) {
			<-i.exited
		} else { // it runs under another user now; waiting for it might never end
			i.stopErr = fmt.Errorf("kill process %d of %s: %w; end it by hand", i.cmd.Process.Pid, i.spec.Function, err)
		}
		i.meter.pause()
		i.storage.pause()
		i.gauge.close() // a look that comes all the same finds nothing
		close(i.api.gone)
		i.server.cut()
		i.output.close()
	})
	return i.stopErr
}

// gone waits, after stop, for the last request that the process made.
func (i *instance) gone() { i.server.wait() }

// maxRSS is the kernel's account of an ended process, in its own unit (KiB on
// Linux, bytes on macOS).
func (i *instance) maxRSS() int64 {
	if u, ok := i.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss
	}
	return 0
}
