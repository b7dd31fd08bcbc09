// Package fleet keeps the execution environments that were started ahead for one function version: so many as were asked
// for, each ready before it is handed out. It knows nothing of processes, so its behaviour is tested without any. What
// finds no idle environment here is served on demand, which is not its concern. Only the simulator uses it.
package fleet

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// Worker is what a fleet keeps. Close is called once, also while Prepare runs, which it cuts off.
type Worker interface {
	comparable
	Prepare() error // makes it ready, for the first time or again
	Ready() bool
	Close() error
}

// atOnce is how many workers are made ready at the same time.
const atOnce = 8

// Fleet is safe for concurrent use.
type Fleet[W Worker] struct {
	make   func() (W, error)
	failed func(error) // told when closing a worker reports an error
	gate   chan struct{}

	mu       sync.Mutex
	closed   bool
	want     int
	idle     []W
	all      map[W]bool // whether it is ready
	making   int        // that are not in all yet
	fault    error      // why the present number could not be made
	modified time.Time
	work     sync.WaitGroup
}

// Status is where a fleet stands.
type Status struct {
	Requested, Allocated, Available int
	Fault                           error
	Modified                        time.Time // when Set was last called; zero if never
}

// New returns a fleet of nobody.
func New[W Worker](makeWorker func() (W, error), failed func(error)) *Fleet[W] {
	return &Fleet[W]{make: makeWorker, failed: failed, all: map[W]bool{}, gate: make(chan struct{}, atOnce)}
}

// Set asks for n workers, 0 for none, and returns at once. Idle ones beyond n are closed, busy ones when they are released.
func (f *Fleet[W]) Set(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.want, f.fault, f.modified = n, nil, time.Now()
	for len(f.idle) > 0 && len(f.all)+f.making > n {
		last := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		f.end(last)
	}
	for range n - len(f.all) - f.making {
		f.making++
		f.work.Go(f.start)
	}
}

// start makes one worker and has it ready.
func (f *Fleet[W]) start() {
	f.gate <- struct{}{}
	defer func() { <-f.gate }()
	f.mu.Lock()
	f.making--
	if f.closed || f.fault != nil || len(f.all) >= f.want {
		f.mu.Unlock()
		return
	}
	f.making++
	f.mu.Unlock()
	w, err := f.make()
	f.mu.Lock()
	f.making--
	if err != nil {
		f.fault = err
		f.mu.Unlock()
		return
	}
	f.all[w] = false
	closed := f.closed
	if closed {
		f.end(w)
	}
	f.mu.Unlock()
	if !closed {
		f.prepare(w)
	}
}

// prepare makes a worker ready and idle, or ends it.
func (f *Fleet[W]) prepare(w W) {
	err := w.Prepare()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed: // Close has it in hand
	case err != nil:
		f.fault = err
		f.end(w)
	default:
		f.settle(w)
	}
}

// settle keeps a ready worker, or ends one too many; f.mu is held.
func (f *Fleet[W]) settle(w W) {
	if len(f.all) > f.want {
		f.end(w)
		return
	}
	f.all[w] = true
	f.idle = append(f.idle, w)
}

// end closes a worker of a fleet; f.mu is held.
func (f *Fleet[W]) end(w W) {
	delete(f.all, w)
	f.work.Go(func() {
		if err := w.Close(); err != nil {
			f.failed(err)
		}
	})
}

// Acquire returns an idle worker that is the caller's alone until Release, if there is one.
func (f *Fleet[W]) Acquire() (w W, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.idle) == 0 {
		return w, false
	}
	w = f.idle[len(f.idle)-1]
	f.idle = f.idle[:len(f.idle)-1]
	return w, true
}

// Release gives a worker back. One that is not ready any more is made ready again before anyone gets it.
func (f *Fleet[W]) Release(w W) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed: // Close has it in hand
	case len(f.all) > f.want:
		f.end(w)
	case w.Ready():
		f.settle(w)
	default:
		f.all[w] = false
		f.work.Go(func() { f.prepare(w) })
	}
}

// Status tells where the fleet stands.
func (f *Fleet[W]) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{Requested: f.want, Allocated: min(f.want, len(f.all)), Fault: f.fault, Modified: f.modified}
	for _, ready := range f.all {
		if ready {
			s.Available++
		}
	}
	s.Available = min(s.Available, f.want)
	return s
}

// Close closes all workers at once, those in use included, and waits for it.
func (f *Fleet[W]) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		f.work.Wait()
		return nil
	}
	f.closed = true
	workers := slices.Collect(maps.Keys(f.all))
	f.mu.Unlock()
	errs := make([]error, len(workers))
	for i, w := range workers {
		f.work.Go(func() { errs[i] = w.Close() })
	}
	f.work.Wait()
	return errors.Join(errs...)
}
