//go:build unix

package sandbox

import (
	"sync"
	"time"
)

// Between two looks at a process's memory passes the time in which it could at
// the earliest reach its limit, were it to take in new pages at fillRate. Looking
// costs tens of microseconds, so a process far from its limit, or one that works
// for a moment only, is hardly ever looked at.
const (
	fillRate     = 4 << 20 // bytes each millisecond, about what one core can touch anew
	shortestLook = 2 * time.Millisecond
	longestLook  = 100 * time.Millisecond
)

// meter watches the memory of one process while it works, and may end the process
// when it holds more than its limit. All methods may be called concurrently.
type meter struct {
	limit int64                // bytes; 0 when memory cannot be watched
	read  func() (int64, bool) // bytes held now; false when they cannot be told any more
	kill  func()               // ends the process; nil to let it have what it takes

	mu    sync.Mutex
	timer *time.Timer
	since time.Time     // when the present work began; zero while the process rests
	left  time.Duration // working time until the next look
	peak  int64
	over  bool // the limit was exceeded, the process killed
}

func newMeter(limit int64, read func() (int64, bool), kill func()) *meter {
	return &meter{limit: limit, read: read, kill: kill, left: shortestLook}
}

// resume begins or continues the watch.
func (m *meter) resume() {
	if m.limit == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.since.IsZero() {
		return
	}
	m.since = time.Now()
	if m.timer == nil {
		m.timer = time.AfterFunc(m.left, m.tick)
		return
	}
	m.timer.Reset(m.left)
}

// pause interrupts the watch and reports whether the process held too much; it
// takes the look that is due by now.
func (m *meter) pause() (over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		return m.over
	}
	m.timer.Stop() // a tick that comes all the same finds since at zero
	m.left -= time.Since(m.since)
	m.since = time.Time{}
	if m.left <= 0 {
		m.look()
	}
	return m.over
}

func (m *meter) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		return
	}
	m.look()
	if m.over {
		return
	}
	m.since = time.Now()
	m.timer.Reset(m.left)
}

// look measures, kills what is over its limit, and says when to look again; mu
// is held.
func (m *meter) look() {
	held, ok := m.read()
	m.peak, m.left = max(m.peak, held), longestLook
	if m.limit == 0 || !ok {
		return
	}
	if held > m.limit {
		if m.kill != nil {
			m.over = true
			m.kill()
		}
		return
	}
	m.left = max(shortestLook, min(longestLook, time.Duration((m.limit-held)/fillRate)*time.Millisecond))
}

// measure looks at a process at rest and returns the most seen so far, 0 when
// nothing was. A process found over its limit is killed as soon as it works again.
func (m *meter) measure() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	held, _ := m.read()
	m.peak = max(m.peak, held)
	if held > m.limit {
		m.left = 0
	}
	return m.peak
}
