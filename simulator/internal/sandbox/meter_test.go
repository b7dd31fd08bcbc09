//go:build unix

package sandbox

import (
	"testing"
	"testing/synctest"
	"time"
)

// fakeProcess holds memory that grows while it is asked.
type fakeProcess struct {
	held   int64
	gone   bool
	looks  int
	killed int
}

func (p *fakeProcess) read() (int64, bool) { p.looks++; return p.held, !p.gone }
func (p *fakeProcess) kill()               { p.killed++ }

func TestAProcessOverItsLimitIsKilledOnceAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProcess{held: 50 << 20}
		m := newMeter(100<<20, p.read, p.kill)
		m.resume()
		time.Sleep(time.Second)
		synctest.Wait()
		if p.killed != 0 || p.looks < 10 {
			t.Fatalf("killed %d times after %d looks, want no kill and at least 10 looks", p.killed, p.looks)
		}
		p.held = 101 << 20
		time.Sleep(longestLook)
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if p.killed != 1 || !m.pause() || m.measure() != 101<<20 {
			t.Errorf("killed %d times, over %v, most %d; want 1, true, %d", p.killed, m.pause(), m.measure(), 101<<20)
		}
	})
}

func TestManyShortInvocationsAreLookedAtSeldomButSurely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProcess{held: 20 << 20}
		m := newMeter(128<<20, p.read, p.kill)
		for range 1000 {
			m.resume()
			time.Sleep(100 * time.Microsecond)
			if m.pause() {
				t.Fatal("a process within its limit was called over")
			}
			time.Sleep(time.Second) // rest does not count
		}
		if p.looks < 3 || p.looks > 8 {
			t.Errorf("%d looks in 100 ms of work at 108 MB from the limit, want 3 to 8", p.looks)
		}
		p.held = 129 << 20
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
		if p.killed != 1 {
			t.Errorf("killed %d times, want once", p.killed)
		}
	})
}

func TestAnOverrunMeasuredAtRestEndsTheNextWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProcess{held: 200 << 20}
		m := newMeter(128<<20, p.read, p.kill)
		if m.measure() != 200<<20 || p.killed != 0 {
			t.Errorf("at rest: most %d, killed %d times; want %d, 0", m.measure(), p.killed, 200<<20)
		}
		m.resume()
		synctest.Wait()
		if !m.pause() || p.killed != 1 {
			t.Errorf("at work: killed %d times, want once", p.killed)
		}
	})
}

func TestAProcessThatEndedOrHasNoLimitIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, p := range map[string]*fakeProcess{"no limit": {held: 1 << 40}, "gone": {held: 1 << 40, gone: true}} {
			limit := int64(0)
			if p.gone {
				limit = 1
			}
			m := newMeter(limit, p.read, p.kill)
			m.resume()
			time.Sleep(time.Second)
			if over := m.pause(); over || p.killed != 0 {
				t.Errorf("%s: over %v, killed %d times", name, over, p.killed)
			}
		}
	})
}
