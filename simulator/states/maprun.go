package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator/states/internal/run"
	"github.com/shardwise/shardwise/simulator/states/internal/store"
)

// counts are what DescribeMapRun tells of items or of child executions.
type counts struct {
	Pending        int64 `json:"pending"`
	Running        int64 `json:"running"`
	Succeeded      int64 `json:"succeeded"`
	Failed         int64 `json:"failed"`
	TimedOut       int64 `json:"timedOut"`
	Aborted        int64 `json:"aborted"`
	Total          int64 `json:"total"`
	ResultsWritten int64 `json:"resultsWritten"`
}

// of is the counter of a status.
func (c *counts) of(status string) *int64 {
	switch status {
	case succeeded:
		return &c.Succeeded
	case failed:
		return &c.Failed
	case timedOut:
		return &c.TimedOut
	case aborted:
		return &c.Aborted
	case running:
		return &c.Running
	}
	return &c.Pending
}

// mapRun is a Map Run as it is kept. Fields but the constant ones are guarded by the server's lock.
type mapRun struct {
	ARN            string     `json:"arn"`
	Execution      string     `json:"execution"`
	Machine        string     `json:"machine"` // name of the children's, with the label
	MachineARN     string     `json:"machineArn"`
	Processor      string     `json:"processor"`
	Type           string     `json:"type"` // of the children
	Status         string     `json:"status"`
	Start          time.Time  `json:"start"`
	Stop           time.Time  `json:"stop,omitzero"`
	MaxConcurrency int64      `json:"maxConcurrency"`
	Count          int64      `json:"toleratedCount"`
	Percentage     float64    `json:"toleratedPercentage"`
	Redrives       int        `json:"redrives,omitempty"`
	Redriven       time.Time  `json:"redriven,omitzero"`
	Seen           int        `json:"seen,omitempty"`    // redrives of the execution that the Map Run has taken part in
	Round          int        `json:"round,omitempty"`   // how often it was begun again: children that failed before are run again
	Spooled        bool       `json:"spooled,omitempty"` // all children's inputs are kept
	Items          counts     `json:"items"`
	Children       counts     `json:"children"`
	Fault          *run.Fault `json:"fault,omitempty"`

	call    *run.MapCall
	changed sync.Cond // on the server's lock: a child ended, or a limit was changed
}

// mapRuns runs the Map Runs of one execution.
type mapRuns struct {
	s  *Server
	ex *execution
}

// space makes the ids of Map Runs and children repeat after a restart.
var space = uuid.NameSpaceOID

// Open makes a Map Run, or finds it again after a restart or for a redrive.
func (r *mapRuns) Open(call *run.MapCall) (string, int, error) {
	s, ex := r.s, r.ex
	id := uuid.NewSHA1(space, []byte(ex.ARN+"\x00"+call.ID))
	label := call.State.Distributed.Label
	if label == "" {
		label = uuid.NewSHA1(space, []byte(ex.MachineARN+"\x00"+call.State.ProcessorAddress)).String()
	}
	name, _, _ := strings.Cut(ex.Machine, "/")
	name += "/" + label
	arn := s.arn("mapRun", name+":"+id.String())
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mapRuns[arn]
	switch {
	case m == nil:
		m = &mapRun{ARN: arn, Execution: ex.ARN, Machine: name, MachineARN: s.arn("stateMachine", name), Processor: call.State.ProcessorAddress,
			Type: standard, Status: running, Start: time.Now(), MaxConcurrency: call.MaxConcurrency, Count: call.Count, Percentage: call.Percentage}
		if call.State.Distributed.Express {
			m.Type = express
		}
		s.mapRuns[arn] = m
	case (m.Status == aborted || m.Status == failed) && ex.Redrives > m.Seen:
		if m.Redrives >= maxRedrives {
			return "", 0, &run.Fault{Name: run.ErrRuntime, Cause: fmt.Sprintf("The Map Run has exceeded the maximum number of redrives, %d.", maxRedrives)}
		}
		m.Redrives++
		m.Redriven = time.Now()
		m.reopen()
	case m.Status == aborted: // and the process died before the execution knew
		m.reopen()
	}
	m.call, m.changed.L, m.Seen = call, &s.mu, ex.Redrives
	return arn, m.Redrives, s.db.Write(put(inMapRuns, arn, m))
}

// reopen lets a Map Run go on. The caller holds the lock.
func (m *mapRun) reopen() {
	m.Status, m.Stop, m.Fault = running, time.Time{}, nil
	m.Round++
}

