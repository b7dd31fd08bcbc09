package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Kinds of plans: all in one function, tensor-parallel stages, segments one after the other, and both.
const (
	Whole    = "whole"
	Tensor   = "tensor"
	Pipeline = "pipeline"
	Mixed    = "mixed"
)

// Options are what the search has to keep to. The zero value of a field takes its default.
type Options struct {
	Model         *CostModel
	MemoryMB      int            // of a shard's function, default 1769: the speed that is reckoned with, and with Fit the limit
	CoordinatorMB int            // of the coordinator's, default 1769
	Symbols       map[string]int // sizes of symbolic dimensions, for the estimate
	OtherSize     int            // of symbols without a number, default 1
	Fit           bool           // weights must fit into MemoryMB
	Kind          string         // the kind of plan that is wanted; "" for any
}

func (o Options) defaults() *Options {
	if o.Model == nil {
		o.Model = DefaultCostModel()
	}
	o.MemoryMB, o.CoordinatorMB, o.OtherSize = cmp.Or(o.MemoryMB, 1769), cmp.Or(o.CoordinatorMB, 1769), cmp.Or(o.OtherSize, 1)
	return &o
}

// Candidate is a plan with what it is reckoned to take.
type Candidate struct {
	Kind     string
	Plan     *partition.Plan
	Estimate *Estimate
}

// Planner plans one graph. It is immutable and safe for concurrent use.
type Planner struct {
	o       *Options
	line    *line
	est     *estimator
	regions []*sharding.Region
	total   int64 // bytes of all weights
}

// New prepares a graph.
func New(g *sharding.Graph, o Options) *Planner {
	p := &Planner{o: o.defaults()}
	p.est = newEstimator(g, p.o)
	p.line = newLine(g, p.est.sizes)
	p.regions = g.Regions()
	for _, w := range g.Weights {
		p.total += sharding.Bytes(w)
	}
	return p
}

const (
	// localBytes and localShare bound the weights that the coordinator keeps: the larger of 1 MiB and a tenth of all.
	localBytes = 1 << 20
	localShare = 10
)

// Candidates are the plans for n shards that keep the limits, fastest first; equal ones once.
func (p *Planner) Candidates(n int) []Candidate {
	var out []Candidate
	p.search(n, func(c *choice) bool {
		out = p.keep(out, c)
		return true
	})
	if p.o.Kind != "" {
		out = slices.DeleteFunc(out, func(c Candidate) bool { return c.Kind != p.o.Kind })
	}
	slices.SortStableFunc(out, func(a, b Candidate) int { return cmp.Compare(a.Estimate.WarmMS, b.Estimate.WarmMS) })
	return out
}

// search makes choices for n shards and hands them to try until it returns false.
func (p *Planner) search(n int, try func(c *choice) bool) {
	if n == 1 {
		try(&choice{kind: Whole, shards: 1, segments: []segment{{nodes: all(len(p.line.g.Nodes))}}})
		return
	}
	limit := int64(1) << 62
	if p.o.Fit {
		limit = p.room(p.o.MemoryMB)
	}
	// Segments of more than their share would leave shards without any.
	s := newSearch(p.line, p.est, p.regions, n, min(limit, p.total/int64(n)*5/4))
	for _, price := range chances() {
		for _, with := range []struct {
			regions, segments bool
			kind              string
		}{{true, false, Tensor}, {true, true, Mixed}} {
			c, ok := s.walk(with.regions, with.segments, price)
			if !ok {
				continue
			}
			c.kind = with.kind
			if !try(c) {
				return
			}
		}
	}
	if c, ok := s.pipeline(); ok {
		c.kind = Pipeline
		try(c)
	}
}

// room is how many bytes of weights a function of that memory holds.
func (p *Planner) room(mb int) int64 { return int64(mb)<<20 - partition.FixedBytes }

// plan schedules a choice; ok is false when it cannot be, leaves a shard without work, or too much to the coordinator.
func (p *Planner) plan(c *choice) (pl *partition.Plan, ok bool) {
	pl, err := c.schedule(p.line.g)
	if err != nil {
		return nil, false
	}
	used := make([]bool, c.shards)
	for _, st := range pl.Stages {
		for _, s := range st.Shards {
			used[s] = true
		}
	}
	if slices.Contains(used, false) {
		return nil, false
	}
	_, weights := p.est.coordinator(pl)
	return pl, weights <= max(localBytes, p.total/localShare)
}

// keep adds a choice that has a plan within the limits, unless one like it is there.
func (p *Planner) keep(list []Candidate, c *choice) []Candidate {
	pl, ok := p.plan(c)
	if !ok {
		return list
	}
	e := p.est.estimate(pl)
	if p.o.Fit && (slices.Max(e.ShardWeights) > p.room(p.o.MemoryMB) || e.LocalWeights > p.room(p.o.CoordinatorMB)) {
		return list
	}
	if len(c.regions) == 0 && c.kind == Mixed {
		c.kind = Pipeline
	}
	if len(c.segments) == 0 && c.kind == Mixed {
		c.kind = Tensor
	}
	for _, old := range list {
		if same(old.Plan, pl) {
			return list
		}
	}
	return append(list, Candidate{Kind: c.kind, Plan: pl, Estimate: e})
}

// same reports whether two plans place every node alike.
func same(a, b *partition.Plan) bool {
	if a.Shards != b.Shards || len(a.Stages) != len(b.Stages) {
		return false
	}
	for i := range a.Stages {
		x, y := &a.Stages[i], &b.Stages[i]
		if !slices.Equal(x.Shards, y.Shards) || len(x.Pieces) != len(y.Pieces) {
			return false
		}
		for j := range x.Pieces {
			p, q := &x.Pieces[j], &y.Pieces[j]
			if p.At != q.At || (p.Region == nil) != (q.Region == nil) || !slices.Equal(p.List(), q.List()) || p.Region != nil && p.Region.Key() != q.Region.Key() {
				return false
			}
		}
	}
	return true
}

// Best is the fastest plan for n shards. It is a *layout.RefusalError, which names the largest useful number, when there is none.
func (p *Planner) Best(n int) (*Candidate, error) {
	if list := p.Candidates(n); len(list) > 0 {
		return &list[0], nil
	}
	most := p.MaxShards()
	return nil, &layout.RefusalError{Subject: fmt.Sprintf("%d shards", n), Remedy: fmt.Sprintf("use at most %d shards", most),
		Reason: fmt.Sprintf("the model has no such many parts: the largest useful number is %d, where every shard still has a part of each stage", most)}
}

// maxManifest is how many shards a manifest can list.
const maxManifest = 10000

// MaxShards is the largest number of shards for which there is a plan, at least 1.
func (p *Planner) MaxShards() int {
	counts := []int{len(p.line.items)}
	for _, r := range p.regions {
		counts = append(counts, r.Units)
	}
	slices.Sort(counts)
	counts = slices.Compact(counts)
	for _, n := range slices.Backward(counts) {
		if n > 1 && n <= maxManifest && p.any(n) {
			return n
		}
	}
	return 1
}

// any reports whether there is a plan for n shards. Without limits on memory and kind nothing needs to be reckoned for that.
func (p *Planner) any(n int) bool {
	if p.o.Fit || p.o.Kind != "" {
		return len(p.Candidates(n)) > 0
	}
	found := false
	p.search(n, func(c *choice) bool {
		_, found = p.plan(c)
		return !found
	})
	return found
}
