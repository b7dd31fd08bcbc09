package clock

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Thread is the processor time of the calling thread; a goroutine that takes differences must be locked to it. It panics
// when the system has no such clock.
func Thread() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// Median sorts d and returns the element in its middle. It panics when there is none.
func Median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
