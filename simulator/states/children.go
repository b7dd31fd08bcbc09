package states

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator/states/internal/run"
)

// chunk is how many children's inputs are read from the store at once.
const chunk = 256

// runChildren runs every child of a Map Run that need not be left out, in the order of the items and at most so many at
// once as the Map Run allows. When too many items have failed it stops the others. It returns when all have ended.
func (s *Server) runChildren(ctx context.Context, parent *execution, m *mapRun) error {
	done, err := s.recount(m)
	if err != nil {
		return err
	}
	inner, cancel, release := childContext(ctx)
	defer release()
	defer context.AfterFunc(inner, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		m.changed.Broadcast()
	})()
	var active sync.WaitGroup
	threshold := &stopped{} // the cause by which the others end when too many items have failed
	err = s.eachUnit(m, func(i int64, u unit) (bool, error) {
		if done[i] {
			return true, nil
		}
		if !s.admit(inner, m, u.Items) {
			return false, nil
		}
		active.Go(func() {
			status, err := s.runChild(inner, parent, m, i, u)
			if err != nil {
				cancel(err)
			}
			if s.ended(m, u.Items, status) {
				cancel(threshold)
			}
		})
		return true, nil
	})
	if err != nil {
		cancel(err)
	}
	active.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case m.exceeded() || context.Cause(inner) == threshold:
		return &run.Fault{Name: run.ErrThreshold, Cause: run.ThresholdCause}
	case inner.Err() != nil:
		return context.Cause(inner)
	}
	return err
}

// childContext makes the context of a Map Run's children. Whatever ends the Map Run's own, but a server that closes, aborts
// them: the parent's time is not theirs, nor its errors.
func childContext(ctx context.Context) (inner context.Context, cancel context.CancelCauseFunc, release func()) {
	inner, cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), run.ErrHalt) {
			cancel(run.ErrHalt)
			return
		}
		cancel(&stopped{})
	})
	return inner, cancel, func() {
		unlink()
		cancel(nil)
	}
}

// eachUnit calls f with the input of each child, in their order, until f returns false or an error.
func (s *Server) eachUnit(m *mapRun, f func(i int64, u unit) (bool, error)) error {
	for first := int64(0); ; first += chunk {
		var units []unit
		var bad error
		err := s.db.Scan(inItems, below(m.ARN, ""), below(m.ARN, number(first)), func(_ string, v []byte) bool {
			var u unit
			bad = json.Unmarshal(v, &u)
			units = append(units, u)
			return bad == nil && len(units) < chunk
		})
		if err = errors.Join(err, bad); err != nil {
			return err
		}
		for k, u := range units {
			if on, err := f(first+int64(k), u); err != nil || !on {
				return err
			}
		}
		if len(units) < chunk {
			return nil
		}
	}
}

// admit waits until a child may start; false means that no more may.
func (s *Server) admit(ctx context.Context, m *mapRun, items int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m.Children.Running >= m.width() && !m.exceeded() && ctx.Err() == nil {
		m.changed.Wait()
	}
	if m.exceeded() || ctx.Err() != nil {
		return false
	}
	m.move("", running, items)
	return true
}

// ended counts a child that ended, "" for one that is to go on after a restart, and says whether too many have failed.
func (s *Server) ended(m *mapRun, items int64, status string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.move(running, status, items)
	m.changed.Broadcast()
	return m.exceeded()
}

// move counts a child and its items from one status to another.
func (m *mapRun) move(from, to string, items int64) {
	*m.Children.of(from)--
	*m.Children.of(to)++
	*m.Items.of(from) -= items
	*m.Items.of(to) += items
}

// runChild runs one child to its end; the status is empty when it did not end.
func (s *Server) runChild(ctx context.Context, parent *execution, m *mapRun, i int64, u unit) (string, error) {
	ex, err := s.childOf(parent, m, i)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	ctx, end := s.arm(ctx, ex)
	s.mu.Unlock()
	defer end()
	r, ok := s.execute(ctx, ex, u.Input)
	if !ok {
		return "", nil
	}
	return r.status, nil
}

// childOf makes the execution of a child, or finds that of a STANDARD child which began before, made ready for a redrive if it had
// ended.
func (s *Server) childOf(parent *execution, m *mapRun, i int64) (*execution, error) {
	id := uuid.NewSHA1(space, []byte(m.ARN+"\x00"+number(i)))
	name := id.String()
	arn := s.arn("execution", m.Machine+":"+name)
	if m.Type == express {
		arn = s.arn("express", m.Machine+":"+name+":"+uuid.NewSHA1(id, []byte(m.ARN)).String())
	}
	s.mu.Lock()
	ex, round := s.executions[arn], m.Round
	if ex == nil {
		ex = &execution{ARN: arn, Name: name, MachineARN: m.MachineARN, Machine: m.Machine, Type: m.Type, Role: parent.Role, Digest: parent.Digest, Revision: parent.Revision,
			Processor: m.Processor, MapRun: m.ARN, Index: i, Round: round, Status: running, Start: time.Now()}
		if m.Type == standard {
			s.executions[arn] = ex
			s.order = append(s.order, ex)
		}
		s.mu.Unlock()
		return ex, nil
	}
	over := ex.Status != running
	ex.Round = round
	s.mu.Unlock()
	if over {
		return ex, s.prepareRedrive(ex, "")
	}
	return ex, nil
}
