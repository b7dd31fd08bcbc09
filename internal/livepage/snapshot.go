package livepage

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/simulator"
)

// snapshot is what the page knew at one moment. Readers share it: one is made for all of them, so that their number costs
// the observed simulator nothing. Page.building guards it.
type snapshot struct {
	taken   time.Time // by the machine's clock
	all     document  // everything
	running bool      // a request is under way
	changed <-chan struct{}
	cost    time.Duration     // of making it and its texts
	texts   map[uint64][]byte // what readers are sent, by the sequence number that they have seen
}

// maxSnapshotTexts bounds a snapshot's texts; readers that keep up have seen the same.
const maxSnapshotTexts = 16

// update is what one reader is sent.
type update struct {
	seq     uint64
	text    []byte // JSON; shared, not to be changed
	running bool
	changed <-chan struct{} // closed at the next change
	cost    time.Duration
}

// update makes the document of what is new since a sequence number, 0 for everything. It may be as old as age, unless the
// reader has seen it.
func (p *Page) update(since uint64, age time.Duration) (update, error) {
	asked := time.Now()
	p.building.Lock()
	defer p.building.Unlock()
	s := p.latest
	if s == nil || s.taken.Before(asked.Add(-age)) || age > 0 && s.all.Seq <= since {
		s = p.take()
		p.latest = s
	}
	if since > s.all.Seq {
		since = 0 // a number that no reader was told
	}
	text := s.texts[since]
	if text == nil {
		began := time.Now()
		var err error
		if text, err = json.Marshal(s.since(since)); err != nil {
			return update{}, err
		}
		if len(s.texts) == maxSnapshotTexts {
			clear(s.texts)
		}
		s.texts[since] = text
		s.cost += time.Since(began)
	}
	return update{seq: s.all.Seq, text: text, running: s.running, changed: s.changed, cost: s.cost}, nil
}

// since leaves out what a reader has seen.
func (s *snapshot) since(seq uint64) *document {
	d := s.all
	d.Since = seq
	d.Requests, d.Problems = []requestFacts{}, []problem{}
	for _, r := range s.all.Requests {
		if r.seq > seq || r.running {
			d.Requests = append(d.Requests, r)
		}
	}
	for _, q := range s.all.Problems {
		if q.seq > seq {
			d.Problems = append(d.Problems, q)
		}
	}
	return &d
}

// take makes a snapshot; p.building is held. Observed calls wait for p.mu, so what is known is only copied under it, and what
// has not changed since the latest snapshot is not even that; pictures are drawn afterwards.
func (p *Page) take() *snapshot {
	drawn := map[uint64]requestFacts{}
	if p.latest != nil {
		for _, f := range p.latest.all.Requests {
			if !f.running {
				drawn[f.Number] = f
			}
		}
	}
	s := &snapshot{taken: time.Now(), texts: map[uint64][]byte{}}
	p.mu.Lock()
	now := p.cfg.Now()
	s.changed = p.changed
	s.all = document{Instance: p.instance, Seq: p.seq, Title: p.cfg.Title, Facts: p.cfg.Facts, Started: p.started, Now: now,
		Totals:    totalFacts{counts: p.counted, States: map[simulator.EnvironmentState]int{}},
		Functions: []functionFacts{}, Problems: slices.Clone(p.problems), Prices: price.Table(), Region: price.Region}
	for _, f := range p.order {
		facts := f.facts()
		s.all.Functions = append(s.all.Functions, facts)
		for state, n := range facts.States {
			s.all.Totals.States[state] += n
		}
		s.all.Totals.Usage = s.all.Totals.Usage.Plus(f.usage)
	}
	requests := make([]*request, len(p.requests))
	for i, r := range p.requests {
		if f, ok := drawn[r.number]; ok && f.seq == r.seq {
			continue
		}
		requests[i] = r.copy()
	}
	numbers := make([]uint64, len(p.requests))
	for i, r := range p.requests {
		numbers[i] = r.number
	}
	functions := slices.Clone(p.order) // names and roles do not change
	p.mu.Unlock()

	s.all.Totals.USD = dollars(s.all.Totals.Usage)
	for i, r := range requests {
		f := drawn[numbers[i]]
		if r != nil {
			f = r.facts(functions, now)
		}
		s.running = s.running || f.running
		s.all.Requests = append(s.all.Requests, f)
	}
	s.cost = time.Since(s.taken)
	return s
}

// copy copies a request with its calls.
func (r *request) copy() *request {
	c, calls := *r, make([]call, len(r.calls))
	c.calls = make([]*call, len(r.calls))
	for i, k := range r.calls {
		calls[i] = *k
		c.calls[i] = &calls[i]
	}
	return &c
}
