package livepage

import (
	"strings"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

// Environment takes in a change of an environment.
func (p *Page) Environment(c simulator.EnvironmentChange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.function(c.Function)
	if c.State == simulator.EnvironmentClosed {
		delete(f.environments, c.Stream)
		p.touch()
		return
	}
	e := f.environments[c.Stream]
	if e == nil {
		f.made++
		e = &environment{stream: c.Stream, number: f.made}
		f.environments[c.Stream] = e
	}
	e.state, e.since, e.memory = c.State, c.Time, max(e.memory, c.Memory)
	f.memory = max(f.memory, c.Memory)
	if c.State == simulator.EnvironmentBusy {
		e.invocations++
	}
	p.touch()
}

// Invocation takes in the beginning or the end of an invocation.
func (p *Page) Invocation(c simulator.InvocationChange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seq := p.touch()
	if c.Phase == simulator.InvocationBegun {
		p.begin(c, seq)
		return
	}
	k := p.inflight[c.RequestID]
	delete(p.inflight, c.RequestID)
	r := (*request)(nil)
	if k != nil {
		k.end(c)
		r = k.request
		r.seq = seq
	}
	p.account(c)
	if c.ErrorType != "" {
		p.complain(c, r, seq)
	}
}

// begin enters a new invocation: a request of its own, or a call of the one whose trace it carries.
func (p *Page) begin(c simulator.InvocationChange, seq uint64) {
	trace := traceRoot(c.TraceID)
	r := p.byTrace[trace]
	// A function that is invoked anew with the trace of an old request is another request: the caller keeps its trace, or an
	// event is repeated.
	if r == nil || trace == "" || r.calls[0].function == c.Function && !r.calls[0].running() {
		r = &request{number: seq, trace: trace}
		p.counted.Requests++
		p.function(c.Function).Requests++
		p.requests = append(p.requests, r)
		p.byTrace[trace] = r
		if len(p.requests) > maxRequests {
			old := p.requests[0]
			p.requests = append(p.requests[:0], p.requests[1:]...)
			if p.byTrace[old.trace] == old {
				delete(p.byTrace, old.trace)
			}
		}
	}
	r.seq = seq
	if len(r.calls) >= maxCalls {
		r.omitted++
		return
	}
	k := &call{request: r, id: c.RequestID, function: c.Function, qualifier: c.Qualifier, begun: c.Time, requestBytes: c.RequestBytes}
	r.calls = append(r.calls, k)
	p.inflight[c.RequestID] = k
}

// account adds an invocation that is over to its function's numbers.
func (p *Page) account(c simulator.InvocationChange) {
	f := p.function(c.Function)
	if c.Phase == simulator.InvocationRefused {
		if isThrottle(c) {
			f.Throttles++
			p.counted.Throttles++
			return
		}
		f.Errors++
		p.counted.Errors++
		return
	}
	f.Invocations++
	p.counted.Invocations++
	if c.Cold {
		f.Cold++
		p.counted.Cold++
	}
	if c.ErrorType != "" {
		f.Errors++
		p.counted.Errors++
	}
	f.usage.Add(c.Billed, f.MemoryMB, f.EphemeralMB)
	f.longest = max(f.longest, c.Duration)
	f.memory = max(f.memory, c.Memory)
	if len(f.durations) < maxDurations {
		f.durations = append(f.durations, c.Duration)
		return
	}
	f.durations[f.next] = c.Duration
	f.next = (f.next + 1) % maxDurations
}

// complain lists an error or a throttle.
func (p *Page) complain(c simulator.InvocationChange, r *request, seq uint64) {
	q := problem{seq: seq, Time: c.Time, Function: c.Function, Role: p.function(c.Function).Role, RequestID: c.RequestID, Throttle: isThrottle(c),
		Type: clip(c.ErrorType), Message: clip(c.ErrorMessage)}
	if r != nil {
		q.Request = r.number
	}
	p.problems = append(p.problems, q)
	if len(p.problems) > maxProblems {
		p.problems = append(p.problems[:0], p.problems[1:]...)
	}
}

func isThrottle(c simulator.InvocationChange) bool {
	return c.Phase == simulator.InvocationRefused && c.ErrorType == "TooManyRequestsException"
}

// traceRoot is the part of a trace header that a function's own calls carry on.
func traceRoot(header string) string {
	for _, field := range strings.Split(header, ";") {
		if root, ok := strings.CutPrefix(strings.TrimSpace(field), "Root="); ok {
			return root
		}
	}
	return header
}

// clip bounds a text that a function has chosen.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
