package program

import (
	"slices"

	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Route is the route of a piece, in the manifest's terms (docs/decisions/0013).
type Route struct {
	Name, Kind, Value, Groups string

	Bounds    []int // rows or columns, one more than Positions
	Positions []int // who takes part, ascending
	Lead      int   // how many dimensions of the merged value count groups
	Output    string
	Top       int // gate: how many weights of a row are not 0, as far as is known
}

// RouteOf is the kind of route by which the shards of a region can be sent only what they need; "" when there is none.
func RouteOf(g *sharding.Graph, r *sharding.Region) string {
	first := r.Nodes[0]
	n := g.Nodes[first]
	if len(r.Outputs) != 1 || r.Outputs[0].Placement.Kind != sharding.Partial {
		return ""
	}
	computed := func(in int) bool { return in >= len(n.Inputs) || n.Inputs[in] == "" || g.Weight(n.Inputs[in]) == nil }
	switch {
	case n.Op == "Gather" && r.Lookup(first) && computed(1):
		if len(r.Nodes) == 1 {
			return manifest.RouteIndex
		}
		if len(g.Values[n.Inputs[1]].Dims) > 0 && keepsRows(g, r.Nodes[1:]) {
			return manifest.RouteRow
		}
	case n.Op == embedding.OpBag && len(r.Nodes) == 1 && computed(embedding.InIndices) && computed(embedding.InOffsets) && computed(embedding.InFactors):
		return manifest.RouteBag
	case r.Experts(first) && computed(experts.InRows) && computed(experts.InGates) && n.Inputs[experts.InRows] != n.Inputs[experts.InGates] && known(g.Values[n.Inputs[experts.InRows]].Dims, len(g.Values[n.Outputs[0]].Dims)-1):
		return manifest.RouteGate
	}
	return ""
}

// keepsRows reports whether reductions leave dimension 0 as it is, and sizes that are known behind it.
func keepsRows(g *sharding.Graph, nodes []int) bool {
	for _, i := range nodes {
		n := g.Nodes[i]
		axes := n.Attrs["axes"].Ints
		if len(n.Inputs) > 1 && n.Inputs[1] != "" {
			axes = sharding.Ints(g.Weight(n.Inputs[1]))
		}
		rank := int64(len(g.Values[n.Inputs[0]].Dims))
		if len(axes) == 0 || slices.ContainsFunc(axes, func(a int64) bool { return a == 0 || a == -rank }) {
			return false
		}
		if !known(g.Values[n.Outputs[0]].Dims, 1) {
			return false
		}
	}
	return true
}

// known reports whether the sizes from dimension from on are.
func known(dims []graph.Dim, from int) bool {
	return len(dims) >= from && !slices.ContainsFunc(dims[from:], func(d graph.Dim) bool { return d.Size < 0 })
}

// Routes are the stage's routes, piece by piece. The slice is read-only.
func (s *Stage) Routes() []Route { return s.routes }

// Route is the stage's route of the name, nil when there is none.
func (s *Stage) Route(name string) *Route {
	i := slices.IndexFunc(s.routes, func(r Route) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &s.routes[i]
}

// routedBorder enters the route of a piece, the parts that its shards get, and what they yield.
func (s *Stage) routedBorder(p *Piece) {
	first, out := p.Region.Nodes[0], &p.Region.Outputs[0]
	n, positions := s.Graph.Nodes[first], s.positions(p)
	r := Route{Name: s.unused(out.Value + "/route"), Kind: RouteOf(s.Graph, p.Region), Positions: positions, Lead: 1, Output: out.Value}
	each := p.Region.Operand(first, 0).Inner
	if r.Kind == manifest.RouteGate {
		each = p.Region.ExpertsEach(first)
	}
	r.Bounds = dense(scale(p.Bounds, each))
	part := func(in int, kind string) {
		if in < len(n.Inputs) && n.Inputs[in] != "" {
			value := n.Inputs[in]
			s.inputs = append(s.inputs, Input{Name: s.unused(value + "/" + kind), Value: value, Type: s.Graph.Values[value], Positions: positions, Route: r.Name, Part: kind})
		}
	}
	o := Output{Name: out.Value, Of: out.Value, Type: s.Graph.Values[out.Value], Placement: out.Placement, Positions: positions, Once: -1, Completes: -1, Route: r.Name}
	r.Value = n.Inputs[1]
	switch r.Kind {
	case manifest.RouteIndex:
		r.Lead = len(s.Graph.Values[r.Value].Dims)
		o.Placement, o.Merge = sharding.Placement{Kind: sharding.Shard}, manifest.MergeScatterBack
		part(1, manifest.PartKeys)
	case manifest.RouteRow:
		part(1, manifest.PartItems)
	case manifest.RouteBag:
		r.Value, r.Groups = n.Inputs[embedding.InIndices], n.Inputs[embedding.InOffsets]
		part(embedding.InIndices, manifest.PartKeys)
		part(embedding.InOffsets, manifest.PartGroups)
		part(embedding.InFactors, manifest.PartItems)
	case manifest.RouteGate:
		r.Value, r.Lead = n.Inputs[experts.InGates], len(s.Graph.Values[n.Inputs[experts.InGates]].Dims)-1
		part(experts.InGates, manifest.PartKeys)
		part(experts.InRows, manifest.PartItems)
		r.Top = int(n.Int(experts.AttrTop, 0))
	}
	s.routes, s.outputs = append(s.routes, r), append(s.outputs, o)
}

// routed is the name under which a node of a routed piece sees a value from outside.
func (s *Stage) routed(p *Piece, value string) string {
	for i := range s.routes {
		if s.routes[i].Output != p.Region.Outputs[0].Value {
			continue
		}
		for _, in := range s.inputs {
			if in.Route == s.routes[i].Name && in.Value == value {
				return in.Name
			}
		}
	}
	return value
}

// routedInput is the type of a part of a route at a position, as the program there declares it.
func (s *Stage) routedInput(in *Input, v graph.Value, position int) graph.Value {
	r := s.Route(in.Route)
	if r == nil {
		return v
	}
	if r.Kind == manifest.RouteBag {
		count := "items"
		if in.Part == manifest.PartGroups {
			count = "starts"
		}
		v.Dims = routedDims(v.Dims, 1, r.Name+"/"+count)
		return v
	}
	v.Dims = routedDims(v.Dims, r.Lead, r.Name)
	if r.Kind == manifest.RouteGate && in.Part == manifest.PartKeys {
		place := slices.Index(r.Positions, position)
		v.Dims[1] = graph.Dim{Size: r.Bounds[place+1] - r.Bounds[place]}
	}
	return v
}

// routedDims are dimensions whose first lead ones become the shard's own number of something.
func routedDims(dims []graph.Dim, lead int, symbol string) []graph.Dim {
	return append([]graph.Dim{{Size: -1, Symbol: symbol}}, dims[lead:]...)
}

// Messages are the types of what the shard at the position gets and yields, at most: a routed value with all its groups.
func (s *Stage) Messages(position int) (in, out []graph.Value) {
	for i := range s.inputs {
		if x := &s.inputs[i]; slices.Contains(x.Positions, position) {
			v := x.Type
			if v.Dims = slices.Clone(v.Dims); x.Placement.Kind == sharding.Shard {
				v.Dims[x.Placement.Dim] = graph.Dim{Size: x.Bounds[position+1] - x.Bounds[position]}
			}
			in = append(in, v)
		}
	}
	for i := range s.outputs {
		o := &s.outputs[i]
		at := slices.Index(o.Positions, position)
		for _, c := range o.Parts() {
			v := c.Type
			if v.Dims = slices.Clone(v.Dims); c.Cut {
				v.Dims[o.Placement.Dim] = graph.Dim{Size: o.Local(max(at, 0))}
			}
			if at >= 0 && !slices.ContainsFunc(out, func(have graph.Value) bool { return have.Name == v.Name }) {
				out = append(out, v)
			}
		}
	}
	return in, out
}