// Run reads the items unless that was done, runs the children that have no successful result, and makes the Map's result.
func (r *mapRuns) Run(ctx context.Context, arn string) (any, error) {
	s := r.s
	s.mu.Lock()
	m := s.mapRuns[arn]
	over := m.Status == failed // it had failed before a restart that came before the execution knew
	s.mu.Unlock()
	if over {
		return nil, m.Fault
	}
	err := s.spool(ctx, r.ex, m)
	if err == nil {
		err = s.runChildren(ctx, r.ex, m)
	}
	var result any
	if f := (*run.Fault)(nil); err == nil {
		result, err = s.collect(ctx, m)
	} else if w := m.call.State.Distributed.Writer; errors.As(err, &f) && m.Spooled && w != nil && w.Parameters != nil {
		_, written := s.export(ctx, m, w) // a Map Run that failed leaves its results too
		err = errors.Join(err, written)
	}
	return result, errors.Join(err, s.endMapRun(ctx, m, err))
}

// endMapRun keeps how a Map Run ended; nothing when the server closes.
func (s *Server) endMapRun(ctx context.Context, m *mapRun, err error) error {
	var f *run.Fault
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		m.Status = succeeded
	case errors.As(err, &f):
		m.Status, m.Fault = failed, f
	case errors.Is(context.Cause(ctx), run.ErrHalt):
		return nil
	default:
		m.Status = aborted
	}
	m.Stop, m.call = time.Now(), nil
	return s.db.Write(put(inMapRuns, m.ARN, m))
}

// child is what is kept of a child that ended.
type child struct {
	ARN      string          `json:"arn"`
	Name     string          `json:"name"`
	Status   string          `json:"status"`
	Output   json.RawMessage `json:"output,omitempty"`
	Error    string          `json:"error,omitempty"`
	Cause    string          `json:"cause,omitempty"`
	Start    time.Time       `json:"start"`
	Stop     time.Time       `json:"stop"`
	Redrives int             `json:"redrives,omitempty"`
	Round    int             `json:"round,omitempty"` // of the Map Run in which it ended
}

func childResult(ex *execution, r result) *child {
	return &child{ARN: ex.ARN, Name: ex.Name, Status: r.status, Output: r.output, Error: r.name, Cause: r.cause, Start: ex.Start, Stop: ex.Stop, Redrives: ex.Redrives, Round: ex.Round}
}

// unit is the input of a child, and how many items it has.
type unit struct {
	Input json.RawMessage `json:"input"`
	Items int64           `json:"items"`
}

// recount sets a Map Run's counters from what is kept, and returns the children that need not run: those that ended well,
// ended in this round, or are STANDARD and can no longer be redriven.
func (s *Server) recount(m *mapRun) (map[int64]bool, error) {
	ended := map[int64]child{}
	var bad error
	prefix := below(m.ARN, "")
	err := s.db.Scan(inResults, prefix, "", func(key string, v []byte) bool {
		var c child
		var i int64
		_, bad = fmt.Sscanf(strings.TrimPrefix(key, prefix), "%d", &i)
		bad = errors.Join(bad, json.Unmarshal(v, &c))
		c.Output = nil
		ended[i] = c
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	s.mu.Lock()
	for i, c := range ended {
		if c.Status != succeeded && c.Round != m.Round && s.canRunAgain(c) {
			delete(ended, i)
		}
	}
	s.mu.Unlock()
	items, children := counts{}, counts{}
	done := make(map[int64]bool, len(ended))
	i := int64(0)
	err = s.db.Scan(inItems, prefix, "", func(_ string, v []byte) bool {
		var u unit
		bad = json.Unmarshal(v, &u)
		status := ended[i].Status
		done[i] = status != ""
		*children.of(status)++
		*items.of(status) += u.Items
		children.Total++
		items.Total += u.Items
		i++
		return bad == nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Items, m.Children = items, children
	return done, errors.Join(err, bad)
}

// canRunAgain says whether a child that ended without success may run again: an EXPRESS one always, a STANDARD one when it
// can be redriven. The caller holds the lock.
func (s *Server) canRunAgain(c child) bool {
	ex := s.executions[c.ARN]
	if ex == nil || ex.Status == running { // or it runs again already
		return true
	}
	status, _ := ex.redriveStatus()
	return status == redrivableByMap
}

// exceeded says whether more items failed than a Map Run tolerates. The caller holds the lock.
func (m *mapRun) exceeded() bool {
	bad := m.Items.Failed + m.Items.TimedOut + m.Items.Aborted
	if bad == 0 {
		return false
	}
	if m.Count == 0 && m.Percentage == 0 {
		return true
	}
	byCount := m.Count > 0 && bad > m.Count
	byShare := m.Percentage > 0 && float64(bad)*100 > m.Percentage*float64(m.Items.Total)
	return byCount || byShare
}

// width is how many children may run at once. The caller holds the lock.
func (m *mapRun) width() int64 {
	if m.MaxConcurrency == 0 {
		return maxChildren
	}
	return int64(math.Min(float64(m.MaxConcurrency), maxChildren))
}

// clear removes what an earlier attempt to read the items left.
func (s *Server) clear(m *mapRun) error {
	return s.db.Write(store.Op{Bucket: inItems, Key: below(m.ARN, ""), Prefix: true})
}
