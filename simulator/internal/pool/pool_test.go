package pool

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type worker struct {
	id     int
	mu     sync.Mutex
	closed int
	busy   bool
	fault  error
}

func (w *worker) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed++
	return w.fault
}

// use marks the worker busy and reports whether it was free and open.
func (w *worker) use(busy bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	fine := w.busy != busy && w.closed == 0
	w.busy = busy
	return fine
}

// closings tells how often the worker was closed.
func (w *worker) closings() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

func count() (func() (*worker, error), *int) {
	n := 0
	return func() (*worker, error) { n++; return &worker{id: n}, nil }, &n
}

func must(t *testing.T, p *Pool[*worker]) *worker {
	t.Helper()
	w, err := p.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func noFault(t *testing.T) func(error) { return func(err error) { t.Error(err) } }

func TestTheMostRecentlyUsedWorkerIsUsedFirst(t *testing.T) {
	mk, made := count()
	p := New(time.Hour, mk, noFault(t))
	a, b, c := must(t, p), must(t, p), must(t, p)
	p.Release(b)
	p.Release(a)
	p.Release(c)
	for i, want := range []*worker{c, a, b} {
		if got := must(t, p); got != want {
			t.Errorf("taken %d: worker %d, want %d", i, got.id, want.id)
		}
	}
	if *made != 3 || p.Size() != 3 {
		t.Errorf("made %d, size %d, want 3", *made, p.Size())
	}
	if err := p.Close(); err != nil || a.closings()+b.closings()+c.closings() != 3 {
		t.Errorf("Close: %v; %d workers closed, want 3", err, a.closings()+b.closings()+c.closings())
	}
}

func TestAWorkerIdleForTooLongIsClosedAndABusyOneIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mk, _ := count()
		p := New(time.Minute, mk, noFault(t))
		a, b := must(t, p), must(t, p)
		p.Release(a)
		time.Sleep(59 * time.Second)
		if again := must(t, p); again != a {
			t.Fatalf("got worker %d, want the idle one", again.id)
		}
		p.Release(a) // its idle period begins anew
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if a.closings() != 0 {
			t.Error("closed before its idle period had passed")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if a.closings() != 1 || b.closings() != 0 || p.Size() != 1 {
			t.Errorf("idle closed %d times, busy %d, size %d; want 1, 0, 1", a.closings(), b.closings(), p.Size())
		}
		p.Release(b)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if a.closings() != 1 || b.closings() != 1 {
			t.Errorf("closed %d and %d times, want once each", a.closings(), b.closings())
		}
	})
}

func TestARetiredPoolClosesWhatIsIdleAndTheRestWhenItIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mk, _ := count()
		p := New(time.Minute, mk, noFault(t))
		busy, free, held := must(t, p), must(t, p), must(t, p)
		p.Release(free)
		p.Retire()
		p.Retire()
		synctest.Wait()
		if free.closings() != 1 || busy.closings() != 0 || p.Size() != 2 {
			t.Errorf("idle closed %d times, busy %d, size %d; want 1, 0, 2", free.closings(), busy.closings(), p.Size())
		}
		late := must(t, p) // its caller found the pool before
		p.Release(busy)
		p.Release(late)
		synctest.Wait()
		if busy.closings() != 1 || late.closings() != 1 || p.Size() != 1 {
			t.Errorf("released: closed %d and %d times, size %d; want 1, 1, 1", busy.closings(), late.closings(), p.Size())
		}
		if err := p.Close(); err != nil || held.closings() != 1 {
			t.Errorf("Close: %v, the last closed %d times", err, held.closings())
		}
		p.Retire()
		p.Release(held)
		time.Sleep(time.Hour)
		synctest.Wait()
		if free.closings()+busy.closings()+late.closings()+held.closings() != 4 {
			t.Error("a worker was closed twice")
		}
	})
}

func TestReapingReportsAFailedClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := errors.New("stuck")
		var got error
		p := New(time.Second, func() (*worker, error) { return &worker{fault: fault}, nil }, func(err error) { got = err })
		p.Release(must(t, p))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !errors.Is(got, fault) {
			t.Errorf("reported %v, want %v", got, fault)
		}
	})
}

func TestAClosedPoolRefusesAndAFailedMakeIsReported(t *testing.T) {
	broken := errors.New("no process")
	p := New(time.Second, func() (*worker, error) { return nil, broken }, noFault(t))
	if _, err := p.Acquire(); !errors.Is(err, broken) {
		t.Errorf("Acquire: %v, want %v", err, broken)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Acquire(); !errors.Is(err, ErrClosed) {
		t.Errorf("Acquire after Close: %v, want ErrClosed", err)
	}
}

func TestAWorkerMadeWhileThePoolClosesIsClosed(t *testing.T) {
	var p *Pool[*worker]
	late := &worker{}
	p = New(time.Second, func() (*worker, error) { return late, p.Close() }, noFault(t))
	if _, err := p.Acquire(); !errors.Is(err, ErrClosed) || late.closings() != 1 {
		t.Errorf("Acquire: %v, closed %d times; want ErrClosed and once", err, late.closings())
	}
}

func TestNoWorkerIsEverSharedOrUsedAfterClose(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var all []*worker
		p := New(5*time.Second, func() (*worker, error) {
			w := &worker{}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, w)
			return w, nil
		}, noFault(t))
		var users sync.WaitGroup
		for u := range 20 {
			users.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(u)))
				for range 200 {
					time.Sleep(time.Duration(rng.IntN(10000)) * time.Millisecond)
					w, err := p.Acquire()
					if err != nil {
						t.Error(err)
						return
					}
					if !w.use(true) {
						t.Error("got a worker that is busy or closed")
					}
					time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
					if !w.use(false) {
						t.Error("a worker in use was closed or shared")
					}
					p.Release(w)
				}
			})
		}
		users.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		for i, w := range all {
			if w.closings() != 1 {
				t.Errorf("worker %d of %d was closed %d times, want once", i, len(all), w.closings())
			}
		}
	})
}
