package states

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/run"
	"github.com/shardwise/shardwise/simulator/states/internal/store"
)

// journal keeps the points and events of one execution. Express executions keep neither: they start again.
type journal struct {
	db      *store.DB
	arn     string
	express bool

	mu     sync.Mutex
	last   int64                 // number of the last event
	root   int64                 // the last event of the outermost branch
	points map[string]*run.Point // that were kept before this journal was opened
}

// openJournal reads what was kept of an execution.
func (s *Server) openJournal(ex *execution) (*journal, error) {
	j := &journal{db: s.db, arn: ex.ARN, express: ex.Type == express}
	if j.express || ex.LastEvent == 0 {
		return j, nil
	}
	j.points = map[string]*run.Point{}
	var bad error
	prefix := below(ex.ARN, "")
	err := s.db.Scan(inPoints, prefix, "", func(key string, v []byte) bool {
		p := &run.Point{}
		bad = json.Unmarshal(v, p)
		j.points[strings.TrimPrefix(key, prefix)] = p
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	if p := j.points[""]; p != nil {
		j.root = p.Prev
	}
	if err == nil {
		j.last, err = s.lastEvent(ex.ARN)
	}
	return j, err
}

// lastEvent finds the number of an execution's last event by halving: events are numbered without gaps.
func (s *Server) lastEvent(arn string) (int64, error) {
	low, high := int64(0), int64(history.Max+1)
	for low+1 < high {
		middle := (low + high) / 2
		v, err := s.db.Get(inHistory, below(arn, number(middle)))
		if err != nil {
			return 0, err
		}
		if v != nil {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// Load returns a point that was kept before.
func (j *journal) Load(key string) *run.Point {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.points[key]
}

// Commit numbers and keeps events with their point. The last number is left for the event that ends the execution.
func (j *journal) Commit(key string, p *run.Point, drop bool, events ...history.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.express && j.last+int64(len(events)) >= history.Max {
		return &run.Fault{Name: run.ErrRuntime, Cause: run.HistoryCause}
	}
	ops := j.number(p, events)
	if key == "" {
		j.root = p.Prev
	}
	if j.express {
		return nil
	}
	if drop {
		for k := range j.points {
			if strings.HasPrefix(k, key+"/") {
				delete(j.points, k)
			}
		}
		ops = append(ops, store.Op{Bucket: inPoints, Key: below(j.arn, key+"/"), Prefix: true})
	}
	return j.db.Write(append(ops, put(inPoints, below(j.arn, key), p))...)
}

// number gives events their numbers and makes the operations that keep them.
func (j *journal) number(p *run.Point, events []history.Event) []store.Op {
	var ops []store.Op
	now, prev := time.Now(), p.Prev
	for _, e := range events {
		if e.Prev != history.Chain {
			prev = e.Prev
		}
		j.last++
		if !j.express {
			ops = append(ops, store.Op{Bucket: inHistory, Key: below(j.arn, number(j.last)), Value: e.Encode(j.last, prev, now)})
		}
		prev = j.last
	}
	p.Settle(prev)
	return ops
}

// end makes the operations for an event outside every branch: the execution's first, its last, or its redrive.
func (j *journal) end(e history.Event) []store.Op {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.express {
		return nil
	}
	p := &run.Point{Prev: j.root}
	return j.number(p, []history.Event{e})
}
