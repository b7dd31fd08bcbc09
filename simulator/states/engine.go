package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/run"
	"github.com/shardwise/shardwise/simulator/states/internal/store"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// errTimedOut is the cause by which an execution is cancelled when its time is over.
var errTimedOut = errors.New("the execution timed out")

// stopped is the cause by which StopExecution, or the end of its Map Run, cancels an execution.
type stopped struct {
	Name  string `json:"name,omitempty"`
	Cause string `json:"cause,omitempty"`
}

func (*stopped) Error() string { return "the execution was stopped" }

// launch keeps a new execution and runs it in the background. The caller holds the lock.
func (s *Server) launch(ex *execution, input []byte) error {
	if s.closed {
		return run.ErrHalt
	}
	if !ex.sync {
		if err := s.db.Write(put(inExecutions, ex.ARN, ex), store.Op{Bucket: inData, Key: below(ex.ARN, "input"), Value: input}); err != nil {
			return err
		}
		s.executions[ex.ARN] = ex
		if ex.Type == standard {
			s.order = append(s.order, ex)
		}
	}
	return s.resume(ex, input)
}

// resume runs an execution in the background, from where it was. The caller holds the lock.
func (s *Server) resume(ex *execution, input []byte) error {
	if s.closed {
		return run.ErrHalt
	}
	ctx, end := s.arm(s.ctx, ex)
	s.running.Go(func() {
		defer end()
		s.execute(ctx, ex, input)
	})
	return nil
}

// arm makes an execution one that can be stopped until end is called; it is stopped at once when that was asked before.
// The caller holds the lock.
func (s *Server) arm(parent context.Context, ex *execution) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(parent)
	done := make(chan struct{})
	ex.cancel, ex.done = cancel, done
	if ex.Stopping != nil {
		cancel(ex.Stopping)
	}
	return ctx, func() {
		cancel(nil)
		close(done)
	}
}

// result is how an execution ended.
type result struct {
	status      string
	output      []byte
	name, cause string
}

// execute runs an execution to its end, and keeps that. It reports whether there was an end: not when the server closes.
func (s *Server) execute(ctx context.Context, ex *execution, input []byte) (result, bool) {
	j, err := s.openJournal(ex)
	var out any
	if err == nil {
		out, err = s.interpret(ctx, ex, j, input)
	}
	r, ok := outcome(ctx, out, err)
	if !ok {
		return r, false
	}
	return r, s.finish(ex, j, r) == nil
}

// interpret runs the machine of an execution.
func (s *Server) interpret(ctx context.Context, ex *execution, j *journal, input []byte) (any, error) {
	m, err := s.compile(ex.Digest, ex.Type, ex.Processor)
	if err != nil {
		return nil, err
	}
	v, err := value.Decode(input)
	if err != nil {
		return nil, fmt.Errorf("input of %s: %w", ex.ARN, err)
	}
	if j.last == 0 {
		ops := j.end(history.Started(string(input), ex.Role))
		s.mu.Lock()
		ex.LastEvent = j.last
		ops = append(ops, s.keep(ex)...)
		s.mu.Unlock()
		if err := s.db.Write(ops...); err != nil {
			return nil, err
		}
		if ex.Type == express {
			j.last = 1
		}
	}
	ctx, cancel := deadline(ctx, ex, m)
	defer cancel()
	r := &run.Runner{Journal: j, Lambda: s.cfg.Lambda, Maps: &mapRuns{s, ex}, Region: s.cfg.Region, Draw: s.draw,
		Execution: map[string]any{"Id": ex.ARN, "Input": v, "Name": ex.Name, "RoleArn": ex.Role, "StartTime": history.Stamp(ex.Start), "RedriveCount": int64(ex.Redrives)},
		Machine:   map[string]any{"Id": ex.MachineARN, "Name": ex.Machine}}
	if ex.Redrives > 0 {
		r.Execution["RedriveTime"] = history.Stamp(ex.Redriven)
	}
	return r.Run(ctx, m, v, 0)
}

// deadline bounds an execution by its machine's TimeoutSeconds, and an Express one by five minutes.
func deadline(ctx context.Context, ex *execution, m *asl.Machine) (context.Context, context.CancelFunc) {
	limit := time.Duration(0)
	if m.TimeoutSeconds > 0 {
		limit = time.Duration(m.TimeoutSeconds) * time.Second
	}
	if ex.Type == express && (limit == 0 || limit > expressTimeout) {
		limit = expressTimeout
	}
	if limit == 0 {
		return ctx, func() {}
	}
	from := ex.Start
	if ex.Redriven.After(from) {
		from = ex.Redriven
	}
	return context.WithDeadlineCause(ctx, from.Add(limit), errTimedOut)
}

