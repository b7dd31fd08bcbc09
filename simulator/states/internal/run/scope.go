package run

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/expr"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// Runner executes one execution. Its fields are set before Run and not changed.
type Runner struct {
	Journal   Journal
	Lambda    Lambda
	Maps      MapRuns // nil where DISTRIBUTED mode cannot stand
	Region    string
	Execution map[string]any // of the context object
	Machine   map[string]any // of the context object
	Draw      func() float64 // from [0, 1), for full jitter
}

// scope is one branch: the whole machine, a branch of a Parallel, or an iteration of a Map.
type scope struct {
	r     *Runner
	key   string
	m     *asl.Machine
	p     *Point
	item  *Item // of the innermost Map around it
	input any   // p.Input decoded

	ahead []history.Event // that wait for the next commit, so that they are kept together with what follows from them
	after int64           // the event that the exit, the failure or the retry of the state follows; 0 for the one before it
}

// commit keeps a point of the branch with the events that wait and these.
func (s *scope) commit(p *Point, drop bool, events ...history.Event) error {
	all := append(s.ahead, events...)
	s.ahead = nil
	return s.r.Journal.Commit(s.key, p, drop, all...)
}

// next makes an event follow the one that the state has chosen, if it has.
func (s *scope) next(e history.Event) history.Event {
	if s.after != 0 {
		return e.After(s.after)
	}
	return e
}

// Run executes a machine from its input, or from where its journal says that it was. The error is a Fault, or the
// context's cause.
func (r *Runner) Run(ctx context.Context, m *asl.Machine, input any, prev int64) (any, error) {
	s, err := r.scope("", m, nil, input, prev)
	if err != nil {
		return nil, err
	}
	return s.run(ctx)
}

// scope opens a branch, resuming it when it is known.
func (r *Runner) scope(key string, m *asl.Machine, item *Item, input any, prev int64) (*scope, error) {
	s := &scope{r: r, key: key, m: m, item: item, input: input, p: r.Journal.Load(key)}
	var err error
	if s.p == nil {
		s.p = &Point{State: m.StartAt, Prev: prev}
		s.p.Input, err = encode(input, m.StartAt)
		return s, err
	}
	if s.input, err = value.Decode(s.p.Input); err != nil {
		return nil, fmt.Errorf("point %q: %w", key, err)
	}
	return s, nil
}

