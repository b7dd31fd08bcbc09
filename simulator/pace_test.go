//go:build unix

package simulator

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAStreamIsFastForSixMegabytesAndThenAsSlowAsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &streamWriter{rate: defaultStreamRate, free: streamFree, ended: make(chan struct{})}
		for i, tc := range []struct {
			rest  time.Duration
			bytes int
			took  time.Duration
		}{
			{0, 5 << 20, 0}, {0, 1 << 20, 0}, {0, 2 << 20, time.Second}, {0, 1 << 20, time.Second / 2},
			{time.Hour, 1 << 20, time.Second / 2}, // what was not used is lost
		} {
			time.Sleep(tc.rest)
			begin := time.Now()
			s.pace(tc.bytes)
			if took := time.Since(begin); took != tc.took {
				t.Errorf("part %d of %d bytes took %v, want %v", i, tc.bytes, took, tc.took)
			}
		}
		begin := time.Now()
		go func() { time.Sleep(time.Second); close(s.ended) }()
		if s.pace(1 << 30); time.Since(begin) != time.Second {
			t.Errorf("the end of the stream was waited for %v, want 1 s", time.Since(begin))
		}
	})
}
