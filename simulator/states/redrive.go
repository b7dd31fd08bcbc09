package states

import (
	"context"
	"fmt"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/store"
)

const (
	redrivable      = "REDRIVABLE"
	notRedrivable   = "NOT_REDRIVABLE"
	redrivableByMap = "REDRIVABLE_BY_MAP_RUN"
	redrivePeriod   = 14 * 24 * time.Hour
	maxRedrives     = 1000             // of a Map Run
	tokenPeriod     = 15 * time.Minute // in which a redrive with the same token is the same redrive
)

type redriveRequest struct {
	ARN   string `json:"executionArn"`
	Token string `json:"clientToken"`
}

func (s *Server) redriveExecution(in *redriveRequest) (any, *apiError) {
	ex, refused := s.findExecution(in.ARN)
	if refused != nil {
		return nil, refused
	}
	s.redriving.Lock()
	defer s.redriving.Unlock()
	s.mu.Lock()
	status, reason := ex.redriveStatus()
	done, again, before := ex.done, in.Token != "" && in.Token == ex.Token && time.Since(ex.Redriven) < tokenPeriod, ex.Redriven
	s.mu.Unlock()
	if again { // the answer to the first request was lost
		return map[string]any{"redriveDate": history.Seconds(before)}, nil
	}
	if status == redrivableByMap {
		reason = "Execution is a child of a Map Run: redrive the execution of the Map Run"
	}
	if status != redrivable {
		return nil, refuse("ExecutionNotRedrivable", "%s", reason)
	}
	if done != nil {
		<-done
	}
	input, err := s.input(ex)
	if err == nil {
		err = s.prepareRedrive(ex, in.Token)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.resume(ex, input)
	}
	if err != nil {
		return nil, internal(err)
	}
	return map[string]any{"redriveDate": history.Seconds(ex.Redriven)}, nil
}

// redriveStatus says whether an execution can be redriven, and if not, why. The caller holds the lock.
func (ex *execution) redriveStatus() (status, reason string) {
	switch {
	case ex.Status == running || ex.Status == succeeded:
		return notRedrivable, fmt.Sprintf("Execution is %s and cannot be redriven", ex.Status)
	case ex.LastEvent >= history.Max-1: // ExecutionRedriven and another event must fit
		return notRedrivable, "Execution history event limit exceeded"
	case time.Since(ex.Stop) > redrivePeriod:
		return notRedrivable, "Execution redrivable period exceeded"
	case ex.MapRun != "":
		return redrivableByMap, ""
	}
	return redrivable, ""
}

// prepareRedrive makes an execution that failed, timed out or was aborted ready to go on at the states where it stopped.
func (s *Server) prepareRedrive(ex *execution, token string) error {
	m, err := s.compile(ex.Digest, ex.Type, ex.Processor)
	if err != nil {
		return err
	}
	j, err := s.openJournal(ex)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ex.Redrives++
	ex.Redriven, ex.Token = time.Now(), token
	ex.Status, ex.Stop, ex.Error, ex.Cause = running, time.Time{}, "", ""
	ex.cancel, ex.done = nil, nil
	ops := append(j.end(history.Redriven(ex.Redrives)), j.redrive(m)...)
	return s.db.Write(append(ops, s.keep(ex)...)...)
}

// redrive makes the operations that let every branch of an execution go on, after the event of the redrive.
func (j *journal) redrive(m *asl.Machine) []store.Op {
	var ops []store.Op
	var rerun []string // prefixes of points that are removed
	for key, p := range j.points {
		if p.Done {
			continue
		}
		if key == "" {
			p.Prev = j.last
		}
		if st := findState(m, p.State); st != nil && p.Redrive(st) {
			rerun = append(rerun, key+"/")
		}
		ops = append(ops, put(inPoints, below(j.arn, key), p))
	}
	for _, prefix := range rerun {
		ops = append(ops, store.Op{Bucket: inPoints, Key: below(j.arn, prefix), Prefix: true})
	}
	return ops
}

// findState finds a state by its name, which is unique in a definition.
func findState(m *asl.Machine, name string) *asl.State {
	if st := m.States[name]; st != nil {
		return st
	}
	for _, st := range m.States {
		inside := st.Branches
		if st.Processor != nil && st.Distributed == nil {
			inside = append(inside[:len(inside):len(inside)], st.Processor)
		}
		for _, sub := range inside {
			if found := findState(sub, name); found != nil {
				return found
			}
		}
	}
	return nil
}

// abandon ends what an execution has begun and not ended: Map Runs and their children that it did not reach again after a
// restart, because it ends before.
func (s *Server) abandon(ex *execution) error {
	s.mu.Lock()
	var open []*mapRun
	for _, m := range s.mapRuns {
		if m.Execution == ex.ARN && m.Status == running {
			open = append(open, m)
		}
	}
	s.mu.Unlock()
	for _, m := range open {
		for _, c := range s.runningChildren(m) {
			j, err := s.openJournal(c)
			if err == nil {
				err = s.finish(c, j, result{status: aborted})
			}
			if err != nil {
				return err
			}
		}
		if _, err := s.recount(m); err != nil {
			return err
		}
		if err := s.endMapRun(context.Background(), m, context.Canceled); err != nil {
			return err
		}
	}
	return nil
}

// runningChildren are a Map Run's STANDARD children that have not ended.
func (s *Server) runningChildren(m *mapRun) []*execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*execution
	for _, ex := range s.order {
		if ex.MapRun == m.ARN && ex.Status == running {
			list = append(list, ex)
		}
	}
	return list
}
