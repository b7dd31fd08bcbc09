package cli

import (
	"time"

	"github.com/shardwise/shardwise/internal/cli/compare"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
)

// runFacts is what predict and verify tell of a run, to programs as it stands and to people in lines.
type runFacts struct {
	Command      string          `json:"command"`
	Model        *splitFacts     `json:"model"`
	Mode         string          `json:"mode"`
	Outputs      []string        `json:"outputs"`
	Rows         int64           `json:"rows"`
	piece        bool            // the model's rows are not independent: one request has all
	Output       string          `json:"output,omitempty"`
	Trace        string          `json:"trace,omitempty"`
	Seconds      float64         `json:"seconds"`             // the whole command
	ServeSeconds float64         `json:"serve_seconds"`       // from the first request to the last answer
	Requests     int             `json:"requests"`            // to the coordinator
	Blocks       int             `json:"blocks"`              // of rows, over all requests
	Calls        int             `json:"calls"`               // of shards
	Spared       int             `json:"calls_spared"`        // calls of shards that no row was routed to
	ColdStarts   int             `json:"cold_starts"`         // of shards
	Retries      int             `json:"retries"`             // of shards, by the coordinator
	Repeated     int             `json:"coordinator_retries"` // of the coordinator, after it broke or was not reached
	Processes    int             `json:"processes"`
	Bytes        byteFacts       `json:"bytes"`
	Functions    []functionFacts `json:"functions"`
	Lanes        []laneFacts     `json:"lanes"`
	Omitted      int             `json:"omitted,omitempty"` // calls that calls, lanes and bytes leave out, because there were too many to report
	Faults       []ruleFacts     `json:"faults,omitempty"`  // what the rules of --faults did
	Comparisons  []comparison    `json:"comparisons,omitempty"`
	Within       *bool           `json:"within,omitempty"` // all comparisons; absent when there was none
}

// byteFacts are payload sizes as they went over the wire.
type byteFacts struct {
	CoordinatorRequests int64 `json:"coordinator_requests"`
	CoordinatorReplies  int64 `json:"coordinator_replies"`
	ShardRequests       int64 `json:"shard_requests"`
	ShardReplies        int64 `json:"shard_replies"`
}

// functionFacts is one function of the deployment.
type functionFacts struct {
	Name      string `json:"name"`
	Processes int    `json:"processes"`
	local.Bill
}

// laneFacts is what one shard (or, with shard -1, the coordinator's own program) did in one step.
type laneFacts struct {
	Step      string         `json:"step"`
	Shard     int            `json:"shard"`
	Function  string         `json:"function,omitempty"`
	Calls     int            `json:"calls"`
	Failed    int            `json:"failed"`
	Outcomes  map[string]int `json:"failures,omitempty"` // kind of error -> failed calls
	Cold      int            `json:"cold"`
	FirstUS   int64          `json:"first_us"` // start of the first call, from the first request on
	LastUS    int64          `json:"last_us"`  // end of the last one
	LongestUS int64          `json:"longest_us"`
	ComputeUS int64          `json:"compute_us"`
}

// comparison is a comparison with one reference.
type comparison struct {
	With    string           `json:"with"`
	File    bool             `json:"-"` // With is a file of expected values
	Mode    string           `json:"mode"`
	Results []compare.Result `json:"results"`
}

func (c *comparison) within() bool {
	for _, r := range c.Results {
		if !r.Within {
			return false
		}
	}
	return len(c.Results) > 0
}

// fill takes over what the account and the deployment know. began is when the command began.
func (f *runFacts) fill(c *account, d *local.Deployment, began time.Time) {
	f.piece = d.Manifest.Signature.Rows == manifest.RowsNone
	f.Mode, f.Rows, f.Requests, f.Blocks, f.Omitted, f.Spared = c.mode, c.rows, c.requests, c.blocks, c.omitted, c.spared
	f.Repeated = c.coordinator.retries
	f.Seconds, f.ServeSeconds = time.Since(began).Seconds(), c.elapsed().Seconds()
	f.Bytes.CoordinatorRequests, f.Bytes.CoordinatorReplies = c.requestBytes, c.replyBytes
	for _, k := range c.ordered() {
		l := c.lanes[k]
		lf := laneFacts{Step: k.step, Shard: k.shard, Function: l.function, Calls: l.count, Failed: l.failed, Outcomes: l.outcomes,
			Cold: l.cold, LongestUS: l.longestUS, ComputeUS: l.computeUS}
		for i, s := range l.calls {
			if i == 0 || s.Start.Microseconds() < lf.FirstUS {
				lf.FirstUS = s.Start.Microseconds()
			}
			lf.LastUS = max(lf.LastUS, s.End.Microseconds())
		}
		f.Lanes = append(f.Lanes, lf)
		if k.shard >= 0 {
			f.Calls += l.count
			f.ColdStarts += l.cold
			f.Retries += l.retries
			f.Bytes.ShardRequests += l.requestBytes
			f.Bytes.ShardReplies += l.replyBytes
		}
	}
	f.Faults = rulesOf(d)
	processes, bills := d.Processes(), d.Bills()
	for _, fn := range d.Functions {
		f.Functions = append(f.Functions, functionFacts{fn.Name, processes[fn.Name], bills[fn.Name]})
		f.Processes += processes[fn.Name]
	}
}

// judge enters the comparisons and their common verdict.
func (f *runFacts) judge(list []comparison) {
	f.Comparisons = append(f.Comparisons, list...)
	if len(f.Comparisons) == 0 {
		return
	}
	ok := true
	for i := range f.Comparisons {
		ok = ok && f.Comparisons[i].within()
	}
	f.Within = &ok
}
