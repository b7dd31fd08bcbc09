package waterfall

import (
	"cmp"
	"slices"
	"time"
)

// Chart is a picture of what happened: lanes over a common time axis.
type Chart struct {
	Title   string
	Facts   []Fact    // what stands beside the picture
	Start   time.Time // the axis's zero
	Total   time.Duration
	Lanes   []Lane
	Omitted int // spans that are not in the picture, because there were too many
}

// Fact is a line of a description.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Lane is one line: who did it, what it did, and a remark after the bar.
type Lane struct {
	Group string // what the lane belongs to, a step of the plan; may be empty
	Label string
	Note  string
	Spans []Span
}

// Span is one call, from Start to End on the chart's axis. Parts tell what passed in it, in order of their starts; the time
// that no part covers was spent on the way there and back. A failed call is drawn as such.
type Span struct {
	Name       string
	Start, End time.Duration
	Parts      []Part
	Cold       bool // it waited for a new process
	Failed     bool
	Running    bool // End is not final
	Details    []Fact
}

// Kind is what a part of a span was spent with.
type Kind string

// The kinds of parts.
const (
	Starting  Kind = "start"   // starting the process that was to serve the call
	Working   Kind = "work"    // inside the function
	Loading   Kind = "load"    // the end of that start: opening and checking the model's files
	Computing Kind = "compute" // inside the function: running the model's program
	Waiting   Kind = "wait"    // inside the function: waiting for other functions
	Merging   Kind = "merge"   // inside the function: putting partial results together
)

// name is what people call a kind.
func (k Kind) name() string {
	switch k {
	case Starting:
		return "starting its process"
	case Loading:
		return "opening its files"
	case Computing:
		return "computing"
	case Waiting:
		return "waiting for shards"
	case Merging:
		return "merging"
	}
	return "in the function"
}

// Part is what a stretch of a span was spent with, on the chart's axis.
type Part struct {
	Kind       Kind
	Name       string // what it was in particular; empty for the kind's own name
	Start, End time.Duration
}

// Label is the part's name, or its kind's.
func (p Part) Label() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Kind.name()
}

// Overlay covers the time from start to end without gaps or overlaps: with layers where there are any, of which the kinds of
// higher rank win over the lower ones (waiting, loading, merging, computing), and with work called rest elsewhere.
func Overlay(start, end time.Duration, rest string, layers []Part) []Part {
	type edge struct {
		at   time.Duration
		kind Kind
		step int
	}
	edges := make([]edge, 0, 2*len(layers)+1)
	for _, l := range layers {
		if from, to := max(l.Start, start), min(l.End, end); from < to {
			edges = append(edges, edge{from, l.Kind, 1}, edge{to, l.Kind, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	edges = append(edges, edge{at: end})
	var parts []Part
	active, from := map[Kind]int{}, start
	for _, e := range edges {
		if e.at > from {
			kind, name := Working, rest
			for _, k := range []Kind{Waiting, Loading, Merging, Computing} {
				if active[k] > 0 {
					kind, name = k, ""
				}
			}
			if n := len(parts); n > 0 && parts[n-1].Kind == kind {
				parts[n-1].End = e.at
			} else {
				parts = append(parts, Part{Kind: kind, Name: name, Start: from, End: e.at})
			}
			from = e.at
		}
		active[e.kind] += e.step
	}
	return parts
}
