package coordinator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Policy says how a coordinator spends time and attempts. The zero value means the defaults that Defaults documents.
type Policy struct {
	// Deadline bounds a request that names none; 0 is the coordinator function's own timeout.
	Deadline time.Duration
	// AttemptTimeout bounds one invocation of a shard; 0 is its function's timeout and what its start may take. It holds
	// beside AttemptShare: whichever ends first.
	AttemptTimeout time.Duration
	// AttemptShare, above 0 and at most 1, bounds an attempt that another may follow to that part of the time left for the
	// request, so that a shard that hangs is asked again before the deadline; 0 is one half. It cuts off a shard that is
	// merely slow, too: one that may need more than half of the deadline wants a longer deadline, or a share nearer 1.
	// 1 lets one attempt take all the time there is, and a hung shard is then asked again only when AttemptTimeout, or
	// its function's timeout, ends well before the deadline. The last attempt always has all that is left.
	AttemptShare float64
	// Reserve is kept back from the deadline of the caller's context for putting the answer together and sending it.
	Reserve time.Duration
	// Attempts is how often one shard is asked in all, the first time included.
	Attempts int
	// Retries and RetryRatio bound the repeated attempts of one request over all its shards and blocks, Retries +
	// RetryRatio * calls, so that a broken or throttled deployment is not buried under repetitions.
	Retries    int
	RetryRatio float64
	// BaseDelay and MaxDelay bound the wait before an attempt: a random part of min(MaxDelay, BaseDelay * 2^(n-1))
	// before attempt n+1 (full jitter), or what the service asked for when that is more.
	BaseDelay, MaxDelay time.Duration
	// Blocks is how many row blocks are under way at once, InFlight how many shards of one stage and block.
	Blocks, InFlight int
	// Now, Sleep and Random are the clock and the source of jitter in [0, 1). Sleep returns early with ctx's error.
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
	Random func() float64
}

// startTime is how long Lambda lets a function start (INIT, 10 s), which its timeout does not include, with a second to
// spare: the service's own word on a timeout says more than ours.
const startTime = 11 * time.Second

// Defaults fills what is zero and not taken from the deployment: share 1/2, reserve 100 ms, 4 attempts, 8 retries + 1 per call,
// delays from 25 ms to 1 s, 4 blocks, 1,000 in flight (Lambda's default account concurrency), the machine's clock and
// random numbers.
func (p Policy) Defaults() Policy {
	setDuration := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	setInt := func(d *int, v int) {
		if *d == 0 {
			*d = v
		}
	}
	setDuration(&p.Reserve, 100*time.Millisecond)
	setDuration(&p.BaseDelay, 25*time.Millisecond)
	setDuration(&p.MaxDelay, time.Second)
	setInt(&p.Attempts, 4)
	setInt(&p.Blocks, 4)
	setInt(&p.InFlight, 1000)
	if p.AttemptShare == 0 {
		p.AttemptShare = 0.5
	}
	if p.Retries == 0 && p.RetryRatio == 0 {
		p.Retries, p.RetryRatio = 8, 1
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Sleep == nil {
		p.Sleep = sleep
	}
	if p.Random == nil {
		p.Random = rand.Float64
	}
	return p
}

// Validate reports all faults of a policy at once.
func (p Policy) Validate() error {
	var faults []error
	for _, f := range []struct {
		name string
		ok   bool
	}{
		{"deadline", p.Deadline >= 0}, {"attempt timeout", p.AttemptTimeout >= 0}, {"reserve", p.Reserve >= 0},
		{"base delay", p.BaseDelay >= 0}, {"max delay", p.MaxDelay >= 0}, {"attempts", p.Attempts >= 0},
		{"retries", p.Retries >= 0}, {"retry ratio", p.RetryRatio >= 0}, {"blocks", p.Blocks >= 0}, {"in flight", p.InFlight >= 0},
	} {
		if !f.ok {
			faults = append(faults, fmt.Errorf("policy: %s is negative; leave it 0 for the default", f.name))
		}
	}
	if !(p.AttemptShare >= 0 && p.AttemptShare <= 1) {
		faults = append(faults, fmt.Errorf("policy: wanted an attempt share from 0 (the default) to 1, found %v", p.AttemptShare))
	}
	return errors.Join(faults...)
}

// backoff is the wait before the attempt that follows attempt n, which counts from 1.
func (p *Policy) backoff(n int, retryAfter time.Duration) time.Duration {
	ceiling := p.BaseDelay
	for i := 1; i < n && ceiling < p.MaxDelay; i++ {
		ceiling *= 2
	}
	jitter := time.Duration(p.Random() * float64(min(ceiling, p.MaxDelay)))
	return max(jitter, retryAfter)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// budget counts down the repeated attempts that one request may make.
type budget struct{ left atomic.Int64 }

func newBudget(p *Policy, calls int) *budget {
	b := &budget{}
	b.left.Store(int64(p.Retries) + int64(p.RetryRatio*float64(calls)))
	return b
}

// spent reports whether no retry is left.
func (b *budget) spent() bool { return b.left.Load() <= 0 }

// take reports whether one more retry is allowed, and spends it.
func (b *budget) take() bool { return b.left.Add(-1) >= 0 }
