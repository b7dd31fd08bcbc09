package coordinator

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Report says who did what when during one request. Times are microseconds since its start, on the coordinator's clock;
// Load, Compute and Total of an attempt are the shard's own measurements. It is complete also when the request failed.
type Report struct {
	Request   string    `json:"request"`
	Mode      string    `json:"mode"`
	Start     time.Time `json:"start"`
	TotalUS   int64     `json:"total_us"`
	Rows      int       `json:"rows"`       // of the request; 0 when the model has no batch dimension
	BlockRows int       `json:"block_rows"` // greatest number of rows per block; 0 when rows are not cut
	Blocks    int       `json:"blocks"`
	Attempts  []Attempt `json:"attempts"` // by step, block, shard, attempt
	Locals    []Local   `json:"locals"`   // by step, block
	Merges    []Local   `json:"merges"`   // by step, block: from the arrival of a stage's last partials to its values
	Omitted   int       `json:"omitted"`  // attempts and locals left out of a reply for size

	// Spared lists, by step, block and shard, the shards of stages that were not asked because nothing was routed to them.
	Spared []Spared `json:"spared,omitempty"`

	// Leftovers counts the request's objects in the store that could not be removed; LeftoverError is the first reason.
	Leftovers     int    `json:"leftovers,omitempty"`
	LeftoverError string `json:"leftover_error,omitempty"`
}

// Attempt is one invocation of a shard. Outcome is "ok" or the name of the error's kind.
type Attempt struct {
	Step         string `json:"step"`
	Block        int    `json:"block"`
	Shard        int    `json:"shard"`
	Attempt      int    `json:"attempt"` // from 1
	Function     string `json:"function"`
	StartUS      int64  `json:"start_us"`
	EndUS        int64  `json:"end_us"`
	LoadUS       int64  `json:"load_us"`
	ComputeUS    int64  `json:"compute_us"`
	TotalUS      int64  `json:"shard_us"`
	Cold         bool   `json:"cold"`
	RequestBytes int    `json:"request_bytes"`
	ReplyBytes   int    `json:"reply_bytes"`
	RequestID    string `json:"request_id"` // the service's, for finding logs
	Version      string `json:"version"`    // executed version
	Outcome      string `json:"outcome"`

	// Tensors that went by reference, in bytes of their objects, beside the bytes of the messages above; 0: in the message.
	RequestRefBytes int64 `json:"request_ref_bytes,omitempty"`
	ReplyRefBytes   int64 `json:"reply_ref_bytes,omitempty"`

	Error string `json:"error,omitempty"`

	order int // of the step in the plan
}

// Spared is a shard that a stage did not ask: no number or row of the block belongs to it.
type Spared struct {
	Step  string `json:"step"`
	Block int    `json:"block"`
	Shard int    `json:"shard"`

	order int // of the step in the plan
}

const outcomeOK = "ok"

// Local is work of the coordinator itself: one run of a local program, or the end of one merge.
type Local struct {
	Step    string `json:"step"`
	Block   int    `json:"block"`
	StartUS int64  `json:"start_us"`
	EndUS   int64  `json:"end_us"`

	order int
}

// Retried counts the attempts beyond each shard's first.
func (r *Report) Retried() int {
	n := 0
	for _, a := range r.Attempts {
		if a.Attempt > 1 {
			n++
		}
	}
	return n
}

// maxErrorText bounds an attempt's error in the report; the request's own error has the whole text.
const maxErrorText = 300

// maxReported is how many attempts a reply's report holds: some 300 KB of text, against 6 MB for the reply.
const maxReported = 1000

// abridged keeps at most limit attempts and as many locals: those of the first blocks, and every failed attempt among the
// first limit ones of those.
func (r *Report) abridged(limit int) *Report {
	if len(r.Attempts) <= limit && len(r.Locals) <= limit && len(r.Merges) <= limit && len(r.Spared) <= limit {
		return r
	}
	short := *r
	short.Attempts, short.Locals, short.Merges = nil, r.Locals[:min(len(r.Locals), limit)], r.Merges[:min(len(r.Merges), limit)]
	short.Spared = r.Spared[:min(len(r.Spared), limit)]
	failed := 0
	for _, a := range r.Attempts {
		if a.Outcome != outcomeOK {
			failed++
		}
	}
	room := limit - min(failed, limit)
	for _, a := range r.Attempts {
		switch {
		case len(short.Attempts) == limit:
		case a.Outcome != outcomeOK:
			short.Attempts = append(short.Attempts, a)
		case room > 0:
			room--
			short.Attempts = append(short.Attempts, a)
		}
	}
	short.Omitted = len(r.Attempts) - len(short.Attempts) + len(r.Locals) - len(short.Locals) + len(r.Spared) - len(short.Spared)
	return &short
}

// recorder collects a report from several goroutines.
type recorder struct {
	now   func() time.Time
	start time.Time

	mu     sync.Mutex // guards report
	report Report
}

func newRecorder(now func() time.Time) *recorder {
	start := now()
	return &recorder{now: now, start: start, report: Report{Start: start, Attempts: []Attempt{}, Locals: []Local{}, Merges: []Local{}}}
}

// us is the time since the start in microseconds.
func (r *recorder) us() int64 { return r.now().Sub(r.start).Microseconds() }

func (r *recorder) attempt(a Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Attempts = append(r.report.Attempts, a)
}

func (r *recorder) local(l Local) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Locals = append(r.report.Locals, l)
}

func (r *recorder) merge(l Local) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Merges = append(r.report.Merges, l)
}

func (r *recorder) spare(s Spared) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Spared = append(r.report.Spared, s)
}

// finish sorts what was recorded in order of arrival. No goroutine may record any more.
func (r *recorder) finish() Report {
	slices.SortFunc(r.report.Attempts, func(a, b Attempt) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Block, b.Block), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Attempt, b.Attempt))
	})
	byBlock := func(a, b Local) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Block, b.Block)) }
	slices.SortFunc(r.report.Locals, byBlock)
	slices.SortFunc(r.report.Merges, byBlock)
	slices.SortFunc(r.report.Spared, func(a, b Spared) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Block, b.Block), cmp.Compare(a.Shard, b.Shard))
	})
	r.report.TotalUS = r.us()
	return r.report
}
