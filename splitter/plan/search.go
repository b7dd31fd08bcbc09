package plan

import (
	"math"
	"slices"

	"github.com/shardwise/shardwise/splitter/sharding"
)

// chances are the prices, in milliseconds a megabyte, that the search puts on weights at the coordinator. Each gives another candidate; the
// estimate and the limits choose among them.
func chances() []float64 { return []float64{0, 0.01, 0.1, 1, 10, 1e6} }

// search makes candidates for one number of shards.
type search struct {
	l       *line
	e       *estimator
	n       int
	limit   int64 // bytes of weights that a shard may have
	regions []span
	before  [][]bool // [i][j]: item j needs item i
}

// span is a region over the items that it spares.
type span struct {
	r      *sharding.Region
	covers []int // ascending
	ms     float64
	bytes  int64 // of a shard's part of the weights
}

func newSearch(l *line, e *estimator, regions []*sharding.Region, n int, limit int64) *search {
	s := &search{l: l, e: e, n: n, limit: limit}
	for i := range l.items {
		row := make([]bool, len(l.items))
		for j := range l.items {
			row[j] = l.g.Before(l.items[i].node, l.items[j].node)
		}
		s.before = append(s.before, row)
	}
	for _, r := range regions {
		if r.Units >= n {
			if sp := s.span(r); len(sp.covers) > 0 {
				s.regions = append(s.regions, sp)
			}
		}
	}
	return s
}

func (s *search) span(r *sharding.Region) span {
	sp := span{r: r}
	var w work
	for _, n := range r.Nodes {
		w = w.plus(s.e.work[n].share(1 / float64(s.n)))
	}
	for i, it := range s.l.items {
		if r.Has(it.node) && s.cutWeight(r, it.node) {
			sp.covers = append(sp.covers, i)
			sp.bytes += it.bytes / int64(s.n)
		}
	}
	var in, out, largest int64
	for _, b := range r.Inputs {
		bytes := s.e.sizes.bytes(s.l.g.Values[b.Value])
		if b.Placement.Kind == sharding.Shard {
			bytes /= int64(s.n)
		}
		in += bytes
	}
	for _, b := range r.Outputs {
		bytes := s.e.sizes.bytes(s.l.g.Values[b.Value])
		if b.Placement.Kind == sharding.Shard {
			bytes /= int64(s.n)
		}
		out += bytes
	}
	largest = max(in, out)
	m := s.e.model
	sp.ms = m.compute(w, s.e.vcpu) + m.wire(in, m.RequestMBs) + m.wire(out, m.ReplyMBs) + m.codec((in+out)*int64(s.n)+largest)
	return sp
}

// cutWeight reports whether the region cuts a weight of the node that is worth placing.
func (s *search) cutWeight(r *sharding.Region, node int) bool {
	for i, in := range s.l.g.Nodes[node].Inputs {
		if w := s.l.g.Weight(in); w != nil && sharding.Bytes(w) >= s.l.g.Worth && r.Operand(node, i).Kind == sharding.Shard {
			return true
		}
	}
	return false
}

// state is the cheapest way to place the items before one, at so many rounds.
type state struct {
	ms   float64
	i, l int // the state before
	step step
	ok   bool
}

// step is how the items from one state to the next are placed: a region, a segment of so many items, or one item at the coordinator.
type step struct {
	region   *sharding.Region
	segment  bool
	from, to int
}

// walk finds the cheapest placement of all items with regions, segments, or both, at a price for local weights. ok is false when there
// is none that has a stage.
func (s *search) walk(regions, segments bool, price float64) (*choice, bool) {
	k := len(s.l.items)
	best := make([][]state, k+1)
	for i := range best {
		best[i] = make([]state, k+2)
	}
	best[0][0] = state{ok: true}
	put := func(to, level int, st state) {
		if old := &best[to][level]; !old.ok || st.ms < old.ms {
			*old = st
		}
	}
	for i := range k {
		for l := range k + 1 {
			at := best[i][l]
			if !at.ok {
				continue
			}
			s.local(i, l, at.ms, price, put)
			if regions {
				s.byRegions(i, l, at.ms, price, put)
			}
			if segments {
				s.bySegments(i, l, at.ms, put)
			}
		}
	}
	end := -1
	for l := 1; l <= k; l++ {
		if best[k][l].ok && (end < 0 || best[k][l].ms < best[k][end].ms) {
			end = l
		}
	}
	if end < 0 {
		return nil, false
	}
	return s.trace(best, end)
}

type putter func(to, level int, st state)

func (s *search) local(i, l int, ms, price float64, put putter) {
	it := s.l.items[i]
	put(i+1, l, state{ms: ms + s.e.model.compute(s.e.work[it.node], s.e.local) + price*float64(it.bytes)/1e6, i: i, l: l, step: step{from: i, to: i + 1}, ok: true})
}

