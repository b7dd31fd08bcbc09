package run

import (
	"context"
	"fmt"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
)

// maxInline is how many iterations of an inline Map run at once.
const maxInline = 40

// fork is a state that runs branches: their events differ, what is done with them does not.
type fork struct {
	s     *scope
	n     int
	limit int
	open  func(i int) (*scope, error)
	note  func(word string, i int) (history.Event, bool) // the event of a branch that began or ended

	branches []*scope
	outs     []any
	last     int64 // the event that a new branch follows
}

type ended struct {
	i   int
	out any
	err error
}

// parallel runs every branch on the same input.
func (s *scope) parallel(ctx context.Context, st *asl.State, args any) (any, error) {
	if err := s.begin(history.Plain("ParallelStateStarted")); err != nil {
		return nil, err
	}
	f := &fork{s: s, n: len(st.Branches), limit: len(st.Branches),
		open: func(i int) (*scope, error) {
			return s.r.scope(fmt.Sprintf("%s/%d", s.key, i), st.Branches[i], s.item, args, s.p.Begun)
		},
		note: func(string, int) (history.Event, bool) { return history.Event{}, false }}
	return f.run(ctx, st)
}

// inlineMap runs the processor on each item.
func (s *scope) inlineMap(ctx context.Context, st *asl.State, in any) (any, error) {
	v, err := s.selected(st.Items, in, "ItemsPath")
	if err != nil {
		return nil, err
	}
	items, ok := v.([]any)
	if !ok {
		return nil, s.runtimeFault(ErrRuntime, fmt.Errorf("Reference path \"%s\" must point to array.", st.Items.Path))
	}
	width, err := s.bound(st.MaxConcurrency, in, "MaxConcurrencyPath")
	if err != nil {
		return nil, err
	}
	if width < 0 {
		return nil, s.runtimeFault(ErrRuntime, fmt.Errorf("MaxConcurrency cannot be negative."))
	}
	if width == 0 || width > maxInline {
		width = maxInline
	}
	if err := s.begin(history.MapStarted(len(items))); err != nil {
		return nil, err
	}
	f := &fork{s: s, n: len(items), limit: int(width),
		note: func(word string, i int) (history.Event, bool) { return history.Iteration(word, st.Name, i), true }}
	f.open = func(i int) (*scope, error) {
		item := &Item{i, items[i]}
		input := items[i]
		if st.Selector != nil {
			env := s.env(in)
			env.Context = s.context(item)
			if input, err = st.Selector.Eval(env); err != nil {
				return nil, s.runtimeFault(ErrRuntime, err)
			}
		}
		return s.r.scope(fmt.Sprintf("%s/%d", s.key, i), st.Processor, item, input, f.last)
	}
	return f.run(ctx, st)
}

// begin keeps the event by which a Map or Parallel starts, unless it had started before a restart.
func (s *scope) begin(e history.Event) error {
	if s.p.Begun != 0 {
		return nil
	}
	s.p.Begun = pending
	return s.commit(s.p, false, e)
}

// run runs the branches, at most limit at once and in their order. The first that fails stops the others, and run
// returns after all have ended.
func (f *fork) run(ctx context.Context, st *asl.State) (any, error) {
	f.branches, f.outs, f.last = make([]*scope, f.n), make([]any, f.n), f.s.p.Begun
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make(chan ended, f.limit)
	var failed *ended
	stop := func(e ended) {
		if failed == nil {
			failed = &e
			cancel(errSibling)
		}
	}
	active, next := 0, 0
	for {
		var fresh []int
		for failed == nil && next < f.n && active+len(fresh) < f.limit {
			started, err := f.start(next)
			if err != nil {
				stop(ended{i: next, err: err})
			} else if started {
				fresh = append(fresh, next)
			}
			next++
		}
		for _, i := range fresh {
			go func() {
				out, err := f.branches[i].run(inner)
				results <- ended{i, out, err}
			}()
		}
		if active += len(fresh); active == 0 {
			if failed != nil || next == f.n {
				break
			}
			continue
		}
		e := <-results
		active--
		if e.err == nil {
			e.err = f.finish(e.i, e.out)
		}
		if e.err != nil {
			stop(e)
		}
	}
	if failed != nil {
		return nil, f.failed(*failed)
	}
	return f.succeeded(st)
}

// start opens a branch; it need not run when it had ended before a restart.
func (f *fork) start(i int) (started bool, err error) {
	b, err := f.open(i)
	if err != nil {
		return false, err
	}
	f.branches[i] = b
	if b.p.Done {
		return false, f.finish(i, b.input)
	}
	if b.fresh() {
		if e, ok := f.note("Started", i); ok {
			err = f.s.r.Journal.Commit(b.key, b.p, false, e)
		} else {
			err = f.s.r.Journal.Commit(b.key, b.p, false)
		}
	}
	return err == nil, err
}

// fresh says that nothing of the branch had happened before a restart.
func (s *scope) fresh() bool { return s.r.Journal.Load(s.key) == nil }

// finish takes a branch's output and notes its end once.
func (f *fork) finish(i int, out any) error {
	b := f.branches[i]
	f.outs[i] = out
	f.last = b.p.Prev
	f.s.p.Prev = b.p.Prev
	e, ok := f.note("Succeeded", i)
	if !ok || b.p.Noted {
		return nil
	}
	b.p.Noted = true
	prev := b.p.Prev
	if err := f.s.r.Journal.Commit(b.key, b.p, false, e); err != nil {
		return err
	}
	f.s.p.Prev, f.last = b.p.Prev, prev
	return nil
}

// succeeded notes the end of the whole with the exit. The exit follows the last branch, not this event, as on AWS.
func (f *fork) succeeded(st *asl.State) (any, error) {
	f.s.after = f.s.p.Prev
	if _, err := encode(f.outs, st.Name); err != nil {
		return nil, err
	}
	f.s.ahead = []history.Event{history.Plain(st.Type + "StateSucceeded")}
	return f.outs, nil
}

// failed notes the branches that failed and those that were cut off, in their order.
func (f *fork) failed(e ended) error {
	if faultOf(e.err) == nil {
		return e.err
	}
	b := f.branches[e.i]
	if b == nil { // it could not be opened
		return e.err
	}
	last := b.p.Prev
	f.s.p.Prev = last
	var events []history.Event
	for i, other := range f.branches {
		switch {
		case other == nil || other.p.Done:
		case i == e.i:
			if event, ok := f.note("Failed", i); ok {
				events = append(events, event.After(last))
			}
		default:
			if st := other.m.States[other.p.State]; other.p.Entered != 0 && other.p.Failed == nil {
				switch st.Type {
				case "Task", "Wait", "Map", "Parallel":
					events = append(events, history.Plain(st.Type+"StateAborted").After(last))
				}
			}
			if event, ok := f.note("Aborted", i); ok {
				events = append(events, event.After(last))
			}
		}
	}
	f.s.ahead, f.s.after = events, last
	return e.err
}
