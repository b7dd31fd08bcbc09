//go:build unix

package simulator

import "sync"

// concurrency counts invocations against the limits of account and functions.
// A function with reserved concurrency draws on that alone; the others share
// what the account has left.
type concurrency struct {
	mu       sync.Mutex
	shared   int            // invocations that functions without a reserve may yet start
	reserved map[string]int // the same for each function with one
}

func newConcurrency(c Config) *concurrency {
	l := &concurrency{shared: c.MaxConcurrency, reserved: map[string]int{}}
	for _, f := range c.Functions {
		if f.ReservedConcurrency != nil {
			l.reserved[f.Name] = *f.ReservedConcurrency
			l.shared -= *f.ReservedConcurrency
		}
	}
	return l
}

// enter admits one invocation of the function or returns the throttle.
func (l *concurrency) enter(name string) *apiError {
	l.mu.Lock()
	defer l.mu.Unlock()
	if left, ok := l.reserved[name]; ok {
		if left == 0 {
			return throttled(reasonReserved)
		}
		l.reserved[name] = left - 1
		return nil
	}
	if l.shared <= 0 {
		return throttled(reasonAccount)
	}
	l.shared--
	return nil
}

// leave ends what enter admitted.
func (l *concurrency) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if left, ok := l.reserved[name]; ok {
		l.reserved[name] = left + 1
		return
	}
	l.shared++
}
