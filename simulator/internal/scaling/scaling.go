// Package scaling limits how fast a function may get new execution environments:
// so many in ten seconds, refilled continuously, and what is not used does not
// add up beyond that. It knows nothing of environments. Only the simulator uses
// it.
package scaling

import (
	"sync"
	"time"
)

// Window is the time to which a rate refers.
const Window = 10 * time.Second

// Rate admits events up to a rate. It is safe for concurrent use.
type Rate struct {
	each time.Duration // in which one more is admitted
	room time.Duration // what may be taken at once

	mu   sync.Mutex
	full time.Time // when nothing will be taken any more
}

// New returns a rate of n events, at least one, in each Window, all of which may
// come at once.
func New(n int) *Rate {
	each := Window / time.Duration(n)
	return &Rate{each: each, room: time.Duration(n) * each}
}

// Take admits one event, or reports that it must wait.
func (r *Rate) Take() bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full.Before(now) {
		r.full = now
	}
	if r.full.Add(r.each).Sub(now) > r.room {
		return false
	}
	r.full = r.full.Add(r.each)
	return true
}
