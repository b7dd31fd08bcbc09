package cli

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
)

// maxSpans bounds the calls that are kept of one lane for drawing.
const maxSpans = 4000

// account adds up who did what during a run, from the coordinators' reports.
type account struct {
	start        time.Time // of the first request
	end          time.Time // of the last answer
	rows         int64
	requests     int
	requestBytes int64
	replyBytes   int64
	coordinator  lane
	lanes        map[laneKey]*lane
	mode         string
	blocks       int
	blockRows    int
	omitted      int // calls that the coordinators' reports left out
	spared       int // calls that were not needed, because no row was routed to the shard

	// served tells of an invocation by its request id what the simulator saw; nil when nobody asked for details.
	served func(id string) (simulator.InvocationChange, bool)
}

// laneKey names a line of the picture: a shard in a stage, or, with shard -1, a local program.
type laneKey struct {
	order int // of first appearance of the step
	step  string
	shard int
}

// lane is what one function did in one step.
type lane struct {
	function     string
	calls        []waterfall.Span
	count        int
	failed, cold int
	retries      int
	computeUS    int64
	longestUS    int64
	requestBytes int64
	replyBytes   int64
	outcomes     map[string]int
}

func newAccount(start time.Time) *account {
	return &account{start: start, end: start, lanes: map[laneKey]*lane{}}
}

func (l *lane) enter(s waterfall.Span) {
	l.count++
	l.longestUS = max(l.longestUS, (s.End - s.Start).Microseconds())
	if len(l.calls) < maxSpans {
		l.calls = append(l.calls, s)
	}
}

func (l *lane) fail(outcome string) {
	l.failed++
	if l.outcomes == nil {
		l.outcomes = map[string]int{}
	}
	l.outcomes[outcome]++
}

// add enters an answer.
func (c *account) add(k local.Chunk) {
	r := &k.Report
	c.rows += int64(k.Rows)
	c.requests++
	c.requestBytes += int64(k.RequestBytes)
	c.replyBytes += int64(k.ReplyBytes)
	c.mode, c.blocks, c.blockRows = r.Mode, c.blocks+r.Blocks, r.BlockRows
	c.omitted += r.Omitted
	c.spared += len(r.Spared)
	if k.End.After(c.end) {
		c.end = k.End
	}
	for _, f := range k.Failures {
		c.coordinator.enter(waterfall.Span{Name: "request", Start: f.Start.Sub(c.start), End: f.End.Sub(c.start), Failed: true,
			Details: []waterfall.Fact{{Name: "error", Value: f.Kind.String()}}})
		c.coordinator.fail(f.Kind.String())
		c.coordinator.retries++
	}
	c.coordinator.enter(c.requestSpan(k))
	base := r.Start.Sub(c.start)
	for i := range r.Attempts {
		c.attempt(base, &r.Attempts[i])
	}
	for _, l := range r.Locals {
		c.lane(l.Step, -1).enter(localSpan(base, l))
	}
}

func (c *account) attempt(base time.Duration, a *coordinator.Attempt) {
	l := c.lane(a.Step, a.Shard)
	l.function = a.Function
	failed := a.Outcome != "ok"
	l.enter(c.attemptSpan(base, a))
	l.computeUS += a.ComputeUS
	l.requestBytes += int64(a.RequestBytes)
	l.replyBytes += int64(a.ReplyBytes)
	if failed {
		l.fail(a.Outcome)
	}
	if a.Attempt > 1 {
		l.retries++
	}
	if a.Cold {
		l.cold++
	}
}

// lane finds the line of a step and shard, or opens it.
func (c *account) lane(step string, shard int) *lane {
	order := len(c.lanes)
	for k := range c.lanes {
		if k.step == step {
			order = k.order
		}
	}
	key := laneKey{order, step, shard}
	if c.lanes[key] == nil {
		c.lanes[key] = &lane{}
	}
	return c.lanes[key]
}

// ordered lists the lanes in the order of the steps, then of the shards.
func (c *account) ordered() []laneKey {
	keys := make([]laneKey, 0, len(c.lanes))
	for k := range c.lanes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b laneKey) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.shard, b.shard)) })
	return keys
}

// elapsed is the time from the first request to the last answer.
func (c *account) elapsed() time.Duration { return c.end.Sub(c.start) }

func us(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
