package plan

import (
	"slices"

	"github.com/shardwise/shardwise/splitter/sharding"
)

// chances are the prices, in milliseconds a megabyte, that the search puts on weights at the coordinator. Each gives another candidate; the
// estimate and the limits choose among them.
func chances() []float64 { return []float64{0, 0.01, 0.1, 1, 10, 1e6} }

// search makes candidates for one number of shards.
type search struct {
	l       *line
	works   []work
	sizes   *sizes
	model   *CostModel
	n       int
	limit   int64 // bytes of weights that a shard may have
	vcpu    float64
	local   float64  // processors of the coordinator
	started bool     // there is a stage without the items
	regions [][]span // by the first item that they spare
}

// span is a region over the items that it spares.
type span struct {
	r      *sharding.Region
	covers []int // ascending
	ms     float64
	passed float64 // what the coordinator computes of the items between
	bytes  int64   // of the items between
	waits  bool    // an item of it needs one before its first
}

// newSearch prepares the regions; placed are nodes that have their places already and come before what needs them.
func (p *Planner) newSearch(l *line, n int, limit int64, size Size, placed []int) *search {
	s := &search{l: l, works: p.prof.work, sizes: p.prof.sizes, model: p.o.Model, n: n, limit: limit, vcpu: p.o.Model.vcpu(size.ShardMB), local: p.o.Model.vcpu(size.CoordinatorMB),
		started: len(placed) > 0, regions: make([][]span, len(l.items))}
	index := map[int]int{}
	for i, it := range l.items {
		index[it.node] = i
	}
	for _, r := range p.regions {
		if r.Units < n || slices.ContainsFunc(placed, r.Has) {
			continue
		}
		if sp := s.span(r, index); len(sp.covers) > 0 {
			sp.waits = s.waits(&sp)
			s.regions[sp.covers[0]] = append(s.regions[sp.covers[0]], sp)
		}
	}
	return s
}

// waits reports whether an item of the region needs one before its first, or a placed node: then it may have to wait for another round.
func (s *search) waits(sp *span) bool {
	return slices.ContainsFunc(sp.covers, func(c int) bool { return s.l.late[c] || len(s.l.needs[c]) > 0 && s.l.needs[c][0] < sp.covers[0] })
}

func (s *search) span(r *sharding.Region, index map[int]int) span {
	sp := span{r: r}
	var w work
	for _, n := range r.Nodes {
		w = w.plus(s.works[n].share(1 / float64(s.n)))
		if i, ok := index[n]; ok && s.cutWeight(r, n) {
			sp.covers = append(sp.covers, i)
		}
	}
	slices.Sort(sp.covers)
	in, out := s.border(r.Inputs), s.border(r.Outputs)
	m := s.model
	sp.ms = m.compute(w, s.vcpu) + m.wire(in, m.RequestMBs) + m.wire(out, m.ReplyMBs) + m.codec((in+out)*int64(s.n), s.local) + m.codec(max(in, out), s.vcpu)
	if len(sp.covers) == 0 {
		return sp
	}
	for j := sp.covers[0]; j <= sp.covers[len(sp.covers)-1]; j++ {
		if _, found := slices.BinarySearch(sp.covers, j); !found {
			sp.passed += m.compute(s.works[s.l.items[j].node], s.local)
			sp.bytes += s.l.items[j].bytes
		}
	}
	return sp
}

// border are the bytes of a region's inputs or outputs at one shard.
func (s *search) border(list []sharding.Border) int64 {
	total := int64(0)
	for _, b := range list {
		bytes := s.sizes.bytes(s.l.g.Values[b.Value])
		if b.Placement.Kind == sharding.Shard {
			bytes /= int64(s.n)
		}
		total += bytes
	}
	return total
}

// cutWeight reports whether the region cuts a weight of the node that is worth placing.
func (s *search) cutWeight(r *sharding.Region, node int) bool {
	if r.Experts(node) {
		return true
	}
	for i, in := range s.l.g.Nodes[node].Inputs {
		if w := s.l.g.Weight(in); w != nil && sharding.Bytes(w) >= s.l.g.Worth && r.Operand(node, i).Kind == sharding.Shard {
			return true
		}
	}
	return false
}

// state is the cheapest way to place the items before one: with no stage so far, or with some.
type state struct {
	ms     float64
	rounds int
	i      int // the state before
	begun  bool
	step   step
	ok     bool
}

