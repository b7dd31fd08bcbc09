package clock

import (
	"runtime"
	"testing"
	"time"
)

// Work lengthens a thread's time, and sleep hardly does.
func TestThreadCountsWorkAlone(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := Thread()
	time.Sleep(50 * time.Millisecond)
	asleep := Thread() - begin
	x := 1.0
	for i := range 20_000_000 {
		x += 1 / (x + float64(i))
	}
	if worked := Thread() - begin - asleep; asleep > 40*time.Millisecond || worked <= asleep || x == 0 {
		t.Errorf("%v while asleep, %v at work", asleep, worked)
	}
}

func TestMedianIsTheMiddle(t *testing.T) {
	if m := Median([]time.Duration{9, 1, 5}); m != 5 {
		t.Errorf("%d, wanted 5", m)
	}
}
