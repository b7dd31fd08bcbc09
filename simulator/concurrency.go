//go:build unix

package simulator

import "sync"

// concurrency counts invocations against the limits of account and functions.
// A function with reserved concurrency draws on that alone; the others share
// what the account has left. Provisioned concurrency is set aside from either,
// and its invocations are not counted here: they find an environment or not.
type concurrency struct {
	mu          sync.Mutex
	running     map[string]int // invocations of each function on demand
	reserved    map[string]int // the limit of each function that has one
	provisioned map[string]int // set aside for environments started ahead
	shared      int            // invocations that functions without a reserve may yet start; below zero after a reserve was made while they ran
}

func newConcurrency(c Config) *concurrency {
	l := &concurrency{shared: c.MaxConcurrency, reserved: map[string]int{}, running: map[string]int{}, provisioned: map[string]int{}}
	for _, f := range c.Functions {
		if f.ReservedConcurrency != nil {
			l.reserved[f.Name] = *f.ReservedConcurrency
			l.shared -= *f.ReservedConcurrency
		}
	}
	return l
}

// enter admits one invocation of the function on demand or returns the throttle.
func (l *concurrency) enter(name string) *apiError {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit, ok := l.reserved[name]; ok {
		if l.running[name] >= limit-l.provisioned[name] {
			return throttled(reasonReserved)
		}
	} else {
		if l.shared <= 0 {
			return throttled(reasonAccount)
		}
		l.shared--
	}
	l.running[name]++
	return nil
}

// leave ends what enter admitted.
func (l *concurrency) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running[name]--
	if _, ok := l.reserved[name]; !ok {
		l.shared++
	}
}

// limit returns what is reserved for the function; ok is false when nothing is.
func (l *concurrency) limit(name string) (n int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok = l.reserved[name]
	return n, ok
}

// reserve sets aside n invocations for the function. It reports false, and
// changes nothing, when the account of that size in all has not so many left, or
// more than n are provisioned.
func (l *concurrency) reserve(name string, n, account int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := n
	for other, limit := range l.reserved {
		if other != name {
			total += limit
		}
	}
	for other, ahead := range l.provisioned {
		if _, ok := l.reserved[other]; !ok && other != name {
			total += ahead
		}
	}
	if total > account || n < l.provisioned[name] {
		return false
	}
	l.free(name)
	l.reserved[name] = n
	l.shared += l.held(name) - n // its invocations no longer count among the shared ones
	return true
}

// unreserve gives back what was set aside.
func (l *concurrency) unreserve(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free(name)
}

// held is what a function without a reserve takes of the shared ones; l.mu is held.
func (l *concurrency) held(name string) int { return l.running[name] + l.provisioned[name] }

// free makes the function one of those that share; l.mu is held.
func (l *concurrency) free(name string) {
	if limit, ok := l.reserved[name]; ok {
		delete(l.reserved, name)
		l.shared += limit - l.held(name)
	}
}

// provision sets aside n invocations for environments of the function that are
// started ahead. It reports false, and changes nothing, when the function's
// reserve, or what functions share, does not hold so many.
func (l *concurrency) provision(name string, n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	more := n - l.provisioned[name]
	if limit, ok := l.reserved[name]; ok {
		if n > limit {
			return false
		}
	} else {
		if more > 0 && more > l.shared {
			return false
		}
		l.shared -= more
	}
	l.provisioned[name] = n
	return true
}
