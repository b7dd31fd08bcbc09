package run

import (
	"context"
	"encoding/json"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/expr"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
)

// Point is the place of one branch of an execution: the state that it is in, and how far that has come.
type Point struct {
	State    string          `json:"state"`
	Input    json.RawMessage `json:"input"`
	Prev     int64           `json:"prev"`              // the branch's last event
	Entered  int64           `json:"entered,omitempty"` // event of entering the state; 0 before
	Since    time.Time       `json:"since,omitzero"`    // when it was entered
	Begun    int64           `json:"begun,omitempty"`   // event by which a task, a map or a parallel began; 0 before
	Visits   int             `json:"visits,omitempty"`  // states entered so far, and retries: names a Map Run
	Attempts []int64         `json:"attempts,omitempty"`
	Wake     time.Time       `json:"wake,omitzero"` // end of a wait, or of the pause before a retry
	MapRun   string          `json:"mapRun,omitempty"`
	Redriven int             `json:"redriven,omitempty"` // redrives of the Map Run that have their event
	Aborted  bool            `json:"aborted,omitempty"`  // the end of the Map Run has its events
	Done     bool            `json:"done,omitempty"`     // the branch ended with Input as its output
	Noted    bool            `json:"noted,omitempty"`
	Failed   *Fault          `json:"failed,omitempty"`

	keep int64 // what Prev is to be after the next commit, whatever that writes; 0 for its last event
}

// pending as a Point's Entered or Begun stands for the last event that is being committed with the point.
const pending = -1

// Settle tells a point the number of the last event that was committed with it. A Journal calls it before it keeps the point.
func (p *Point) Settle(last int64) {
	if p.Prev = last; p.keep != 0 {
		p.Prev, p.keep = p.keep, 0
	}
	if p.Entered == pending {
		p.Entered = last
	}
	if p.Begun == pending {
		p.Begun = last
	}
}

// anew lets the state's work begin again.
func (p *Point) anew() { p.Begun, p.MapRun, p.Redriven, p.Aborted = 0, "", 0, false }

// Redrive makes a point that was left by a failed or aborted execution ready to go on: its retries begin anew, and a task
// is called again. It reports whether the state is rerun as a whole, so that points below it are to be removed: a Parallel
// or a Map that failed because its result was too large, and a Map in DISTRIBUTED mode that failed with States.Runtime.
func (p *Point) Redrive(st *asl.State) (rerun bool) {
	failed := p.Failed
	p.Failed, p.Attempts, p.Noted, p.Aborted = nil, nil, false, false
	if st.Type != "Wait" {
		p.Wake = time.Time{}
	}
	switch {
	case st.Type == "Task":
		p.Begun = 0
	case failed != nil && hasBranches(st) && (failed.Name == ErrDataLimit || failed.Name == ErrRuntime && st.Distributed != nil):
		p.anew()
		p.Visits++ // another Map Run
		return true
	}
	return false
}

// Journal keeps points and events. Its methods are called concurrently by the branches of one execution.
type Journal interface {
	// Load returns a point that was kept before a restart or a redrive, nil when the branch is new.
	Load(key string) *Point
	// Commit numbers the events, settles p with the last of them, and keeps p under key together with them; drop
	// removes all points below key as well. A Fault says that the history is full.
	Commit(key string, p *Point, drop bool, events ...history.Event) error
}

// Item is what $$.Map.Item means.
type Item struct {
	Index int
	Value any
}

// MapRuns runs Maps in DISTRIBUTED mode.
type MapRuns interface {
	// Open makes the Map Run of a call, or finds it again. redriven is how often it was redriven. A Fault says that it
	// cannot be redriven once more.
	Open(call *MapCall) (arn string, redriven int, err error)
	// Run runs it to its end. The error is a Fault, or the context's cause.
	Run(ctx context.Context, arn string) (result any, err error)
}

// MapCall is one entry into a Map in DISTRIBUTED mode.
type MapCall struct {
	State          *asl.State
	ID             string // unique in the execution, the same after a restart
	Env            expr.Env
	Context        func(item Item) func() map[string]any
	MaxConcurrency int64
	Count          int64
	Percentage     float64
}

// LambdaRequest is a call of Lambda's Invoke.
type LambdaRequest struct {
	Function       string // name or ARN
	Qualifier      string
	InvocationType string
	ClientContext  string
	LogType        string
	Payload        []byte
}

// LambdaResponse is Lambda's answer as it came over HTTP.
type LambdaResponse struct {
	Status int
	Header map[string][]string
	Body   []byte
}

// Lambda calls functions. The error is that no answer came; an answer of any status is none.
type Lambda interface {
	Invoke(ctx context.Context, r *LambdaRequest) (*LambdaResponse, error)
}
