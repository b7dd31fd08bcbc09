package faults

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// Injector applies a plan under a seed and counts. A nil Injector strikes nothing. It is safe for concurrent use.
type Injector struct {
	plan *Plan
	seed uint64

	mu     sync.Mutex
	seen   map[string]uint64 // invocations of each function
	counts []Count
}

// Count is what a rule has done so far.
type Count struct {
	Rule  Rule
	Seen  int // invocations of the functions that it names
	Fired int
}

// Strike is the fate of one invocation.
type Strike struct {
	Fault Kind
	Delay time.Duration
	bits  int
	rng   *rand.Rand
}

// New returns an injector for a plan that is valid, nil for a nil plan.
func New(p *Plan, seed uint64) *Injector {
	if p == nil {
		return nil
	}
	in := &Injector{plan: p, seed: seed, seen: map[string]uint64{}, counts: make([]Count, len(p.Rules))}
	for i, r := range p.Rules {
		in.counts[i].Rule = r
	}
	return in
}

// Next decides over the function's next invocation; nil lets it pass.
func (in *Injector) Next(function string) *Strike {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.seen[function]++
	n := in.seen[function]
	var strike *Strike
	for i, r := range in.plan.Rules {
		if !r.matches(function) {
			continue
		}
		c := &in.counts[i]
		c.Seen++
		rng := in.source(i, function, n)
		if strike == nil && r.picks(n) && (r.Count == 0 || c.Fired < r.Count) && (r.Probability == nil || rng.Float64() < *r.Probability) {
			c.Fired++
			strike = &Strike{Fault: r.Fault, Delay: time.Duration(r.DelayMS) * time.Millisecond, bits: max(1, r.Bits), rng: rng}
		}
	}
	return strike
}

// picks reports whether the rule's numbers allow a function's n-th invocation, counted from 1.
func (r Rule) picks(n uint64) bool {
	if n <= uint64(r.After) {
		return false
	}
	n -= uint64(r.After)
	return (r.First == 0 || n <= uint64(r.First)) && (r.Every == 0 || n%uint64(r.Every) == 0)
}

func (in *Injector) source(rule int, function string, n uint64) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte{byte(rule), byte(rule >> 8)}) // a hash takes everything
	_, _ = h.Write([]byte(function))
	return rand.New(rand.NewPCG(in.seed^h.Sum64(), n))
}

// Counts tells what each rule has done so far, in the plan's order.
func (in *Injector) Counts() []Count {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]Count(nil), in.counts...)
}

// Flip flips the strike's number of different bits of body in place; of an empty body none.
func (s *Strike) Flip(body []byte) {
	total := len(body) * 8
	flipped := make(map[int]bool)
	for range min(s.bits, total) {
		bit := s.rng.IntN(total)
		for flipped[bit] {
			bit = (bit + 1) % total
		}
		flipped[bit] = true
		body[bit/8] ^= 1 << (bit % 8)
	}
}
