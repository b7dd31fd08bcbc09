package plan

import (
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
)

// flow is which parts of all numbers and of all groups each receiver of a route gets, by place, when numbers are spread evenly over what is owned.
type flow struct{ numbers, groups []float64 }

// flows are the flows of a stage's routes, by name.
func (e *profiler) flows(st *program.Stage) map[string]*flow {
	routes := st.Routes()
	if len(routes) == 0 {
		return nil
	}
	out := map[string]*flow{}
	for i := range routes {
		r := &routes[i]
		f := &flow{}
		each := e.numbersEach(r)
		total := float64(max(r.Bounds[len(r.Bounds)-1], 1))
		for place := range r.Positions {
			share := float64(r.Bounds[place+1]-r.Bounds[place]) / total
			f.numbers, f.groups = append(f.numbers, share), append(f.groups, 1-math.Pow(1-share, each))
		}
		out[r.Name] = f
	}
	return out
}

// numbersEach is how many numbers decide about a group.
func (e *profiler) numbersEach(r *program.Route) float64 {
	v := e.g.Values[r.Value]
	all := e.sizes.elements(v)
	switch r.Kind {
	case manifest.RouteRow:
		return all / max(e.sizes.dim(v.Dims[0]), 1)
	case manifest.RouteBag:
		return all / max(e.sizes.elements(e.g.Values[r.Groups])-1, 1)
	case manifest.RouteGate:
		if r.Top == 0 {
			return math.Inf(1) // every row may have every expert
		}
		return float64(r.Top)
	}
	return 1
}

// routedInput adds what the receivers of a route get of a value.
func (e *profiler) routedInput(st *program.Stage, in *program.Input, f *flow, r *roundProfile) {
	v, row := e.g.Values[in.Value], &sizes{other: 1}
	route := st.Route(in.Route)
	for place, p := range in.Positions {
		share := f.groups[place]
		if route.Kind == manifest.RouteBag && in.Part != manifest.PartGroups {
			share = f.numbers[place]
		}
		part := share
		if route.Kind == manifest.RouteGate && in.Part == manifest.PartKeys {
			part *= f.numbers[place]
		}
		r.request[p] += int64(float64(e.sizes.bytes(v)) * part)
		r.in[p] += row.bytes(v)
	}
}

// route chooses for every piece that can be routed the form that sends fewer bytes: only what belongs to a shard, or everything masked.
func (e *profiler) route(p *partition.Plan) {
	for k := range p.Stages {
		st := &p.Stages[k]
		for i := range st.Pieces {
			x := &st.Pieces[i]
			if x.Region == nil || len(x.Norms)+len(x.Moments) > 0 || program.RouteOf(e.g, x.Region) == "" {
				continue
			}
			masked, routed := *x, *x
			masked.Routed, routed.Routed = false, true
			x.Routed = e.sent(st.Shards, routed) < e.sent(st.Shards, masked)
		}
	}
}

// sent are the bytes of all messages of a stage of one piece.
func (e *profiler) sent(shards []int, p program.Piece) int64 {
	n := len(shards)
	var r roundProfile
	for _, list := range []*[]int64{&r.request, &r.reply, &r.in, &r.out} {
		*list = make([]int64, n)
	}
	e.messages(program.NewStage("", e.g, shards, []program.Piece{p}), &r)
	total := int64(0)
	for _, bytes := range slices.Concat(r.request, r.reply) {
		total += bytes
	}
	return total
}

// asked is the share of requests that need the shards of a stage, by position: one with nothing but routed parts is left out when it owns none of a
// request's numbers.
func (e *profiler) asked(st *program.Stage) []float64 {
	out := make([]float64, len(st.Shards))
	for i := range out {
		out[i] = 1
	}
	if len(st.Routes()) == 0 {
		return out
	}
	for i := range out {
		idle, always := 1.0, false
		for _, o := range st.Outputs() {
			place := slices.Index(o.Positions, i)
			if place < 0 {
				continue
			}
			r := st.Route(o.Route)
			if r == nil {
				always = true
				break
			}
			idle *= math.Pow(1-float64(r.Bounds[place+1]-r.Bounds[place])/float64(r.Bounds[len(r.Bounds)-1]), e.numbers(r))
		}
		if !always {
			out[i] = 1 - idle
		}
	}
	return out
}

// numbers is how many numbers decide in a request.
func (e *profiler) numbers(r *program.Route) float64 {
	all := e.sizes.elements(e.g.Values[r.Value])
	if r.Kind == manifest.RouteGate {
		return all / float64(r.Bounds[len(r.Bounds)-1]) * e.numbersEach(r)
	}
	return all
}
