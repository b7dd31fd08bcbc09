package waterfall

import (
	"encoding/json"
	"io"
	"time"
)

// traceEvent is an event of the Chrome trace event format (Trace Event Format, docs of the Chromium project). Times are in
// microseconds.
type traceEvent struct {
	Name     string            `json:"name"`
	Category string            `json:"cat,omitempty"`
	Phase    string            `json:"ph"`
	Time     float64           `json:"ts"`
	Length   *float64          `json:"dur,omitempty"`
	Process  int               `json:"pid"`
	Thread   int               `json:"tid"`
	Colour   string            `json:"cname,omitempty"`
	Args     map[string]string `json:"args,omitempty"`
}

// WriteChrome writes the chart in the Chrome trace event format, which Perfetto and chrome://tracing open: a thread for each
// lane, a slice for each call and nested slices for its parts. Calls of one lane that overlap without one holding the other
// go to threads of their own, since slices of a thread must nest.
func WriteChrome(w io.Writer, c Chart) error {
	events := []traceEvent{{Name: "process_name", Phase: "M", Process: 1, Args: map[string]string{"name": c.Title}}}
	thread := 0
	for _, l := range c.Lanes {
		name := l.Label
		if l.Group != "" {
			name = l.Group + " " + l.Label
		}
		for _, row := range rows(l.Spans) {
			thread++
			events = append(events, traceEvent{Name: "thread_name", Phase: "M", Process: 1, Thread: thread, Args: map[string]string{"name": name}})
			for _, s := range row {
				events = append(events, s.events(thread)...)
			}
		}
	}
	facts := map[string]string{"start": c.Start.UTC().Format(time.RFC3339Nano)}
	for _, f := range c.Facts {
		facts[f.Name] = f.Value
	}
	return json.NewEncoder(w).Encode(struct {
		Events []traceEvent      `json:"traceEvents"`
		Unit   string            `json:"displayTimeUnit"`
		Other  map[string]string `json:"otherData"`
	}{events, "ms", facts})
}

// rows spreads spans over rows, so that those of one row do not overlap.
func rows(spans []Span) [][]Span {
	var list [][]Span
	for _, s := range spans {
		placed := false
		for i, row := range list {
			if last := row[len(row)-1]; last.End <= s.Start {
				list[i], placed = append(row, s), true
				break
			}
		}
		if !placed {
			list = append(list, []Span{s})
		}
	}
	return list
}

func (s Span) events(thread int) []traceEvent {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	slice := func(name, category string, start, end time.Duration) traceEvent {
		length := us(end - start)
		return traceEvent{Name: name, Category: category, Phase: "X", Time: us(start), Length: &length, Process: 1, Thread: thread}
	}
	whole := slice(s.Name, "call", s.Start, s.End)
	whole.Args = map[string]string{}
	for _, d := range s.Details {
		whole.Args[d.Name] = d.Value
	}
	if s.Failed {
		whole.Category, whole.Colour = "failed call", "terrible"
	}
	list := []traceEvent{whole}
	for _, p := range s.Parts {
		if start, end := max(p.Start, s.Start), min(p.End, s.End); start < end {
			list = append(list, slice(p.Label(), string(p.Kind), start, end))
		}
	}
	return list
}
