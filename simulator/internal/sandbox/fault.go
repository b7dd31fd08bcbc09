//go:build unix

package sandbox

import "time"

// FaultKind is what an invocation is made to suffer.
type FaultKind int

// The kinds of faults.
const (
	NoFault       FaultKind = iota
	FaultKill               // the process is killed, Delay after it was to get the event
	FaultHang               // the process stands still until the time runs out
	FaultLate               // the event comes to the process Delay later
	FaultExpire             // likewise, and the time runs out after Delay
	FaultOversize           // the response is taken to be too large
)

// Fault is a disturbance on demand. Its zero value is none.
type Fault struct {
	Kind  FaultKind
	Delay time.Duration
}

// limit is how long the invocation may take: the function's timeout, or less where its time is to run out early.
func (f Fault) limit(timeout time.Duration) time.Duration {
	if f.Kind == FaultExpire {
		return min(f.Delay, timeout)
	}
	return timeout
}

// hand gives the call to the process as its fault wants; late is not nil when the time ran out before. stop takes back
// what has not happened by the end.
func (e *Environment) hand(inst *instance, c *call, timeout <-chan time.Time) (late *failure, stop func()) {
	stop = func() {}
	switch f := c.inv.Fault; {
	case f.Kind == FaultKill && f.Delay == 0:
		inst.overrun() // in place of the event, which it might answer before it is dead
		return nil, stop
	case f.Kind == FaultKill:
		timer := time.AfterFunc(f.Delay, inst.overrun)
		stop = func() { timer.Stop() } // one that fires all the same kills the process at rest: the next invocation finds it so
	case f.Kind == FaultHang || f.Kind == FaultExpire:
		inst.freeze()
		return nil, stop // a stop takes effect a moment later: an event might be answered before
	case f.Kind == FaultLate:
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-inst.exited: // which the caller sees as well
		case <-timeout:
			return e.timedOut(), stop
		}
	}
	inst.api.hand(c)
	return nil, stop
}
