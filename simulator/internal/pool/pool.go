// Package pool keeps the execution environments of one function version: it
// hands out the most recently used idle one, makes another when none is idle,
// and closes those idle for too long. It knows nothing of processes, so its
// behaviour in time is tested without any.
//
// How many invocations may run at once is not its concern; the simulator
// decides that before it asks. Only the simulator uses this package.
package pool

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// ErrClosed is returned by Acquire after Close.
var ErrClosed = errors.New("pool is closed")

// Worker is what a pool keeps. Close is called once, when the worker is neither
// idle in the pool nor in anyone's hands, or when the pool closes.
type Worker interface {
	comparable
	Close() error
}

// Pool is safe for concurrent use.
type Pool[W Worker] struct {
	make      func() (W, error)
	idleAfter time.Duration
	failed    func(error)

	mu      sync.Mutex
	closed  bool
	retired bool
	periods uint64         // idle periods begun so far
	idle    []idle[W]      // oldest first; the last is used next
	all     map[W]struct{} // idle and busy
	closing sync.WaitGroup // workers being closed by reaping
}

type idle[W Worker] struct {
	w      W
	period uint64
	timer  *time.Timer
}

// New returns an empty pool. Workers idle for idleAfter are closed; failed is
// told when closing one reports an error.
func New[W Worker](idleAfter time.Duration, makeWorker func() (W, error), failed func(error)) *Pool[W] {
	return &Pool[W]{make: makeWorker, idleAfter: idleAfter, failed: failed, all: map[W]struct{}{}}
}

// Acquire returns a worker that is the caller's alone until Release or Discard.
func (p *Pool[W]) Acquire() (W, error) {
	var none W
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return none, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		last := p.idle[n-1]
		p.idle = p.idle[:n-1]
		last.timer.Stop() // should it fire all the same, reap no longer finds the worker
		p.mu.Unlock()
		return last.w, nil
	}
	p.mu.Unlock()
	w, err := p.make()
	if err != nil {
		return none, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return none, errors.Join(ErrClosed, w.Close())
	}
	p.all[w] = struct{}{}
	return w, nil
}

// Release gives a worker back as the one to be used next.
func (p *Pool[W]) Release(w W) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return // Close has it in hand
	}
	if p.retired {
		p.end(w)
		return
	}
	p.periods++
	period := p.periods
	p.idle = append(p.idle, idle[W]{w, period, time.AfterFunc(p.idleAfter, func() { p.reap(period) })})
}

// reap closes the worker whose idle period has ended. A worker that was taken
// and given back since is in another period.
func (p *Pool[W]) reap(period uint64) {
	p.mu.Lock()
	for i, e := range p.idle {
		if e.period != period || p.closed {
			continue
		}
		p.idle = append(p.idle[:i], p.idle[i+1:]...)
		delete(p.all, e.w)
		p.closing.Add(1)
		p.mu.Unlock()
		defer p.closing.Done()
		if err := e.w.Close(); err != nil {
			p.failed(err)
		}
		return
	}
	p.mu.Unlock()
}

// Retire closes the idle workers, and the others as they are released. It does
// not wait. Acquire still works, for a caller that found the pool before.
func (p *Pool[W]) Retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.retired = true
	for _, e := range p.idle {
		e.timer.Stop() // should it fire all the same, reap no longer finds the worker
		p.end(e.w)
	}
	p.idle = nil
}

// end closes a worker of a pool that is not closed; p.mu is held.
func (p *Pool[W]) end(w W) {
	delete(p.all, w)
	p.closing.Go(func() {
		if err := w.Close(); err != nil {
			p.failed(err)
		}
	})
}

// Size returns the number of workers, idle ones included.
func (p *Pool[W]) Size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// Close closes all workers at once, those in use included, and waits for it.
func (p *Pool[W]) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.closing.Wait()
		return nil
	}
	p.closed = true
	for _, e := range p.idle {
		e.timer.Stop()
	}
	p.idle = nil
	p.mu.Unlock()
	workers := slices.Collect(maps.Keys(p.all)) // no one changes all once closed is set
	errs := make([]error, len(workers))
	for i, w := range workers {
		p.closing.Go(func() { errs[i] = w.Close() })
	}
	p.closing.Wait()
	return errors.Join(errs...)
}
