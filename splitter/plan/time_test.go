//go:build unix

package plan

import (
	"syscall"
	"testing"
	"time"

	"github.com/shardwise/shardwise/splitter/sharding"
)

// planLimit is the processor time that exploring the plans of a model of 6 GiB may take. It does not depend on what else the machine does.
const planLimit = 2 * time.Second

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A decoder of 6 GiB is explored at every default size and number of shards, from its graph on.
func TestADecoderOf6GiBIsPlannedInTwoSeconds(t *testing.T) {
	m := transformer(20, 2560, 20, 64, 20000)
	start := processorTime(t)
	p := New(sharding.New(m.g, m.values), Options{})
	s, err := p.Explore(t.Context(), Wish{})
	if err != nil {
		t.Fatal(err)
	}
	took := processorTime(t) - start
	t.Logf("%d bytes of weights, %d nodes: %d estimates in %v", p.total, len(m.g.Nodes), len(s.All), took.Round(time.Millisecond))
	if p.total < 6<<30 {
		t.Errorf("the model has only %d bytes of weights", p.total)
	}
	if took > planLimit {
		t.Errorf("planning took %v of processors, at most %v are allowed", took, planLimit)
	}
}
