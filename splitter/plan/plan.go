package plan

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Kinds of plans: all in one function, all in every function with a share of a request's rows each, tensor-parallel stages, segments one after the
// other, and both; and look-up tables on single shards each, or some of them by rows or by columns on several.
const (
	Whole           = "whole"
	Rows            = "rows"
	Tensor          = "tensor"
	Pipeline        = "pipeline"
	Mixed           = "mixed"
	Tables          = "tables"
	TablesByRows    = "tables-rows"
	TablesByColumns = "tables-columns"
)

// Kinds are all kinds of plans.
func Kinds() []string {
	return []string{Whole, Rows, Tensor, Pipeline, Mixed, Tables, TablesByRows, TablesByColumns}
}

// wanted reports whether a plan of the kind will do: any when the wish is empty, and with Tables every one of tables.
func (o *Options) wanted(kind string) bool {
	return o.Kind == "" || o.Kind == kind || o.Kind == Tables && (kind == TablesByRows || kind == TablesByColumns)
}

// Size is the memory of functions in MB, and so their speed.
type Size struct {
	ShardMB       int `json:"shard_mb"`
	CoordinatorMB int `json:"coordinator_mb"`
}

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

// Candidate is a plan with what it is reckoned to take at functions of a size.
type Candidate struct {
	Kind     string
	Size     Size
	Plan     *partition.Plan
	Estimate *Estimate
}

// Planner plans one graph. It is immutable and safe for concurrent use.
type Planner struct {
	o        *Options
	line     *line
	prof     *profiler
	regions  []*sharding.Region
	ids      map[*sharding.Region]int
	tables   []*lookups
	placed   []int // the tables' nodes
	restLine *line // without them
	total    int64 // bytes of all weights
	rows     rowsOf
	norms    bool // a region begins behind a normalisation over the dimension that it cuts
}

// New prepares a graph.
func New(g *sharding.Graph, o Options) *Planner {
	p := &Planner{o: o.defaults(), ids: map[*sharding.Region]int{}}
	p.prof = newProfiler(g, newSizes(p.o))
	p.line = newLine(g, p.prof.sizes, p.prof.work, nil)
	p.regions = g.Regions()
	p.norms = slices.ContainsFunc(p.regions, func(r *sharding.Region) bool { return len(g.Behind(r)) > 0 })
	for _, w := range g.Weights {
		p.total += sharding.Bytes(w)
	}
	p.findTables()
	for _, t := range p.tables {
		p.placed = append(p.placed, t.nodes...)
	}
	slices.Sort(p.placed)
	p.restLine = newLine(g, p.prof.sizes, p.prof.work, p.placed)
	all := slices.Clone(p.regions)
	for _, t := range p.tables {
		all = append(all, t.rows, t.columns)
	}
	for i, r := range all {
		p.ids[r] = i
	}
	return p
}

const (
	// localBytes and localShare bound the weights that the coordinator keeps: the larger of 1 MiB and a tenth of all.
	localBytes = 1 << 20
	localShare = 10
)

// kept is a plan that can be run, with its profile.
type kept struct {
	kind    string
	plan    *partition.Plan
	profile *profile
}

// at is the candidate with functions of a size.
func (k *kept) at(m *CostModel, s Size) Candidate {
	return Candidate{Kind: k.kind, Size: s, Plan: k.plan, Estimate: k.profile.at(m, s.ShardMB, s.CoordinatorMB)}
}

// Candidates are the plans for n shards that keep the limits, fastest first; equal ones once.
func (p *Planner) Candidates(n int) []Candidate {
	size := Size{p.o.MemoryMB, p.o.CoordinatorMB}
	limit := int64(1) << 62
	if p.o.Fit {
		limit = p.room(p.o.MemoryMB)
	}
	list := &kepts{p: p, seen: map[string]bool{}}
	p.choices(n, limit, size, list.add)
	var out []Candidate
	for i := range list.all {
		c := list.all[i].at(p.o.Model, size)
		if !p.o.Fit || slices.Max(c.Estimate.ShardWeights) <= limit && c.Estimate.LocalWeights <= p.room(p.o.CoordinatorMB) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Candidate) int { return cmp.Compare(a.Estimate.WarmMS, b.Estimate.WarmMS) })
	return out
}