// run goes from state to state until the branch ends.
func (s *scope) run(ctx context.Context) (any, error) {
	for !s.p.Done {
		if s.p.Failed != nil {
			return nil, s.p.Failed
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := s.step(ctx); err != nil {
			return nil, err
		}
	}
	return s.input, nil
}

// step runs the current state once, and moves on, arranges a retry, or fails.
func (s *scope) step(ctx context.Context) error {
	st := s.m.States[s.p.State]
	if st == nil {
		return &Fault{ErrRuntime, fmt.Sprintf("The state '%s' is not in the definition.", s.p.State)}
	}
	if s.p.Entered == 0 {
		s.p.Since = time.Now()
		s.p.Visits++
		if err := s.enter(st); err != nil {
			return s.fail(err)
		}
	}
	if len(s.p.Attempts) > 0 && !s.p.Wake.IsZero() { // a retry is due
		if err := sleep(ctx, s.p.Wake); err != nil {
			return err
		}
		s.p.Wake = time.Time{}
	}
	s.ahead, s.after = nil, 0
	out, next, err := s.execute(ctx, st)
	if err == nil {
		err = s.exit(st, out, next)
	}
	if err == nil {
		return nil
	}
	if f := faultOf(err); f != nil {
		return s.handle(st, f)
	}
	return err
}

func (s *scope) enter(st *asl.State) error {
	s.p.Entered = pending
	return s.commit(s.p, false, history.Entered(st.Type, st.Name, string(s.p.Input)))
}

// sleep waits until a time; the error is the context's cause.
func sleep(ctx context.Context, until time.Time) error {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// env is what expressions of the state see when "$" is v.
func (s *scope) env(v any) expr.Env { return expr.Env{Input: v, Context: s.context(s.item)} }

// context makes the context object.
func (s *scope) context(item *Item) func() map[string]any {
	return func() map[string]any {
		retries := int64(0)
		for _, n := range s.p.Attempts {
			retries += n
		}
		c := map[string]any{"Execution": s.r.Execution, "StateMachine": s.r.Machine, "State": map[string]any{
			"Name": s.p.State, "EnteredTime": history.Stamp(s.p.Since), "RetryCount": retries}}
		if item != nil {
			c["Map"] = map[string]any{"Item": map[string]any{"Index": int64(item.Index), "Value": item.Value}}
		}
		return c
	}
}

// exit moves on to the next state, or ends the branch.
func (s *scope) exit(st *asl.State, out any, next string) error {
	raw, err := encode(out, st.Name)
	if err != nil {
		return err
	}
	p := s.advanced(raw, next)
	if err := s.commit(p, hasBranches(st), s.next(history.Exited(st.Type, st.Name, string(raw)))); err != nil {
		return err
	}
	s.p, s.input = p, out
	return nil
}

// advanced is the point after a state.
func (s *scope) advanced(raw []byte, next string) *Point {
	p := &Point{State: next, Input: raw, Prev: s.p.Prev, Visits: s.p.Visits, Done: next == ""}
	if p.Done {
		p.State = s.p.State
	}
	return p
}

func hasBranches(st *asl.State) bool { return st.Type == "Parallel" || st.Type == "Map" }

// handle retries, catches, or fails the branch.
func (s *scope) handle(st *asl.State, f *Fault) error {
	if f.Name == ErrRuntime && f.Cause == HistoryCause {
		return s.fail(f)
	}
	for i, r := range st.Retry {
		if !f.matches(r.Errors) {
			continue
		}
		for len(s.p.Attempts) < len(st.Retry) {
			s.p.Attempts = append(s.p.Attempts, 0)
		}
		if s.p.Attempts[i] >= r.Attempts {
			break
		}
		s.p.Wake = time.Now().Add(s.r.pause(r, s.p.Attempts[i]))
		s.p.Attempts[i]++
		s.p.Visits++
		s.p.anew()
		s.p.keep = s.after
		return s.failUnless(s.commit(s.p, hasBranches(st)))
	}
	var ended []history.Event
	if hasBranches(st) && s.p.Begun != 0 {
		ended = append(ended, s.next(history.Plain(st.Type+"StateFailed")))
	}
	for _, c := range st.Catch {
		if f.matches(c.Errors) {
			return s.catch(st, c, f, ended)
		}
	}
	s.p.Failed = f
	if err := s.commit(s.p, false, ended...); err != nil {
		return s.fail(err)
	}
	return f
}

// pause is the time before a retry of which n have been.
func (r *Runner) pause(t asl.Retrier, n int64) time.Duration {
	d := float64(t.Interval) * math.Pow(t.Backoff, float64(n))
	if t.MaxDelay > 0 {
		d = min(d, float64(t.MaxDelay))
	}
	d = min(d, float64(1<<62))
	if t.Full {
		d *= r.Draw()
	}
	return time.Duration(d)
}

// catch goes on at the catcher's state, with the error as it wants it.
func (s *scope) catch(st *asl.State, c asl.Catcher, f *Fault, ended []history.Event) error {
	out, err := place(c.Place, s.input, map[string]any{"Error": f.Name, "Cause": f.Cause})
	if err != nil {
		return s.fail(s.runtimeFault(ErrResultPath, err))
	}
	raw, err := encode(out, st.Name)
	if err != nil {
		return s.fail(err)
	}
	p := s.advanced(raw, c.Next)
	if err := s.commit(p, hasBranches(st), append(ended, history.Exited(st.Type, st.Name, string(raw)))...); err != nil {
		return s.fail(err)
	}
	s.p, s.input = p, out
	return nil
}

func (s *scope) failUnless(err error) error {
	if err == nil {
		return nil
	}
	return s.fail(err)
}

// fail keeps a fault that no rule of the state may change.
func (s *scope) fail(err error) error {
	if f := faultOf(err); f != nil {
		s.p.Failed = f
		if err := s.commit(s.p, false); err != nil {
			return err
		}
	}
	return err
}
