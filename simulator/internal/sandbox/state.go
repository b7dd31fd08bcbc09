//go:build unix

package sandbox

// State is where an environment is in its life.
type State string

// The states.
const (
	Starting State = "starting" // a process starts and runs INIT
	Busy     State = "busy"
	Idle     State = "idle"
	Frozen   State = "frozen" // idle, and its process is stopped
	Reset    State = "reset"  // the process has ended, the environment remains
	Closed   State = "closed"
)

// Stream is the environment's log stream, which is its name.
func (e *Environment) Stream() string { return e.stream }

// tell lets the observer know of a new state.
func (e *Environment) tell(s State) {
	if e.spec.Observe == nil {
		return
	}
	e.log.mu.Lock()
	peak := e.log.peak
	e.log.mu.Unlock()
	e.spec.Observe(e.stream, s, peak)
}

// rest stops the process between invocations, where that is asked for.
func (e *Environment) rest() {
	inst := e.process()
	switch {
	case inst == nil:
	case e.spec.Freeze:
		inst.freeze()
		e.tell(Frozen)
	default:
		e.tell(Idle)
	}
}
