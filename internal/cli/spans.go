package cli

import (
	"fmt"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
)

// label is what a lane is called beside its step.
func (k laneKey) label(shards int) string {
	if k.shard < 0 {
		return "coordinator"
	}
	return fmt.Sprintf("shard %d/%d", k.shard, shards)
}

// drawn is the lane for a picture.
func (l *lane) drawn(step, label string) waterfall.Lane {
	return waterfall.Lane{Group: step, Label: label, Spans: l.calls}
}

// requestSpan draws a request to the coordinator: what the coordinator did itself, and when it waited for shards. That it
// began is known from its report; its end, with the encoding of the answer, is the simulator's word or else the client's.
func (c *account) requestSpan(k local.Chunk) waterfall.Span {
	r, s := &k.Report, waterfall.Span{Name: "request", Start: k.Start.Sub(c.start), End: k.End.Sub(c.start)}
	base, end := r.Start.Sub(c.start), s.End
	if seen, ok := c.seen(k.RequestID); ok {
		end = min(end, seen.Time.Sub(c.start))
		base = max(s.Start, min(base, end-seen.Duration))
		s.Parts = c.startPart(&s, seen, base)
	}
	var layers []waterfall.Part
	for i := range r.Attempts {
		layers = append(layers, layer(waterfall.Waiting, r.Start.Sub(c.start), r.Attempts[i].StartUS, r.Attempts[i].EndUS))
	}
	for _, m := range r.Merges {
		layers = append(layers, layer(waterfall.Merging, r.Start.Sub(c.start), m.StartUS, m.EndUS))
	}
	for _, l := range r.Locals {
		layers = append(layers, layer(waterfall.Computing, r.Start.Sub(c.start), l.StartUS, l.EndUS))
	}
	s.Parts = append(s.Parts, waterfall.Overlay(base, end, "decoding, scattering, encoding", layers)...)
	if c.served != nil {
		s.Details = append(s.Details, fact("rows", "%d from row %d on, in %s", k.Rows, k.Row, count(int64(r.Blocks), "block")), fact("mode", "%s", r.Mode),
			fact("payload", "%s there, %s back", size(int64(k.RequestBytes)), size(int64(k.ReplyBytes))), fact("request id", "%s", k.RequestID))
	}
	return s
}

func layer(kind waterfall.Kind, base time.Duration, start, end int64) waterfall.Part {
	return waterfall.Part{Kind: kind, Start: base + us(start), End: base + us(end)}
}

// localSpan draws a run of the coordinator's own program.
func localSpan(base time.Duration, l coordinator.Local) waterfall.Span {
	p := layer(waterfall.Computing, base, l.StartUS, l.EndUS)
	return waterfall.Span{Name: "local program, block " + fmt.Sprint(l.Block), Start: p.Start, End: p.End, Parts: []waterfall.Part{p}}
}

// attemptSpan draws one call of a shard. The shard's own times say how long, not when: opening its files ended with the start of
// its process, and the rest of the invocation beyond the shard's own total is split evenly into taking the event and
// giving the answer. Without the simulator's word the total ends when the answer arrived.
func (c *account) attemptSpan(base time.Duration, a *coordinator.Attempt) waterfall.Span {
	s := waterfall.Span{Name: fmt.Sprintf("attempt %d, block %d", a.Attempt, a.Block), Start: base + us(a.StartUS), End: base + us(a.EndUS),
		Cold: a.Cold, Failed: a.Outcome != "ok"}
	from, end := s.End-us(a.TotalUS), s.End
	if seen, ok := c.seen(a.RequestID); ok {
		end = max(s.Start, min(s.End, seen.Time.Sub(c.start)))
		from = max(s.Start, min(end-seen.Duration, end-us(a.TotalUS)))
		s.Parts = c.startPart(&s, seen, from)
		if n := len(s.Parts); n > 0 && a.LoadUS > 0 {
			opening := max(s.Parts[0].Start, from-us(a.LoadUS))
			s.Parts[0].End = opening
			s.Parts = append(s.Parts, waterfall.Part{Kind: waterfall.Loading, Start: opening, End: from})
		}
	}
	from = max(s.Start, from)
	if from < end {
		computed := end - (end-from-us(a.TotalUS))/2
		s.Parts = append(s.Parts, waterfall.Overlay(from, end, "", []waterfall.Part{{Kind: waterfall.Computing, Start: computed - us(a.ComputeUS), End: computed}})...)
	}
	if c.served != nil {
		s.Details = append(s.Details, fact("function", "%s", a.Function), fact("payload", "%s there, %s back", size(int64(a.RequestBytes)), size(int64(a.ReplyBytes))),
			fact("request id", "%s", a.RequestID))
		if s.Failed {
			s.Details = append(s.Details, fact("error", "%s: %s", a.Outcome, a.Error))
		}
	}
	return s
}

// seen is what the simulator saw of an invocation that ended.
func (c *account) seen(id string) (simulator.InvocationChange, bool) {
	if c.served == nil {
		return simulator.InvocationChange{}, false
	}
	return c.served(id)
}

// startPart is the start of the process that a call waited for, which ended at from.
func (c *account) startPart(s *waterfall.Span, seen simulator.InvocationChange, from time.Duration) []waterfall.Part {
	if !seen.Cold {
		return nil
	}
	s.Cold = true
	if seen.Init == 0 { // INIT failed, and was run again inside the invocation
		return nil
	}
	s.Details = append(s.Details, fact("cold start", "%s", waterfall.Duration(seen.Init)))
	return []waterfall.Part{{Kind: waterfall.Starting, Start: max(s.Start, from-seen.Init), End: from}}
}

func fact(name, format string, args ...any) waterfall.Fact {
	return waterfall.Fact{Name: name, Value: fmt.Sprintf(format, args...)}
}
