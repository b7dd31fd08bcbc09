package plan

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// profile is what a plan does, whatever the functions' memory: an estimate is a profile at given sizes.
type profile struct {
	rounds  []roundProfile
	local   work
	weights []int64 // by shard
	perRow  []int64 // bytes of a row in flight, by shard
	own     int64   // weights of the coordinator
}

// roundProfile is one stage: parallel lists by position.
type roundProfile struct {
	shards         []int
	work           []work
	request, reply []int64
	wakes          []bool    // the shard's first stage
	asked          []float64 // how often a request needs it
	in, out, inner []int64   // bytes of one row: inputs, outputs, the widest value between
}

// profiler makes profiles of plans of one graph.
type profiler struct {
	g      *sharding.Graph
	sizes  *sizes
	work   []work
	shared map[string]bool // weights with several readers
}

func newProfiler(g *sharding.Graph, sz *sizes) *profiler {
	p := &profiler{g: g, sizes: sz, shared: map[string]bool{}}
	for i := range g.Nodes {
		p.work = append(p.work, sz.workOf(g, i))
	}
	for name := range g.Weights {
		p.shared[name] = len(g.Consumers[name]) > 1
	}
	return p
}

func (e *profiler) profile(p *partition.Plan) *profile {
	out := &profile{weights: make([]int64, p.Shards), perRow: make([]int64, p.Shards)}
	staged := make([]bool, len(e.g.Nodes))
	seen := make([]map[string]bool, p.Shards)
	awake := make([]bool, p.Shards)
	for k := range p.Stages {
		st := program.NewStage("", e.g, p.Stages[k].Shards, p.Stages[k].Pieces)
		n := len(st.Shards)
		r := roundProfile{shards: st.Shards, work: make([]work, n), wakes: make([]bool, n)}
		for _, list := range []*[]int64{&r.request, &r.reply, &r.in, &r.out, &r.inner} {
			*list = make([]int64, n)
		}
		for position, s := range st.Shards {
			r.wakes[position] = !awake[s]
			awake[s] = true
		}
		for i := range st.Pieces {
			for _, n := range st.Pieces[i].All() {
				staged[n] = true
			}
			e.piece(&st.Pieces[i], st.Shards, &r, out, seen)
		}
		e.messages(st, &r)
		r.asked = e.asked(st)
		for position, s := range st.Shards {
			out.perRow[s] = max(out.perRow[s], partition.PerRow(r.in[position], r.out[position], r.inner[position]))
		}
		out.rounds = append(out.rounds, r)
	}
	for n := range e.g.Nodes {
		if !staged[n] {
			out.local = out.local.plus(e.work[n])
		}
	}
	out.own = e.localWeights(staged)
	return out
}

// localWeights are the bytes of the weights that nodes in no stage read.
func (e *profiler) localWeights(staged []bool) int64 {
	total := int64(0)
	seen := map[string]bool{}
	for n := range e.g.Nodes {
		if staged[n] {
			continue
		}
		for _, in := range sharding.Reads(e.g.Nodes[n]) {
			if w := e.g.Weight(in); w != nil && !seen[in] {
				seen[in] = true
				total += sharding.Bytes(w)
			}
		}
	}
	return total
}

// holding is a weight that a piece needs: bytes in all of it, and whether it is cut with the piece's units.
type holding struct {
	name       string
	bytes      int64
	cut        bool
	dim, outer int
	inner      int64 // bytes of a row of its widest dimension
	expert     int   // the unit that has it alone, from 1; 0: every one has it or its part
}

// piece adds what the shards compute and hold for a piece.
func (e *profiler) piece(p *program.Piece, shards []int, r *roundProfile, out *profile, seen []map[string]bool) {
	scaled, fixed := e.pieceWork(p)
	holdings := e.holdings(p)
	for position, s := range shards {
		if !p.Has(position) {
			continue
		}
		lo, hi, units := int64(0), int64(1), int64(1)
		if p.Region != nil {
			lo, hi, units = int64(p.Bounds[position]), int64(p.Bounds[position+1]), int64(p.Region.Units)
		}
		r.work[position] = r.work[position].plus(scaled.share(float64(hi-lo) / float64(units))).plus(fixed)
		for i := range holdings {
			h := &holdings[i]
			if at := int64(h.expert); at > 0 && (at <= lo || at > hi) {
				continue
			}
			bytes := h.bytes
			if h.cut {
				bytes = h.bytes / units * (hi - lo)
			}
			r.inner[position] = max(r.inner[position], min(h.inner, bytes))
			if e.shared[h.name] {
				key := h.key(lo, hi)
				if seen[s] == nil {
					seen[s] = map[string]bool{}
				}
				if seen[s][key] {
					continue
				}
				seen[s][key] = true
			}
			out.weights[s] += bytes
		}
	}
}

