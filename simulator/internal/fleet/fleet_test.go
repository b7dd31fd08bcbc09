package fleet

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// worker takes a second to become ready.
type worker struct {
	closed   chan struct{}
	ready    atomic.Bool
	prepared atomic.Int32
	fail     error
}

func (w *worker) Prepare() error {
	w.prepared.Add(1)
	select {
	case <-time.After(time.Second):
	case <-w.closed:
		return errors.New("closed while it was made ready")
	}
	w.ready.Store(w.fail == nil)
	return w.fail
}

func (w *worker) Ready() bool { return w.ready.Load() }

func (w *worker) Close() error {
	close(w.closed) // a second Close panics
	return nil
}

// yard makes workers and remembers them.
type yard struct {
	mu   sync.Mutex
	all  []*worker
	fail error
}

func (y *yard) make() (*worker, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	w := &worker{closed: make(chan struct{}), fail: y.fail}
	y.all = append(y.all, w)
	return w, nil
}

func (y *yard) open() (n int) {
	for _, w := range y.all {
		select {
		case <-w.closed:
		default:
			n++
		}
	}
	return n
}

func fleetOf(t *testing.T) (*Fleet[*worker], *yard) {
	y := &yard{}
	f := New(y.make, func(err error) { t.Error(err) })
	return f, y
}

func expect(t *testing.T, f *Fleet[*worker], want Status) {
	t.Helper()
	got := f.Status()
	if got.Modified = (time.Time{}); got != want {
		t.Errorf("status %+v, want %+v", got, want)
	}
}

func TestWorkersAreHandedOutOnceReadyAndNoMoreThanWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := fleetOf(t)
		f.Set(3)
		if _, ok := f.Acquire(); ok {
			t.Error("a worker was handed out before it was ready")
		}
		time.Sleep(1500 * time.Millisecond)
		expect(t, f, Status{Requested: 3, Allocated: 3, Available: 3})
		var held []*worker
		for range 3 {
			w, ok := f.Acquire()
			if !ok || slices.Contains(held, w) {
				t.Fatal("no worker, or the same one twice")
			}
			held = append(held, w)
		}
		if _, ok := f.Acquire(); ok {
			t.Error("a fourth worker of three")
		}
		f.Set(1)
		if y.open() != 3 {
			t.Error("a busy worker was closed")
		}
		for _, w := range held {
			f.Release(w)
		}
		synctest.Wait()
		if y.open() != 1 {
			t.Errorf("%d workers are open, want 1", y.open())
		}
		expect(t, f, Status{Requested: 1, Allocated: 1, Available: 1})
		f.Set(0)
		synctest.Wait()
		if y.open() != 0 || f.Close() != nil {
			t.Error("a worker is left")
		}
	})
}

func TestManyWorkersBecomeReadyAFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := fleetOf(t)
		f.Set(3 * atOnce)
		time.Sleep(1500 * time.Millisecond)
		expect(t, f, Status{Requested: 3 * atOnce, Allocated: 2 * atOnce, Available: atOnce})
		f.Set(atOnce) // those not begun yet are not begun any more
		time.Sleep(10 * time.Second)
		expect(t, f, Status{Requested: atOnce, Allocated: atOnce, Available: atOnce})
		if len(y.all) != 2*atOnce || y.open() != atOnce {
			t.Errorf("%d made, %d open", len(y.all), y.open())
		}
		if err := f.Close(); err != nil || y.open() != 0 {
			t.Errorf("%v, %d open after Close", err, y.open())
		}
	})
}

func TestAWorkerThatLostItsReadinessIsMadeReadyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := fleetOf(t)
		f.Set(1)
		time.Sleep(2 * time.Second)
		w, _ := f.Acquire()
		w.ready.Store(false)
		f.Release(w)
		if _, ok := f.Acquire(); ok {
			t.Error("it was handed out before it was ready again")
		}
		expect(t, f, Status{Requested: 1, Allocated: 1})
		time.Sleep(2 * time.Second)
		if again, ok := f.Acquire(); !ok || again != w || w.prepared.Load() != 2 {
			t.Error("it did not come back")
		}
		f.Release(w)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFailureIsToldUntilTheNumberIsSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := fleetOf(t)
		y.fail = errors.New("no weights")
		f.Set(2)
		time.Sleep(5 * time.Second)
		expect(t, f, Status{Requested: 2, Fault: y.fail})
		if y.open() != 0 {
			t.Error("a failed worker is left open")
		}
		y.fail = nil
		f.Set(2)
		time.Sleep(5 * time.Second)
		expect(t, f, Status{Requested: 2, Allocated: 2, Available: 2})
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseCutsOffWhatIsBeingMadeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := fleetOf(t)
		f.Set(2 * atOnce)
		time.Sleep(500 * time.Millisecond)
		begin := time.Now()
		if err := f.Close(); err != nil || time.Since(begin) != 0 || y.open() != 0 {
			t.Errorf("%v after %v, %d open", err, time.Since(begin), y.open())
		}
		f.Set(1)
		if _, ok := f.Acquire(); ok || f.Close() != nil {
			t.Error("a closed fleet hands out")
		}
	})
}