// byRegions places the regions that begin with item i. What lies between a region's items and is not its own stays local.
func (s *search) byRegions(i, l int, ms, price float64, put putter) {
	for at := range s.regions {
		sp := &s.regions[at]
		if sp.covers[0] != i {
			continue
		}
		last := sp.covers[len(sp.covers)-1]
		level := l
		if l == 0 || s.needsEarlier(sp, i) {
			level = l + 1
		}
		cost := ms + sp.ms
		if level > l {
			cost += s.e.model.roundTrip(s.n)
		}
		for j := i; j <= last; j++ {
			if !slices.Contains(sp.covers, j) {
				cost += s.e.model.compute(s.e.work[s.l.items[j].node], s.e.local) + price*float64(s.l.items[j].bytes)/1e6
			}
		}
		if level <= len(s.l.items) {
			put(last+1, level, state{ms: cost, i: i, l: l, step: step{region: sp.r, from: i, to: last + 1}, ok: true})
		}
	}
}

// needsEarlier reports whether an item of the region needs one before it: then it may have to wait for another round.
func (s *search) needsEarlier(sp *span, i int) bool {
	for j := range i {
		for _, c := range sp.covers {
			if s.before[j][c] {
				return true
			}
		}
	}
	return false
}

func (s *search) bySegments(i, l int, ms float64, put putter) {
	if l+1 > len(s.l.items) {
		return
	}
	total := int64(0)
	for j := i; j < len(s.l.items); j++ {
		if total += s.l.items[j].bytes; total > s.limit && j > i {
			return
		}
		put(j+1, l+1, state{ms: ms + s.segmentMS(i, j+1), i: i, l: l, step: step{segment: true, from: i, to: j + 1}, ok: true})
	}
}

// segmentMS is the time of a round that runs the items from i to j whole.
func (s *search) segmentMS(i, j int) float64 {
	from, to := s.l.border(i), s.l.border(j)
	var w work
	for _, n := range s.l.order[from:to] {
		w = w.plus(s.e.work[n])
	}
	in, out := s.l.alive[from], s.l.alive[to]
	m := s.e.model
	return m.roundTrip(1) + m.wire(in, m.RequestMBs) + m.wire(out, m.ReplyMBs) + m.codec(2*(in+out)) + m.compute(w, s.e.vcpu)
}

// trace makes the choice of the best states.
func (s *search) trace(best [][]state, level int) (*choice, bool) {
	c := &choice{shards: s.n}
	var spans [][2]int
	for i, l := len(s.l.items), level; i > 0; {
		st := best[i][l]
		switch {
		case st.step.region != nil:
			c.regions = append(c.regions, st.step.region)
		case st.step.segment:
			spans = append(spans, [2]int{st.step.from, st.step.to})
		}
		i, l = st.i, st.l
	}
	slices.Reverse(spans)
	slices.Reverse(c.regions)
	return s.fill(c, spans), true
}

// fill adds the segments' nodes; what a region has is not a segment's. Segments are dealt out to the shards in turn.
func (s *search) fill(c *choice, spans [][2]int) *choice {
	for i, sp := range spans {
		nodes := s.l.nodes(s.l.border(sp[0]), s.l.border(sp[1]))
		nodes = slices.DeleteFunc(nodes, func(n int) bool {
			return slices.ContainsFunc(c.regions, func(r *sharding.Region) bool { return r.Has(n) })
		})
		c.segments = append(c.segments, segment{nodes: nodes, shard: i % s.n})
	}
	return c
}

// pipeline cuts the whole graph into exactly n segments, one a shard, so that the largest has the fewest bytes, and then the least crosses
// the borders. ok is false when there are fewer items.
func (s *search) pipeline() (*choice, bool) {
	k := len(s.l.items)
	if k < s.n {
		return nil, false
	}
	type cell struct {
		largest, crossing int64
		from              int
	}
	better := func(a, b cell) bool {
		return a.largest < b.largest || a.largest == b.largest && a.crossing < b.crossing
	}
	sum := make([]int64, k+1)
	for i, it := range s.l.items {
		sum[i+1] = sum[i] + it.bytes
	}
	best := make([][]cell, s.n+1)
	for p := range best {
		best[p] = make([]cell, k+1)
		for i := range best[p] {
			best[p][i] = cell{largest: math.MaxInt64}
		}
	}
	best[0][0] = cell{}
	for p := 1; p <= s.n; p++ {
		for to := p; to <= k; to++ {
			for from := p - 1; from < to; from++ {
				before := best[p-1][from]
				if before.largest == math.MaxInt64 {
					continue
				}
				c := cell{max(before.largest, sum[to]-sum[from]), before.crossing + s.l.alive[s.l.border(to)], from}
				if better(c, best[p][to]) {
					best[p][to] = c
				}
			}
		}
	}
	var spans [][2]int
	for p, to := s.n, k; p > 0; p-- {
		spans = append(spans, [2]int{best[p][to].from, to})
		to = best[p][to].from
	}
	slices.Reverse(spans)
	return s.fill(&choice{shards: s.n}, spans), true
}
