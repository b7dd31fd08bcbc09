package livepage

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
)

// document is what readers get: everything, or what is new since an earlier one. Functions and totals are always whole.
type document struct {
	Instance  string           `json:"instance"` // another one after a restart: begin anew
	Seq       uint64           `json:"seq"`
	Since     uint64           `json:"since"` // requests and problems before it are left out; 0 for none
	Title     string           `json:"title"`
	Facts     []waterfall.Fact `json:"facts"`
	Started   time.Time        `json:"started"`
	Now       time.Time        `json:"now"`
	Totals    totalFacts       `json:"totals"`
	Functions []functionFacts  `json:"functions"`
	Requests  []requestFacts   `json:"requests"` // oldest first
	Problems  []problem        `json:"problems"` // oldest first
	Prices    []price.Price    `json:"prices"`
	Region    string           `json:"price_region"`

	running bool // a request is under way
}

type totalFacts struct {
	counts
	States map[simulator.EnvironmentState]int `json:"environments"`
	Usage  price.Usage                        `json:"usage"`
	USD    map[string]float64                 `json:"usd"` // by architecture
}

type functionFacts struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	MemoryMB int    `json:"memory_mb"`
	counts
	States       map[simulator.EnvironmentState]int `json:"states"`
	Environments []environmentFacts                 `json:"environments"`
	Unlisted     int                                `json:"environments_unlisted"`
	MedianMS     float64                            `json:"median_ms"` // of the latest invocations
	LongestMS    float64                            `json:"longest_ms"`
	MemoryBytes  int64                              `json:"most_memory_bytes"`
	Usage        price.Usage                        `json:"usage"`
	USD          map[string]float64                 `json:"usd"`
}

type environmentFacts struct {
	Number      int64                      `json:"number"` // counted from 1 for each function
	Stream      string                     `json:"log_stream"`
	State       simulator.EnvironmentState `json:"state"`
	Since       time.Time                  `json:"since"`
	Invocations int64                      `json:"invocations"`
	MemoryBytes int64                      `json:"most_memory_bytes"`
}

type requestFacts struct {
	Number    uint64          `json:"number"`
	Function  string          `json:"function"`
	Role      string          `json:"role"`
	RequestID string          `json:"request_id"`
	TraceID   string          `json:"trace_id"`
	Begun     time.Time       `json:"begun"`
	State     string          `json:"state"` // running, ok, failed, throttled or refused
	Calls     int             `json:"calls"` // of other functions
	Cold      int             `json:"cold_starts"`
	Errors    int             `json:"errors"` // throttles included
	Chart     waterfall.Chart `json:"chart"`
}

// document gathers what is new since a sequence number, and a channel that is closed at the next change.
func (p *Page) document(since uint64) (document, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Now()
	d := document{Instance: p.instance, Seq: p.seq, Since: since, Title: p.cfg.Title, Facts: p.cfg.Facts, Started: p.started, Now: now,
		Totals:    totalFacts{counts: p.counted, States: map[simulator.EnvironmentState]int{}},
		Functions: []functionFacts{}, Requests: []requestFacts{}, Problems: []problem{}, Prices: price.Table(), Region: price.Region}
	for _, f := range p.order {
		facts := f.facts()
		d.Functions = append(d.Functions, facts)
		for state, n := range facts.States {
			d.Totals.States[state] += n
		}
		d.Totals.Usage = d.Totals.Usage.Plus(f.usage)
	}
	d.Totals.USD = dollars(d.Totals.Usage)
	for _, r := range p.requests {
		running := r.running()
		d.running = d.running || running
		if r.seq > since || running {
			d.Requests = append(d.Requests, p.facts(r, now))
		}
	}
	for _, q := range p.problems {
		if q.seq > since {
			d.Problems = append(d.Problems, q)
		}
	}
	return d, p.changed
}

func dollars(u price.Usage) map[string]float64 {
	return map[string]float64{price.X86: u.USD(price.X86), price.ARM: u.USD(price.ARM)}
}

func (f *function) facts() functionFacts {
	facts := functionFacts{Name: f.Name, Role: f.Role, MemoryMB: f.MemoryMB, counts: f.counts, States: map[simulator.EnvironmentState]int{},
		Environments: []environmentFacts{}, LongestMS: milliseconds(f.longest), MemoryBytes: f.memory, Usage: f.usage, USD: dollars(f.usage)}
	if len(f.durations) > 0 {
		sorted := slices.Sorted(slices.Values(f.durations))
		facts.MedianMS = milliseconds(sorted[len(sorted)/2])
	}
	for _, e := range f.environments {
		facts.States[e.state]++
		facts.Environments = append(facts.Environments, environmentFacts{e.number, e.stream, e.state, e.since, e.invocations, e.memory})
	}
	slices.SortFunc(facts.Environments, func(a, b environmentFacts) int { return cmp.Compare(a.Number, b.Number) })
	if over := len(facts.Environments) - maxEnvironments; over > 0 {
		facts.Environments, facts.Unlisted = facts.Environments[:maxEnvironments], over
	}
	return facts
}

// facts describes a request; p.mu is held.
func (p *Page) facts(r *request, now time.Time) requestFacts {
	first := r.calls[0]
	f := requestFacts{Number: r.number, Function: first.function, Role: p.function(first.function).Role, RequestID: first.id, TraceID: r.trace,
		Begun: first.begun, State: "ok", Calls: len(r.calls) - 1 + r.omitted, Chart: p.chart(r, now)}
	for _, k := range r.calls {
		if k.cold {
			f.Cold++
		}
		if k.errorType != "" {
			f.Errors++
		}
	}
	switch {
	case r.running():
		f.State = "running"
	case first.phase == simulator.InvocationRefused && first.errorType == "TooManyRequestsException":
		f.State = "throttled"
	case first.phase == simulator.InvocationRefused:
		f.State = "refused"
	case first.errorType != "":
		f.State = "failed"
	}
	return f
}
