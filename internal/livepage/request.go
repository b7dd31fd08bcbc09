package livepage

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
)

// request is an invocation from outside with those that carry its trace, which its functions made.
type request struct {
	number  uint64
	seq     uint64 // of its latest change
	trace   string
	calls   []*call // the first is the one from outside
	omitted int
}

// call is one invocation.
type call struct {
	request      *request
	id           string
	function     string
	qualifier    string
	begun, ended time.Time // ended is zero while it runs
	stream       string
	phase        simulator.InvocationPhase
	cold         bool
	init         time.Duration
	duration     time.Duration
	billed       time.Duration
	memory       int64
	requestBytes int
	replyBytes   int
	errorType    string
	errorMessage string
}

func (k *call) running() bool { return k.ended.IsZero() }

func (k *call) end(c simulator.InvocationChange) {
	k.ended, k.phase, k.stream, k.cold, k.init, k.duration, k.billed = c.Time, c.Phase, c.Stream, c.Cold, c.Init, c.Duration, c.Billed
	k.memory, k.replyBytes = c.Memory, c.ResponseBytes
	k.errorType, k.errorMessage = clip(c.ErrorType), clip(c.ErrorMessage)
}

// until is the end of a call, or now while it runs.
func (k *call) until(now time.Time) time.Time {
	if k.running() {
		return now
	}
	return k.ended
}

// chart is the picture of the request: what it invoked first, then the functions that were invoked for it, in their order.
func (r *request) chart(functions []*function, now time.Time) waterfall.Chart {
	label := map[string]string{}
	for _, f := range functions {
		label[f.Name] = cmp.Or(f.Role, f.Name)
	}
	zero, last := r.calls[0].begun, now
	if !r.running() {
		last = zero
		for _, k := range r.calls {
			last = later(last, k.ended)
		}
	}
	c := waterfall.Chart{Title: label[r.calls[0].function], Start: zero, Total: last.Sub(zero), Omitted: r.omitted}
	var waits []waterfall.Part
	lanes := map[string]*waterfall.Lane{}
	for _, k := range r.calls[1:] {
		waits = append(waits, waterfall.Part{Kind: waterfall.Waiting, Start: k.begun.Sub(zero), End: k.until(now).Sub(zero)})
		if lanes[k.function] == nil {
			lanes[k.function] = &waterfall.Lane{Label: label[k.function]}
		}
		l := lanes[k.function]
		l.Spans = append(l.Spans, k.span(zero, now, nil))
	}
	first := waterfall.Lane{Label: label[r.calls[0].function], Spans: []waterfall.Span{r.calls[0].span(zero, now, waits)}}
	first.Note = note(first.Spans)
	c.Lanes = append(c.Lanes, first)
	for _, f := range functions {
		if l := lanes[f.Name]; l != nil {
			l.Note = note(l.Spans)
			c.Lanes = append(c.Lanes, *l)
		}
	}
	return c
}

// span draws a call. waits is when other functions were at work for it.
func (k *call) span(zero, now time.Time, waits []waterfall.Part) waterfall.Span {
	s := waterfall.Span{Name: "invocation of " + k.function, Start: k.begun.Sub(zero), End: k.until(now).Sub(zero), Cold: k.cold,
		Failed: k.errorType != "", Running: k.running()}
	switch {
	case k.running():
		s.Parts = waterfall.Overlay(s.Start, s.End, "", waits)
	case k.phase == simulator.InvocationEnded:
		from := max(s.Start, s.End-k.duration)
		if k.init > 0 {
			s.Parts = append(s.Parts, waterfall.Part{Kind: waterfall.Starting, Start: max(s.Start, from-k.init), End: from})
		}
		s.Parts = append(s.Parts, waterfall.Overlay(from, s.End, "", waits)...)
	}
	s.Details = k.details()
	return s
}

func (k *call) details() []waterfall.Fact {
	name := k.function
	if k.qualifier != "" {
		name += ":" + k.qualifier
	}
	d := []waterfall.Fact{{Name: "function", Value: name}, {Name: "request id", Value: k.id}}
	add := func(name, format string, args ...any) {
		d = append(d, waterfall.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	if k.errorType != "" {
		add("error", "%s: %s", k.errorType, k.errorMessage)
	}
	if k.running() || k.phase != simulator.InvocationEnded {
		return d
	}
	add("duration", "%s", waterfall.Duration(k.duration))
	if k.init > 0 {
		add("cold start", "%s", waterfall.Duration(k.init))
	}
	add("billed", "%d ms", k.billed.Milliseconds())
	if k.memory > 0 {
		add("peak memory", "%d MB", (k.memory+1<<20-1)>>20)
	}
	add("payload", "%s there, %s back", size(k.requestBytes), size(k.replyBytes))
	add("environment", "%s", k.stream)
	return d
}

// note says after the bar how long and what went wrong.
func note(spans []waterfall.Span) string {
	var longest time.Duration
	cold, failed := 0, 0
	for _, s := range spans {
		longest = max(longest, s.End-s.Start)
		if s.Cold {
			cold++
		}
		if s.Failed {
			failed++
		}
	}
	text := waterfall.Duration(longest)
	if len(spans) > 1 {
		text = fmt.Sprintf("%d calls, ≤ %s", len(spans), text)
	}
	if cold > 0 {
		text += ", cold"
	}
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	return text
}

// running says whether an invocation of the request is under way.
func (r *request) running() bool { return slices.ContainsFunc(r.calls, (*call).running) }

func size(n int) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