// step is how the items from one state to the next are placed: a region, a segment of so many items, or one item at the coordinator.
type step struct {
	region  *sharding.Region
	segment bool
}

// table holds the states by item and by whether there is a stage.
type table [][2]state

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// put enters a state unless there is one as good: of equal times, the fewer rounds.
func (t table) put(to int, begun bool, st state) {
	st.ok = true
	if old := &t[to][flag(begun)]; !old.ok || st.ms < old.ms || st.ms == old.ms && st.rounds < old.rounds {
		*old = st
	}
}

// walk finds the cheapest placement of all items with regions, segments, or both, at a price for local weights. ok is false when there
// is none that has a stage.
func (s *search) walk(regions, segments bool, price float64) (*choice, bool) {
	k := len(s.l.items)
	best := make(table, k+1)
	best.put(0, s.started, state{})
	for i := range k {
		for _, begun := range []bool{false, true} {
			at := best[i][flag(begun)]
			if !at.ok {
				continue
			}
			it := s.l.items[i]
			best.put(i+1, begun, state{ms: at.ms + s.model.compute(s.works[it.node], s.local) + price*float64(it.bytes)/1e6, rounds: at.rounds, i: i, begun: begun})
			if regions {
				s.byRegions(best, i, begun, price)
			}
			if segments {
				s.bySegments(best, i, begun)
			}
		}
	}
	if !best[k][1].ok {
		return nil, false
	}
	return s.trace(best), true
}

// byRegions places the regions that begin with item i. What lies between a region's items and is not its own stays local.
func (s *search) byRegions(best table, i int, begun bool, price float64) {
	at := best[i][flag(begun)]
	for j := range s.regions[i] {
		sp := &s.regions[i][j]
		st := state{ms: at.ms + sp.ms + sp.passed + price*float64(sp.bytes)/1e6, rounds: at.rounds, i: i, begun: begun, step: step{region: sp.r}}
		if !begun || sp.waits {
			st.ms, st.rounds = st.ms+s.model.roundTrip(s.n), st.rounds+1
		}
		best.put(sp.covers[len(sp.covers)-1]+1, true, st)
	}
}

func (s *search) bySegments(best table, i int, begun bool) {
	at := best[i][flag(begun)]
	total := int64(0)
	for j := i; j < len(s.l.items); j++ {
		if total += s.l.items[j].bytes; total > s.limit && j > i {
			return
		}
		best.put(j+1, true, state{ms: at.ms + s.segmentMS(i, j+1), rounds: at.rounds + 1, i: i, begun: begun, step: step{segment: true}})
	}
}

// segmentMS is the time of a round that runs the items from i to j whole.
func (s *search) segmentMS(i, j int) float64 {
	from, to := s.l.edges[i], s.l.edges[j]
	in, out := s.l.alive[from], s.l.alive[to]
	m := s.model
	return m.roundTrip(1) + m.wire(in, m.RequestMBs) + m.wire(out, m.ReplyMBs) + m.codec(in+out, s.local) + m.codec(in+out, s.vcpu) + m.compute(s.l.between(from, to), s.vcpu)
}

// trace makes the choice of the best states.
func (s *search) trace(best table) *choice {
	c := &choice{shards: s.n}
	var spans [][2]int
	for i, begun := len(s.l.items), true; i > 0; {
		st := best[i][flag(begun)]
		switch {
		case st.step.region != nil:
			c.cuts = append(c.cuts, cut{st.step.region, st.step.region.Bounds(s.n)})
		case st.step.segment:
			spans = append(spans, [2]int{st.i, i})
		}
		i, begun = st.i, st.begun
	}
	slices.Reverse(spans)
	slices.Reverse(c.cuts)
	return s.fill(c, spans)
}

// fill adds the segments' nodes; what a region has is not a segment's. Segments are dealt out to the shards in turn.
func (s *search) fill(c *choice, spans [][2]int) *choice {
	for i, sp := range spans {
		nodes := s.l.nodes(s.l.edges[sp[0]], s.l.edges[sp[1]])
		nodes = slices.DeleteFunc(nodes, func(n int) bool {
			return slices.ContainsFunc(c.cuts, func(x cut) bool { return x.region.Has(n) })
		})
		c.segments = append(c.segments, segment{nodes: nodes, shard: i % s.n})
	}
	return c
}
