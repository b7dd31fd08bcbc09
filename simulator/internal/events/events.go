// Package events keeps the asynchronous invocations of functions until they have
// been run: an event that fails is tried again after a while, one that finds no
// room is tried until it is too old. It knows nothing of functions or HTTP, so
// its behaviour in time is tested without any. Only the simulator uses it.
package events

import (
	"errors"
	"sync"
	"time"
)

// Verdict is what became of one attempt.
type Verdict int

// The verdicts.
const (
	Succeeded Verdict = iota
	Failed            // the function ran and failed
	Refused           // it did not run: throttled, or the service failed
	Abandoned         // the service is closing
)

// Condition is why an event has ended, in the words of AWS Lambda's destination
// records.
type Condition string

// The conditions.
const (
	Success          Condition = "Success"
	RetriesExhausted Condition = "RetriesExhausted"
	EventAgeExceeded Condition = "EventAgeExceeded"
)

// Policy says how often and how long an event is tried.
type Policy struct {
	MaxAge  time.Duration // an event older than this is not tried any more
	Retries int           // attempts after a first one that Failed
	Delay   time.Duration // before the first retry of a failed event, twice that before the second
}

// Refused attempts are repeated after Delay/firstPause, then after twice as long
// each time, but never after more than lastPause·Delay: 1 s and 5 min at Lambda's
// delay of one minute.
const (
	firstPause = 60
	lastPause  = 5
)

// Queue holds events. It is safe for concurrent use.
type Queue struct {
	mu       sync.Mutex
	stopped  bool
	stopping chan struct{}
	running  sync.WaitGroup
}

// ErrStopped is returned by Add after Stop.
var ErrStopped = errors.New("event queue is stopped")

// New returns an empty queue.
func New() *Queue { return &Queue{stopping: make(chan struct{})} }

// Add takes an event in and returns at once. attempt runs it, one call at a time;
// end is called once, with the number of attempts in which the function ran,
// unless the queue is stopped before.
func (q *Queue) Add(p Policy, attempt func() Verdict, end func(c Condition, ran int)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return ErrStopped
	}
	born := time.Now()
	q.running.Go(func() { q.work(p, born, attempt, end) })
	return nil
}

func (q *Queue) work(p Policy, born time.Time, attempt func() Verdict, end func(Condition, int)) {
	ran, pause := 0, p.Delay/firstPause
	for {
		var wait time.Duration
		switch attempt() {
		case Abandoned:
			return
		case Succeeded:
			end(Success, ran+1)
			return
		case Failed:
			if ran++; ran > p.Retries {
				end(RetriesExhausted, ran)
				return
			}
			wait = p.Delay << (ran - 1)
		case Refused:
			wait, pause = pause, min(2*pause, lastPause*p.Delay)
		}
		left := p.MaxAge - time.Since(born)
		timer := time.NewTimer(min(wait, max(0, left)))
		select {
		case <-q.stopping:
			timer.Stop()
			return
		case <-timer.C:
		}
		if wait > left {
			end(EventAgeExceeded, ran)
			return
		}
	}
}

// Stop ends all waiting; events that have not ended are dropped. It does not
// interrupt attempts.
func (q *Queue) Stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.stopped {
		q.stopped = true
		close(q.stopping)
	}
}

// Wait returns when no attempt runs any more after Stop.
func (q *Queue) Wait() { q.running.Wait() }
