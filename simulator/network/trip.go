package network

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Trip holds one invocation's draws. Its methods may be called once each or never, Request before Reply, not concurrently.
type Trip struct {
	model   *Model
	call    draw
	back    draw
	overlap draw
	owed    float64 // ms of the overlap that the request was too short to take off
}

// draw is a normal and an exponential variable, both of scale 1.
type draw struct{ normal, exponential float64 }

// Source returns the source of randomness of the n-th event of a function under a seed.
func Source(seed uint64, function string, n uint64) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(function)) // a hash takes everything
	return rand.New(rand.NewPCG(seed^h.Sum64(), n))
}

// Trip draws the delays of an invocation. rng is not kept.
func (m *Model) Trip(rng *rand.Rand) *Trip {
	return &Trip{model: m, call: take(rng), back: take(rng), overlap: take(rng)}
}

func take(rng *rand.Rand) draw { return draw{rng.NormFloat64(), rng.ExpFloat64()} }

// at is the term's value for a draw, in milliseconds.
func (t Term) at(d draw, x float64) float64 {
	return t.Location.at(x) + max(0, t.Scale.at(x))*(d.normal+max(0, t.Shape.at(x))*d.exponential)
}

func (m *Model) units(bytes int) float64 {
	if m.UnitBytes == 0 {
		return float64(bytes)
	}
	return float64(bytes) / m.UnitBytes
}

// Request is how long a request of that many bytes is under way. Half of the overlap is taken off here, half off the
// reply; no delay is below zero, and what one cannot give is taken off the other.
func (t *Trip) Request(bytes int) time.Duration {
	ms := t.model.Call.at(t.call, t.model.units(bytes)) - t.half()
	t.owed = max(0, -ms)
	return delay(ms, bytes, t.model.RequestRate)
}

// Reply is how long a reply of that many bytes is under way.
func (t *Trip) Reply(bytes int) time.Duration {
	return delay(t.model.Return.at(t.back, t.model.units(bytes))-t.half()-t.owed, bytes, t.model.ReplyRate)
}

// Part is how long a further part of a streamed reply is under way: the mean that its bytes add.
func (t *Trip) Part(bytes int) time.Duration {
	m := t.model
	return delay(m.Return.mean(m.units(bytes))-m.Return.mean(0), bytes, m.ReplyRate)
}

func (t *Trip) half() float64 { return t.model.Overlap.at(t.overlap, 0) / 2 }

// Cold draws what comes before the INIT of an environment whose function has files of that many bytes.
func (m *Model) Cold(rng *rand.Rand, bytes int64) time.Duration {
	return delay(m.ColdStart.at(take(rng), m.units(int(bytes))), 0, 0)
}

// maxDelay bounds what a model of absurd numbers may draw: nothing waits for longer than a function may run.
const maxDelay = 900 * time.Second

func delay(ms float64, bytes int, rate float64) time.Duration {
	if !(ms > 0) { // not a number either: an infinity less another
		ms = 0
	}
	if rate > 0 {
		ms += 1000 * float64(bytes) / rate
	}
	return time.Duration(min(ms, float64(maxDelay/time.Millisecond)) * float64(time.Millisecond))
}
