//go:build unix

package sandbox

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProcess holds memory that grows while it is asked.
type fakeProcess struct {
	gone                bool
	held, looks, killed atomic.Int64 // the meter looks from a timer's goroutine
}

func holding(bytes int64) *fakeProcess {
	p := &fakeProcess{}
	p.held.Store(bytes)
	return p
}

func (p *fakeProcess) read() (int64, bool) { p.looks.Add(1); return p.held.Load(), !p.gone }
func (p *fakeProcess) kill()               { p.killed.Add(1) }

func TestAProcessOverItsLimitIsKilledOnceAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holding(50 << 20)
		m := newMeter(100<<20, p.read, p.kill)
		m.resume()
		time.Sleep(time.Second)
		synctest.Wait()
		if p.killed.Load() != 0 || p.looks.Load() < 10 {
			t.Fatalf("killed %d times after %d looks, want no kill and at least 10 looks", p.killed.Load(), p.looks.Load())
		}
		p.held.Store(101 << 20)
		time.Sleep(longestLook)
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if p.killed.Load() != 1 || !m.pause() || m.measure() != 101<<20 {
			t.Errorf("killed %d times, over %v, most %d; want 1, true, %d", p.killed.Load(), m.pause(), m.measure(), 101<<20)
		}
	})
}

func TestManyShortInvocationsAreLookedAtSeldomButSurely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holding(20 << 20)
		m := newMeter(128<<20, p.read, p.kill)
		for range 1000 {
			m.resume()
			time.Sleep(100 * time.Microsecond)
			if m.pause() {
				t.Fatal("a process within its limit was called over")
			}
			time.Sleep(time.Second) // rest does not count
		}
		if p.looks.Load() < 3 || p.looks.Load() > 8 {
			t.Errorf("%d looks in 100 ms of work at 108 MB from the limit, want 3 to 8", p.looks.Load())
		}
		p.held.Store(129 << 20)
		for n := 0; ; n++ {
			m.resume()
			time.Sleep(100 * time.Microsecond)
			if m.pause() {
				break
			}
			if n > 1000 {
				t.Fatal("an overrun was never found")
			}
		}
		if p.killed.Load() != 1 {
			t.Errorf("killed %d times, want once", p.killed.Load())
		}
	})
}

func TestAnOverrunMeasuredAtRestEndsTheNextWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holding(200 << 20)
		m := newMeter(128<<20, p.read, p.kill)
		if m.measure() != 200<<20 || p.killed.Load() != 0 {
			t.Errorf("at rest: most %d, killed %d times; want %d, 0", m.measure(), p.killed.Load(), 200<<20)
		}
		m.resume()
		synctest.Wait()
		if !m.pause() || p.killed.Load() != 1 {
			t.Errorf("at work: killed %d times, want once", p.killed.Load())
		}
	})
}

func TestAProcessThatMayExceedItsLimitIsOnlyWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holding(200 << 20)
		m := newMeter(128<<20, p.read, nil)
		m.resume()
		time.Sleep(10 * time.Second)
		p.held.Store(20 << 20)
		if over, looks := m.pause(), p.looks.Load(); over || m.measure() != 200<<20 || looks < 90 || looks > 110 {
			t.Errorf("over %v, most %d after %d looks in 10 s; want false, %d, about 100", over, m.measure(), looks, 200<<20)
		}
	})
}

func TestAProcessThatEndedOrHasNoLimitIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, p := range map[string]*fakeProcess{"no limit": holding(1 << 40), "gone": holding(1 << 40)} {
			limit := int64(0)
			if p.gone = name == "gone"; p.gone {
				limit = 1
			}
			m := newMeter(limit, p.read, p.kill)
			m.resume()
			time.Sleep(time.Second)
			if over := m.pause(); over || p.killed.Load() != 0 {
				t.Errorf("%s: over %v, killed %d times", name, over, p.killed.Load())
			}
		}
	})
}
