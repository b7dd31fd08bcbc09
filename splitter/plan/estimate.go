package plan

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Estimate is what a plan is reckoned to take for one request. Times are in milliseconds, sizes in bytes.
type Estimate struct {
	WarmMS, ColdMS float64
	CostPerMillion float64 // US dollars for a million requests, all warm
	Rounds         []Round
	LocalMS        float64 // what the coordinator computes itself
	ShardWeights   []int64 // by shard
	LocalWeights   int64
}

// Round is one stage of an Estimate.
type Round struct {
	Shards         int
	RequestBytes   int64 // to all shards together, before base64
	ReplyBytes     int64
	LargestRequest int64
	LargestReply   int64
	ComputeMS      float64 // of the slowest shard
	MS             float64 // of the whole round, with its messages
}

// estimator knows what is needed to estimate plans of one graph.
type estimator struct {
	g       *sharding.Graph
	model   *CostModel
	sizes   *sizes
	work    []work
	vcpu    float64 // of a shard's function
	local   float64 // of the coordinator's
	memory  float64 // GB of a shard's function
	localGB float64
}

func newEstimator(g *sharding.Graph, o *Options) *estimator {
	e := &estimator{g: g, model: o.Model, sizes: &sizes{symbols: o.Symbols, other: o.OtherSize}, vcpu: o.Model.vcpu(o.MemoryMB), local: o.Model.vcpu(o.CoordinatorMB),
		memory: float64(o.MemoryMB) / 1024, localGB: float64(o.CoordinatorMB) / 1024}
	for i := range g.Nodes {
		e.work = append(e.work, e.sizes.workOf(g, i))
	}
	return e
}

// estimate reckons a plan.
func (e *estimator) estimate(p *partition.Plan) *Estimate {
	out := &Estimate{ShardWeights: make([]int64, p.Shards)}
	staged := make([]bool, len(e.g.Nodes))
	seen := make([]map[string]bool, p.Shards)
	shardSeconds := 0.0
	cold := map[int]float64{}
	calls := 0
	for k := range p.Stages {
		st := program.NewStage(fmt.Sprint(k), e.g, p.Stages[k].Shards, p.Stages[k].Pieces)
		r := Round{Shards: len(st.Shards)}
		for i := range st.Pieces {
			for _, n := range st.Pieces[i].All() {
				staged[n] = true
			}
		}
		for position, s := range st.Shards {
			if seen[s] == nil {
				seen[s] = map[string]bool{}
			}
			ms := e.model.compute(e.shardWork(st, position), e.vcpu)
			in, reply := e.messages(st, position)
			r.RequestBytes, r.ReplyBytes = r.RequestBytes+in, r.ReplyBytes+reply
			r.LargestRequest, r.LargestReply = max(r.LargestRequest, in), max(r.LargestReply, reply)
			r.ComputeMS = max(r.ComputeMS, ms)
			out.ShardWeights[s] += e.shardWeights(st, position, seen[s])
			shardSeconds += (ms + e.model.codec(in+reply)) / 1e3
			calls++
		}
		r.MS = e.model.roundTrip(r.Shards) + e.model.wire(r.LargestRequest, e.model.RequestMBs) + e.model.wire(r.LargestReply, e.model.ReplyMBs) +
			e.model.codec(r.RequestBytes+r.ReplyBytes+r.LargestRequest+r.LargestReply) + r.ComputeMS
		out.Rounds = append(out.Rounds, r)
		out.WarmMS += r.MS
		for _, s := range st.Shards {
			cold[k] = max(cold[k], e.coldness(out, s, k, p))
		}
	}
	var local work
	seenLocal := map[string]bool{}
	for n := range e.g.Nodes {
		if staged[n] {
			continue
		}
		local = local.plus(e.work[n])
		for _, in := range sharding.Reads(e.g.Nodes[n]) {
			if w := e.g.Weight(in); w != nil && !seenLocal[in] {
				seenLocal[in] = true
				out.LocalWeights += sharding.Bytes(w)
			}
		}
	}
	out.LocalMS = e.model.compute(local, e.local)
	out.WarmMS += out.LocalMS
	out.ColdMS = out.WarmMS + e.model.ColdStartMS + float64(out.LocalWeights)/e.model.ColdLoadMBs/1e3
	for _, ms := range cold {
		out.ColdMS += ms
	}
	seconds := out.WarmMS / 1e3
	out.CostPerMillion = 1e6 * ((seconds*e.localGB+shardSeconds*e.memory)*e.model.PriceGBs + float64(calls+1)*e.model.PriceRequest)
	return out
}

