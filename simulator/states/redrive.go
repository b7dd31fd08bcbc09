package states

import (
	"fmt"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
)

const (
	redrivable      = "REDRIVABLE"
	notRedrivable   = "NOT_REDRIVABLE"
	redrivableByMap = "REDRIVABLE_BY_MAP_RUN"
	redrivePeriod   = 14 * 24 * time.Hour
	maxRedrives     = 1000
)

// redriveStatus says whether an execution can be redriven, and if not, why. The caller holds the lock.
func (ex *execution) redriveStatus() (status, reason string) {
	switch {
	case ex.Status == running || ex.Status == succeeded:
		return notRedrivable, fmt.Sprintf("Execution is %s and cannot be redriven", ex.Status)
	case ex.LastEvent >= history.Max:
		return notRedrivable, "Execution history event limit exceeded"
	case time.Since(ex.Stop) > redrivePeriod:
		return notRedrivable, "Execution redrivable period exceeded"
	case ex.Redrives >= maxRedrives:
		return notRedrivable, "Execution has exceeded the maximum number of redrives"
	case ex.MapRun != "":
		return redrivableByMap, ""
	}
	return redrivable, ""
}

// prepareRedrive makes an execution that failed, timed out or was aborted ready to go on at the states where it stopped.
func (s *Server) prepareRedrive(ex *execution) error {
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
	ex.Redriven = time.Now()
	ex.Status, ex.Stop, ex.Error, ex.Cause = running, time.Time{}, "", ""
	ops := j.end(history.Redriven(ex.Redrives))
	for key, p := range j.points {
		if p.Done {
			continue
		}
		if key == "" {
			p.Prev = j.last
		}
		kind := ""
		if st := findState(m, p.State); st != nil {
			kind = st.Type
		}
		p.Redrive(kind)
		ops = append(ops, put(inPoints, below(ex.ARN, key), p))
	}
	return s.db.Write(append(ops, s.keep(ex)...)...)
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
