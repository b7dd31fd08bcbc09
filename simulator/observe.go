//go:build unix

package simulator

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/shardwise/shardwise/simulator/internal/sandbox"
)

// Observer is told what happens in a simulator, so that it can be shown or recorded. Its methods are called concurrently and in
// the midst of the work that they tell of: they must return at once and must not call the simulator.
type Observer interface {
	// Environment is told each change of an execution environment. The changes of one environment come in their order.
	Environment(EnvironmentChange)
	// Invocation is told of each invocation when it begins, and when it ends or is refused. A further attempt of an event
	// begins anew with the same request id.
	Invocation(InvocationChange)
}

// EnvironmentState is where an execution environment is in its life.
type EnvironmentState string

// The states of an environment.
const (
	EnvironmentStarting EnvironmentState = "starting" // its process starts and runs INIT
	EnvironmentBusy     EnvironmentState = "busy"     // it serves an invocation
	EnvironmentIdle     EnvironmentState = "idle"     // it waits for the next one, its process running
	EnvironmentFrozen   EnvironmentState = "frozen"   // it waits for the next one, its process stopped
	EnvironmentReset    EnvironmentState = "reset"    // its process ended or was killed; the next invocation starts another
	EnvironmentClosed   EnvironmentState = "closed"   // there is no such environment any more
)

// EnvironmentChange is what an Observer is told of an environment.
type EnvironmentChange struct {
	Time     time.Time
	Function string
	Version  string
	Stream   string // the log stream, which names the environment
	State    EnvironmentState
	Memory   int64 // most bytes seen in it so far; 0 when not measured yet
}

// InvocationPhase is what has become of an invocation.
type InvocationPhase string

// The phases of an invocation.
const (
	InvocationBegun   InvocationPhase = "begun"
	InvocationEnded   InvocationPhase = "ended"   // the function answered, failed, or was cut off
	InvocationRefused InvocationPhase = "refused" // no environment was given to it: a throttle, or a failure of the service
)

// InvocationChange is what an Observer is told of an invocation. The fields from Stream on are those of one that has
// ended, except for the error, which a refused one has as well.
type InvocationChange struct {
	Time         time.Time
	Phase        InvocationPhase
	RequestID    string
	TraceID      string // the trace header: what a function invokes in its turn carries the same Root
	Function     string
	Version      string
	Qualifier    string // as invoked, empty for none
	RequestBytes int

	Stream        string // the environment that served it
	Cold          bool
	Init          time.Duration // of the INIT that it waited for
	Duration      time.Duration
	Billed        time.Duration // whole milliseconds, INIT included
	Memory        int64         // most bytes seen in the environment
	ResponseBytes int           // 0 for a streamed response
	ErrorType     string        // of a function error or a refusal, empty for success
	ErrorMessage  string
}

// invocation begins the account of an attempt to run inv; the function that it returns ends it. Either does nothing when no
// one observes.
func (s *Simulator) invocation(f *function, v *version, inv *sandbox.Invocation) (end func(env *sandbox.Environment, r *sandbox.Result, failed *apiError)) {
	o := s.cfg.Observer
	if o == nil {
		return func(*sandbox.Environment, *sandbox.Result, *apiError) {}
	}
	c := InvocationChange{Time: time.Now(), Phase: InvocationBegun, RequestID: inv.RequestID, TraceID: inv.TraceID, Function: f.Name,
		Version: v.Number, RequestBytes: len(inv.Payload)}
	if parts := strings.Split(inv.FunctionARN, ":"); len(parts) > 7 {
		c.Qualifier = parts[7]
	}
	o.Invocation(c)
	return func(env *sandbox.Environment, r *sandbox.Result, failed *apiError) {
		c.Time, c.Phase = time.Now(), InvocationEnded
		if env != nil {
			c.Stream = env.Stream()
		}
		switch {
		case failed != nil:
			c.Phase, c.ErrorType, c.ErrorMessage = InvocationRefused, failed.code, failed.message
			if failed.reason != "" {
				c.ErrorMessage = failed.reason
			}
		case r == nil: // the simulator is closing
			c.ErrorType, c.ErrorMessage = "Simulator.Closed", "the simulator was closed meanwhile"
		default:
			c.Cold, c.Init, c.Duration, c.Billed = r.Cold, r.Init, r.Duration, r.Billed()
			c.Memory, c.ResponseBytes = r.Memory, len(r.Body)
			if r.Failed {
				c.ErrorType, c.ErrorMessage = errorOf(r.Body)
			}
		}
		o.Invocation(c)
	}
}

// errorOf reads the document of a function error, whose form is the runtime's own affair.
func errorOf(document []byte) (kind, message string) {
	var d struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(document, &d) != nil || d.ErrorType == "" {
		d.ErrorType = "Unhandled"
	}
	return d.ErrorType, d.ErrorMessage
}

// watch hands the changes of a version's environments to the observer; nil when no one observes.
func (s *Simulator) watch(f, version string) func(stream string, state sandbox.State, memory int64) {
	o := s.cfg.Observer
	if o == nil {
		return nil
	}
	return func(stream string, state sandbox.State, memory int64) {
		o.Environment(EnvironmentChange{Time: time.Now(), Function: f, Version: version, Stream: stream,
			State: EnvironmentState(state), Memory: memory})
	}
}
