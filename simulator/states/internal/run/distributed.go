package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
)

// distributed runs a Map Run.
func (s *scope) distributed(ctx context.Context, st *asl.State, in any) (any, error) {
	call, err := s.mapCall(st, in)
	if err != nil {
		return nil, err
	}
	length := 0
	if st.Distributed.Reader == nil {
		items, err := s.selected(st.Items, in, "ItemsPath")
		if err != nil {
			return nil, err
		}
		list, _ := items.([]any)
		length = len(list)
	}
	if err := s.begin(history.MapStarted(length)); err != nil {
		return nil, err
	}
	arn, redriven, err := s.r.Maps.Open(call)
	if err != nil {
		return nil, err
	}
	if s.p.MapRun == "" {
		s.p.MapRun = arn
		err = s.commit(s.p, false, history.MapRunStarted(arn))
	} else if redriven > s.p.Redriven {
		s.p.Redriven = redriven
		err = s.commit(s.p, false, history.MapRunRedriven(arn, redriven))
	}
	if err != nil {
		return nil, err
	}
	started := s.p.Prev
	result, err := s.r.Maps.Run(ctx, arn)
	switch f := faultOf(err); {
	case f != nil:
		s.ahead = []history.Event{history.MapRunFailed(f.Name, f.Cause)}
	case err == nil:
		s.ahead = []history.Event{history.Plain("MapRunSucceeded"), history.Plain("MapStateSucceeded")}
		s.after = started // AWS counts the exit from MapRunStarted
	case !halted(ctx) && !s.p.Aborted:
		s.p.Aborted = true
		return nil, errors.Join(s.commit(s.p, false, history.Plain("MapRunAborted"), history.Plain("MapStateAborted")), err)
	}
	return result, err
}

// mapCall evaluates the numbers of a Map in DISTRIBUTED mode.
func (s *scope) mapCall(st *asl.State, in any) (*MapCall, error) {
	d := st.Distributed
	call := &MapCall{State: st, ID: fmt.Sprintf("%s#%d", s.key, s.p.Visits), Env: s.env(in),
		Context: func(item Item) func() map[string]any { return s.context(&item) }}
	width, err := s.bound(st.MaxConcurrency, in, "MaxConcurrencyPath")
	if err != nil {
		return nil, err
	}
	count, err := s.bound(d.Tolerated.Count, in, "ToleratedFailureCountPath")
	if err != nil {
		return nil, err
	}
	if call.Percentage, err = s.bound(d.Tolerated.Percentage, in, "ToleratedFailurePercentagePath"); err != nil {
		return nil, err
	}
	call.MaxConcurrency, call.Count = int64(width), int64(count)
	switch {
	case width < 0:
		return nil, s.runtimeFault(ErrRuntime, errors.New("MaxConcurrency cannot be negative."))
	case count < 0:
		return nil, s.runtimeFault(ErrRuntime, errors.New("ToleratedFailureCount cannot be negative."))
	case call.Percentage < 0 || call.Percentage > 100:
		return nil, s.runtimeFault(ErrRuntime, errors.New("ToleratedFailurePercentage must be between 0 and 100."))
	}
	return call, nil
}
