package scaling

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// take counts how many of n are admitted now.
func take(r *Rate, n int) (admitted int) {
	for range n {
		if r.Take() {
			admitted++
		}
	}
	return admitted
}

func TestTheRateIsFullAtFirstAndRefilledContinuously(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1000)
		for _, tc := range []struct {
			wait time.Duration
			want int
		}{
			{0, 1000}, {0, 0}, {10 * time.Millisecond, 1}, {25 * time.Millisecond, 2}, {5 * time.Millisecond, 1},
			{time.Second, 100}, {10 * time.Second, 1000}, {time.Hour, 1000}, {0, 0},
		} {
			time.Sleep(tc.wait)
			if got := take(r, 2000); got != tc.want {
				t.Errorf("after %v: %d admitted, want %d", tc.wait, got, tc.want)
			}
		}
	})
}

func TestARateThatDoesNotDivideTheWindowIsKeptAllTheSame(t *testing.T) {
	for _, n := range []int{1, 3, 7, 999, 100000} {
		synctest.Test(t, func(t *testing.T) {
			r := New(n)
			if got := take(r, 2*n); got != n {
				t.Errorf("rate %d: %d at once", n, got)
			}
			time.Sleep(Window)
			if got := take(r, 2*n); got != n {
				t.Errorf("rate %d: %d after a window", n, got)
			}
		})
	}
}

func TestConcurrentTakersGetNoMoreThanTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(100)
		var admitted atomic.Int64
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { admitted.Add(int64(take(r, 50))) })
		}
		all.Wait()
		if admitted.Load() != 100 {
			t.Errorf("%d admitted, want 100", admitted.Load())
		}
	})
}
