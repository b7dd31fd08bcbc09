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

	seq     uint64 // of its latest change
	running bool
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

// facts describes a copy of a request; functions are those that there are.
func (r *request) facts(functions []*function, now time.Time) requestFacts {
	first := r.calls[0]
	f := requestFacts{Number: r.number, Function: first.function, RequestID: first.id, TraceID: r.trace,
		Begun: first.begun, State: "ok", Calls: len(r.calls) - 1 + r.omitted, Chart: r.chart(functions, now), seq: r.seq, running: r.running()}
	if i := slices.IndexFunc(functions, func(fn *function) bool { return fn.Name == first.function }); i >= 0 {
		f.Role = functions[i].Role
	}
	for _, k := range r.calls {
		if k.cold {
			f.Cold++
		}
		if k.errorType != "" {
			f.Errors++
		}
	}
	switch {
	case f.running:
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