// choices yields the placements for n shards until yield says no, and reports whether it never did.
func (p *Planner) choices(n int, limit int64, size Size, yield func(*choice) bool) bool {
	if c := p.byRows(n, limit); c != nil && !yield(c) {
		return false
	}
	switch {
	case p.o.Kind == Rows:
		return true
	case n == 1:
		return yield(&choice{kind: Whole, shards: 1, segments: []segment{{nodes: all(len(p.line.g.Nodes))}}})
	}
	// Segments of more than their share would leave shards without any.
	s := p.newSearch(p.line, n, min(limit, p.total/int64(n)*5/4), size, nil)
	for _, price := range chances() {
		for _, with := range []struct {
			segments bool
			kind     string
		}{{false, Tensor}, {true, Mixed}} {
			if c, ok := s.walk(true, with.segments, price); ok {
				c.kind = with.kind
				if !yield(c) {
					return false
				}
			}
		}
	}
	if c, ok := s.pipeline(); ok {
		c.kind = Pipeline
		if !yield(c) {
			return false
		}
	}
	return len(p.tables) == 0 || p.byTables(n, limit, size, yield)
}

// room is how many bytes of weights a function of that memory holds.
func (p *Planner) room(mb int) int64 { return int64(mb)<<20 - partition.FixedBytes }

// kepts gathers the plans of choices, equal ones once.
type kepts struct {
	p    *Planner
	seen map[string]bool
	all  []kept
}

// add takes a choice that can be scheduled, uses every shard and leaves the coordinator little; it always asks for more.
func (k *kepts) add(c *choice) bool {
	key := k.p.key(c)
	if k.seen[key] {
		return true
	}
	k.seen[key] = true
	if !k.p.o.wanted(c.name()) {
		return true
	}
	k.enter(c)
	if len(c.cuts) > 1 && k.p.norms {
		with := *c
		with.moments = true
		k.enter(&with)
	}
	return true
}

// enter schedules a choice. With moments it counts only if there is a normalisation that they help.
func (k *kepts) enter(c *choice) {
	pl, err := c.schedule(k.p.line.g)
	if err != nil || !usesAll(pl) || c.moments && !normalises(pl) {
		return
	}
	k.p.prof.route(pl)
	if prof := k.p.profile(pl, c.byRows); prof.own <= max(localBytes, k.p.total/localShare) {
		k.all = append(k.all, kept{c.name(), pl, prof})
	}
}

// usesAll reports whether every shard takes part in a stage.
func usesAll(p *partition.Plan) bool {
	used := make([]bool, p.Shards)
	for _, st := range p.Stages {
		for _, s := range st.Shards {
			used[s] = true
		}
	}
	return !slices.Contains(used, false)
}

// key tells choices apart: equal keys place every node alike.
func (p *Planner) key(c *choice) string {
	b := binary.AppendUvarint(nil, uint64(c.shards))
	if c.byRows {
		return string(append(b, "rows"...))
	}
	for _, x := range c.cuts {
		b = binary.AppendUvarint(b, uint64(p.ids[x.region]))
		for _, u := range x.bounds {
			b = binary.AppendUvarint(b, uint64(u))
		}
	}
	b = append(b, '|')
	for _, s := range c.segments {
		b = binary.AppendUvarint(b, uint64(s.shard))
		b = binary.AppendUvarint(b, uint64(len(s.nodes)))
		for _, n := range s.nodes {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return string(b)
}

// Best is the fastest plan for n shards. It is a *layout.RefusalError, which names the largest useful number, when there is none.
func (p *Planner) Best(n int) (*Candidate, error) {
	if list := p.Candidates(n); len(list) > 0 {
		return &list[0], nil
	}
	return nil, p.tooMany(n, p.MaxShards())
}

// maxManifest is how many shards a manifest can list.
const maxManifest = 10000

// MaxShards is the largest number of shards for which there is a plan, at least 1.
func (p *Planner) MaxShards() int {
	if p.o.Kind == Rows && p.rows.independent {
		return maxManifest
	}
	counts := []int{len(p.line.items)}
	for _, r := range p.regions {
		counts = append(counts, r.Units)
	}
	slices.Sort(counts)
	counts = slices.DeleteFunc(slices.Compact(counts), func(n int) bool { return n <= 1 })
	beyond := maxManifest + 1
	for _, n := range slices.Backward(counts) {
		if n = min(n, maxManifest); n < beyond && p.possible(n) {
			return n + sort.Search(beyond-n-1, func(more int) bool { return !p.possible(n + more + 1) })
		}
		beyond = n
	}
	return 1 + sort.Search(beyond-2, func(more int) bool { return !p.possible(more + 2) })
}

// possible reports whether there is a plan for n shards.
func (p *Planner) possible(n int) bool {
	list := &kepts{p: p, seen: map[string]bool{}}
	p.choices(n, 1<<62, Size{p.o.MemoryMB, p.o.CoordinatorMB}, func(c *choice) bool { return list.add(c) && len(list.all) == 0 })
	return len(list.all) > 0
}