// outcome says how an execution ended; ok is false when it did not.
func outcome(ctx context.Context, out any, err error) (r result, ok bool) {
	var f *run.Fault
	var stop *stopped
	switch {
	case err == nil:
		return result{status: succeeded, output: value.Encode(out)}, true
	case errors.Is(context.Cause(ctx), run.ErrHalt):
		return result{}, false
	case errors.As(err, &stop):
		return result{status: aborted, name: stop.Name, cause: stop.Cause}, true
	case errors.Is(err, errTimedOut):
		return result{status: timedOut}, true
	case errors.As(err, &f):
		return result{status: failed, name: f.Name, cause: f.Cause}, true
	}
	// The store or a record is broken; the execution must not run for ever.
	return result{status: failed, name: run.ErrRuntime, cause: err.Error()}, true
}

// lastEvent is the event of an end.
func (r result) lastEvent() history.Event {
	switch r.status {
	case succeeded:
		return history.Succeeded(string(r.output))
	case failed:
		return history.Failed(r.name, r.cause)
	case timedOut:
		return history.TimedOut(r.name, r.cause)
	}
	return history.Aborted(r.name, r.cause)
}

// finish keeps the end of an execution: its last event, its record and its output, and of a child the result, at once.
func (s *Server) finish(ex *execution, j *journal, r result) error {
	if r.status != succeeded {
		if err := s.abandon(ex); err != nil {
			return err
		}
	}
	ops := j.end(r.lastEvent())
	if r.status == succeeded {
		ops = append(ops, store.Op{Bucket: inPoints, Key: below(ex.ARN, ""), Prefix: true})
		if !ex.sync && ex.Type == standard {
			ops = append(ops, store.Op{Bucket: inData, Key: below(ex.ARN, "output"), Value: r.output})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ex.Status, ex.Stop, ex.Error, ex.Cause, ex.output, ex.Stopping = r.status, time.Now(), r.name, r.cause, nil, nil
	ex.LastEvent = max(j.last, 1)
	if ex.Type == express {
		ex.output = r.output
	}
	if ex.MapRun != "" {
		ops = append(ops, put(inResults, below(ex.MapRun, number(ex.Index)), childResult(ex, r)))
	}
	if ex.Type == express && ex.MapRun == "" { // it is not listed, and cannot be described
		delete(s.executions, ex.ARN)
		ops = append(ops, store.Op{Bucket: inExecutions, Key: ex.ARN}, store.Op{Bucket: inData, Key: below(ex.ARN, ""), Prefix: true})
	} else {
		ops = append(ops, s.keep(ex)...)
	}
	return s.db.Write(ops...)
}

// keep makes the operation that keeps an execution's record. Synchronous executions and Express children have none.
func (s *Server) keep(ex *execution) []store.Op {
	if ex.sync || ex.Type == express && ex.MapRun != "" {
		return nil
	}
	return []store.Op{put(inExecutions, ex.ARN, ex)}
}

// restore reads the store and resumes what was running. Children are resumed by their Map Runs.
func (s *Server) restore() error {
	var bad error
	load := func(bucket string, read func(v []byte) error) error {
		err := s.db.Scan(bucket, "", "", func(_ string, v []byte) bool {
			bad = read(v)
			return bad == nil
		})
		return errors.Join(err, bad)
	}
	err := errors.Join(
		load(inMachines, func(v []byte) error {
			m := &machine{}
			err := json.Unmarshal(v, m)
			s.machines[m.ARN] = m
			return err
		}),
		load(inMapRuns, func(v []byte) error {
			m := &mapRun{}
			err := json.Unmarshal(v, m)
			s.mapRuns[m.ARN] = m
			return err
		}),
		load(inExecutions, func(v []byte) error {
			ex := &execution{}
			err := json.Unmarshal(v, ex)
			s.executions[ex.ARN] = ex
			s.order = append(s.order, ex)
			return err
		}))
	if err != nil {
		return err
	}
	sortExecutions(s.order)
	var left []*execution // found before any of them runs and changes the lists
	for _, ex := range s.order {
		if ex.Status == running && ex.MapRun == "" {
			left = append(left, ex)
		}
	}
	for _, ex := range left {
		input, err := s.db.Get(inData, below(ex.ARN, "input"))
		if err != nil {
			return err
		}
		s.mu.Lock()
		err = s.resume(ex, input)
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