// pieceWork is the work of a piece: what is shared out by units, and what every shard does whole. Partial results have their whole shape everywhere,
// and a look-up in a part of a table looks at every index and masks the result.
func (e *profiler) pieceWork(p *program.Piece) (scaled, fixed work) {
	for _, n := range p.List() {
		w := e.work[n]
		if p.Region == nil {
			scaled = scaled.plus(w)
			continue
		}
		switch made := w.elements; {
		case p.Region.Experts(n): // what they compute is shared out, what they yield is whole
		case e.g.Nodes[n].Op == embedding.OpBag && p.Region.Lookup(n): // it passes over rows that it has not
		case p.Region.Lookup(n) && p.Routed && len(p.List()) == 1: // it has no rows of others to mask
		case p.Region.Lookup(n):
			fixed.elements, w.elements = fixed.elements+2*made, 0
		case p.Region.Result(n, 0).Kind == sharding.Partial:
			fixed.elements, w.elements = fixed.elements+made, 0
		default: // narrower rows, but as many
			fixed.lookups, w.lookups = fixed.lookups+w.lookups, 0
		}
		scaled = scaled.plus(w)
	}
	for _, end := range p.Ends {
		scaled = scaled.plus(e.work[end.Node])
	}
	return scaled.plus(e.normWork(p)), fixed
}

// holdings are the weights of a piece, each once for each way to cut it.
func (e *profiler) holdings(p *program.Piece) []holding {
	var out []holding
	for _, n := range p.List() {
		if p.Region != nil && p.Region.Experts(n) {
			out = append(out, e.expertHoldings(n, p.Region.ExpertsEach(n))...)
			continue
		}
		for _, name := range sharding.Reads(e.g.Nodes[n]) {
			in := slices.Index(e.g.Nodes[n].Inputs, name) // -1 when a body captures it
			w := e.g.Weight(name)
			if w == nil || p.Region != nil && p.Region.Once(n) == in {
				continue
			}
			h := holding{name: name, bytes: sharding.Bytes(w), inner: partition.Widest(e.g.Nodes[n], in, w)}
			if p.Region != nil {
				if pl := p.Region.Operand(n, in); pl.Kind == sharding.Shard {
					h.cut, h.dim, h.outer = true, pl.Dim, pl.Outer
				}
			}
			if !slices.Contains(out, h) {
				out = append(out, h)
			}
		}
	}
	return append(out, e.normHoldings(p)...)
}

// key tells parts of one weight apart.
func (h *holding) key(lo, hi int64) string {
	if !h.cut {
		return h.name
	}
	return fmt.Sprint(h.name, h.dim, h.outer, lo, hi)
}

// messages adds the bytes to and from every shard.
func (e *profiler) messages(st *program.Stage, r *roundProfile) {
	row := &sizes{other: 1}
	flows := e.flows(st)
	for _, in := range st.Inputs() {
		if in.Route != "" {
			e.routedInput(st, &in, flows[in.Route], r)
			continue
		}
		whole, one := e.sizes.bytes(in.Type), row.bytes(in.Type)
		for _, p := range in.Positions {
			r.request[p] += part(whole, in.Placement, in.Bounds, p)
			r.in[p] += part(one, in.Placement, in.Bounds, p)
		}
	}
	for _, o := range st.Outputs() {
		for at, p := range o.Positions {
			for _, c := range o.Parts() {
				v := c.Type
				if c.Cut {
					v.Dims = slices.Clone(v.Dims)
					v.Dims[o.Placement.Dim] = graph.Dim{Size: o.Local(at)}
				}
				bytes := e.sizes.bytes(v)
				if f := flows[o.Route]; f != nil {
					bytes = int64(float64(bytes) * f.groups[at])
				}
				r.reply[p] += bytes
				r.out[p] += row.bytes(v)
			}
		}
	}
}

func part(whole int64, p sharding.Placement, bounds []int, at int) int64 {
	if p.Kind != sharding.Shard || len(bounds) == 0 {
		return whole
	}
	return whole * int64(bounds[at+1]-bounds[at]) / int64(max(bounds[len(bounds)-1], 1))
}
