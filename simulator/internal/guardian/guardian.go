//go:build unix

// Package guardian makes child processes die with the process that started
// them, however that one ends: return, panic, os.Exit, SIGKILL, power of a
// debugger. It needs no Linux-only signal, so it holds on macOS too.
//
// A Group is one process group. Its leader is a shell that waits for the end of
// a pipe whose only write end is held here; when this process is gone the kernel
// closes that end, the shell wakes and kills its whole group with SIGKILL, which
// also ends members that are stopped or hung. Members are put into the group
// between fork and exec, so there is no moment at which a started child is not
// yet covered by a later registration.
//
// Not covered: a descendant that leaves the group on purpose (setsid, setpgid).
// Only the simulator uses this package.
package guardian

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// script ignores what a terminal or an orphaned process group may send: when a
// group with stopped members is orphaned the kernel sends it SIGHUP, and the
// guardian must outlive that to do its work.
const script = `trap '' HUP INT TERM QUIT TSTP TTIN TTOU; echo ready; read _; kill -s KILL 0`

// Group is a process group that ends with this process. Its methods may be
// called concurrently.
type Group struct {
	cmd  *exec.Cmd
	hold *os.File // write end of the guardian's stdin; its closing is the signal
	life *os.File // read end of the guardian's stdout; its end means the guardian is dead
	lost chan struct{}

	once sync.Once
	err  error
}

// Start starts the guardian shell and returns once it stands ready.
func Start() (*Group, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("guardian: make pipe: %w", err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("guardian: make pipe: %w", err), inR.Close(), inW.Close())
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout = []string{}, "/", inR, outW
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	closed := errors.Join(inR.Close(), outW.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("guardian: start /bin/sh: %w", err), closed, inW.Close(), outR.Close())
	}
	g := &Group{cmd: cmd, hold: inW, life: outR, lost: make(chan struct{})}
	line, err := bufio.NewReader(outR).ReadString('\n')
	if err != nil || line != "ready\n" {
		return nil, errors.Join(fmt.Errorf("guardian: wanted %q from /bin/sh, found %q: %w", "ready\n", line, err), g.Close())
	}
	go g.watch()
	return g, nil
}

// watch closes lost when the guardian is gone. It does not reap it: until Close
// does, its process id, and so the group's, cannot be given to anyone else.
func (g *Group) watch() {
	defer close(g.lost)
	// The guardian writes nothing more, so any return (end of file, or Close
	// closing our end) means that it no longer guards.
	_, _ = io.Copy(io.Discard, g.life)
}

// Attr returns the process attributes that start a child inside the group.
func (g *Group) Attr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: g.cmd.Process.Pid}
}

// Lost is closed when the guardian has ended, through Close or because someone
// killed it. Whoever started children must then end them: nothing else will.
func (g *Group) Lost() <-chan struct{} { return g.lost }

// Close kills every member of the group and the guardian, and reaps the
// guardian; the members are reaped by whoever started them. It is idempotent.
func (g *Group) Close() error {
	g.once.Do(func() {
		err := syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM) {
			err = nil // macOS answers EPERM when only zombies are left
		}
		var exit *exec.ExitError
		waited := g.cmd.Wait()
		if errors.As(waited, &exit) {
			waited = nil // killed, as intended
		}
		if err = errors.Join(err, waited, g.hold.Close(), g.life.Close()); err != nil {
			g.err = fmt.Errorf("guardian: end process group: %w", err)
		}
	})
	return g.err
}