// coldness is what the first request of shard s in stage k waits for its process and weights; nothing when an earlier stage woke it.
func (e *estimator) coldness(out *Estimate, s, k int, p *partition.Plan) float64 {
	for earlier := range k {
		for _, t := range p.Stages[earlier].Shards {
			if t == s {
				return 0
			}
		}
	}
	return e.model.ColdStartMS + float64(out.ShardWeights[s])/e.model.ColdLoadMBs/1e3
}

// shardWork is what the shard at the position computes in a stage.
func (e *estimator) shardWork(st *program.Stage, position int) work {
	var w work
	for i := range st.Pieces {
		p := &st.Pieces[i]
		if !p.Has(position) {
			continue
		}
		part := 1.0
		if p.Region != nil {
			part = float64(p.Bounds[position+1]-p.Bounds[position]) / float64(p.Region.Units)
		}
		for _, n := range p.List() {
			w = w.plus(e.work[n].share(part))
		}
	}
	return w
}

// messages are the bytes to and from the shard at the position.
func (e *estimator) messages(st *program.Stage, position int) (request, reply int64) {
	for _, in := range st.Inputs() {
		for _, p := range in.Positions {
			if p == position {
				request += e.part(in.Value, in.Placement, in.Bounds, position)
			}
		}
	}
	for _, o := range st.Outputs() {
		for at, p := range o.Positions {
			if p == position {
				reply += e.partial(&o, at)
			}
		}
	}
	return request, reply
}

// partial is the size of what the shard at the place yields of an output.
func (e *estimator) partial(o *program.Output, place int) int64 {
	total := int64(0)
	for _, c := range o.Parts() {
		v := c.Type
		if c.Cut {
			v.Dims = slices.Clone(v.Dims)
			v.Dims[o.Placement.Dim] = graph.Dim{Size: o.Local(place)}
		}
		total += e.sizes.bytes(v)
	}
	return total
}

func (e *estimator) part(value string, p sharding.Placement, bounds []int, at int) int64 {
	whole := e.sizes.bytes(e.g.Values[value])
	if p.Kind != sharding.Shard || len(bounds) == 0 {
		return whole
	}
	return whole * int64(bounds[at+1]-bounds[at]) / int64(max(bounds[len(bounds)-1], 1))
}

// shardWeights are the bytes of weights that a stage adds to the shard at the position; what seen has is there already.
func (e *estimator) shardWeights(st *program.Stage, position int, seen map[string]bool) int64 {
	total := int64(0)
	enter := func(w *graph.Weight, key string, bytes int64) {
		if !seen[key] {
			seen[key] = true
			total += bytes
		}
	}
	for i := range st.Pieces {
		p := &st.Pieces[i]
		if !p.Has(position) {
			continue
		}
		for _, n := range p.List() {
			for in, name := range e.g.Nodes[n].Inputs {
				w := e.g.Weight(name)
				if w == nil {
					continue
				}
				if p.Region == nil {
					enter(w, name, sharding.Bytes(w))
					continue
				}
				if pl := p.Region.Operand(n, in); pl.Kind == sharding.Shard {
					share := sharding.Bytes(w) * int64(p.Bounds[position+1]-p.Bounds[position]) / int64(p.Region.Units)
					enter(w, fmt.Sprint(name, pl.Dim, pl.Outer), share)
				} else if p.Region.Once(n) != in {
					enter(w, name, sharding.Bytes(w))
				}
			}
		}
	}
	return total
}
