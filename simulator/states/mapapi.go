package states

import (
	"cmp"
	"slices"

	"github.com/shardwise/shardwise/simulator/states/internal/history"
)

func (s *Server) findMapRun(arn string) (*mapRun, *apiError) {
	if refused := s.parseARN(arn, "mapRun"); refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.mapRuns[arn]; m != nil {
		return m, nil
	}
	return nil, refuse("ResourceNotFound", "Resource not found: '%s'", arn)
}

type listMapRunsRequest struct {
	paging
	ARN string `json:"executionArn"`
}

func (s *Server) listMapRuns(in *listMapRunsRequest) (any, *apiError) {
	ex, refused := s.findExecution(in.ARN)
	if refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*mapRun
	for _, m := range s.mapRuns {
		if m.Execution == ex.ARN {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *mapRun) int { return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(a.ARN, b.ARN)) })
	return page(in.paging, "mapRuns", list, func(m *mapRun) string { return m.ARN }, func(m *mapRun) any {
		out := map[string]any{"executionArn": m.Execution, "mapRunArn": m.ARN, "stateMachineArn": m.MachineARN, "startDate": history.Seconds(m.Start)}
		if !m.Stop.IsZero() {
			out["stopDate"] = history.Seconds(m.Stop)
		}
		return out
	})
}

type mapRunRequest struct {
	ARN string `json:"mapRunArn"`
}

func (s *Server) describeMapRun(in *mapRunRequest) (any, *apiError) {
	m, refused := s.findMapRun(in.ARN)
	if refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]any{"mapRunArn": m.ARN, "executionArn": m.Execution, "status": m.Status, "startDate": history.Seconds(m.Start),
		"maxConcurrency": m.MaxConcurrency, "toleratedFailureCount": m.Count, "toleratedFailurePercentage": m.Percentage,
		"itemCounts": m.Items, "executionCounts": m.Children, "redriveCount": m.Redrives}
	if !m.Stop.IsZero() {
		out["stopDate"] = history.Seconds(m.Stop)
	}
	if !m.Redriven.IsZero() {
		out["redriveDate"] = history.Seconds(m.Redriven)
	}
	return out, nil
}

type updateMapRunRequest struct {
	ARN            string   `json:"mapRunArn"`
	MaxConcurrency *int64   `json:"maxConcurrency"`
	Count          *int64   `json:"toleratedFailureCount"`
	Percentage     *float64 `json:"toleratedFailurePercentage"`
}

// updateMapRun changes the limits of a Map Run that runs; they hold at once.
func (s *Server) updateMapRun(in *updateMapRunRequest) (any, *apiError) {
	m, refused := s.findMapRun(in.ARN)
	if refused != nil {
		return nil, refused
	}
	for field, n := range map[string]*int64{"maxConcurrency": in.MaxConcurrency, "toleratedFailureCount": in.Count} {
		if n != nil && *n < 0 {
			return nil, invalid("Value '%d' at '%s' failed to satisfy constraint: Member must have value greater than or equal to 0", *n, field)
		}
	}
	if p := in.Percentage; p != nil && (*p < 0 || *p > 100) {
		return nil, invalid("Value '%v' at 'toleratedFailurePercentage' failed to satisfy constraint: Member must have value between 0 and 100", *p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.MaxConcurrency != nil {
		m.MaxConcurrency = *in.MaxConcurrency
	}
	if in.Count != nil {
		m.Count = *in.Count
	}
	if in.Percentage != nil {
		m.Percentage = *in.Percentage
	}
	if m.changed.L != nil {
		m.changed.Broadcast()
	}
	if err := s.db.Write(put(inMapRuns, m.ARN, m)); err != nil {
		return nil, internal(err)
	}
	return map[string]any{}, nil
}
