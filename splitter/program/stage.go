package program

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/parts"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Piece is one part of a stage: a region with the bounds of each shard's units, or Nodes, whole, on the shard at position At, or with Rows on
// every shard.
type Piece struct {
	Region *sharding.Region
	Bounds []int // one more than the stage has shards; a shard whose two bounds are equal has no part of the region
	// Routed says that each shard gets only what belongs to its units: RouteOf must have a kind for the region.
	Routed bool
	// Ends are the ends that the stage computes, by the region's output that they stand behind.
	Ends map[string]sharding.End
	// Moments are the normalisations of which the stage yields the moments, by the region's output that they read.
	Moments map[string]sharding.Norm
	// Norms are the normalisations that the stage computes of their input and its moments, by the region's input that they yield.
	Norms map[string]sharding.Norm
	Nodes []int // ascending
	At    int
	// Rows says that every shard runs the nodes for a share of the rows. The piece is the only one of its stage then.
	Rows bool
	// Opsets are the operator sets of the nodes, when they are not the graph's. The shard runs no other piece in the stage then.
	Opsets map[string]int64
}

// Has reports whether the shard at the position runs something of the piece.
func (p *Piece) Has(position int) bool {
	if p.Region != nil {
		return p.Bounds[position] < p.Bounds[position+1]
	}
	return p.Rows || p.At == position
}

// ByRows reports whether the stage gives each shard a share of the rows.
func (s *Stage) ByRows() bool {
	return slices.ContainsFunc(s.Pieces, func(p Piece) bool { return p.Rows })
}

// List are the piece's nodes, ascending.
func (p *Piece) List() []int {
	if p.Region != nil {
		return p.Region.Nodes
	}
	return p.Nodes
}

// All are the piece's nodes, the normalisations in front of it and the ends behind it.
func (p *Piece) All() []int {
	out := slices.Clone(p.List())
	for _, n := range p.Norms {
		out = append(out, n.Node)
	}
	for _, e := range p.Ends {
		out = append(out, e.Node)
	}
	slices.Sort(out)
	return out
}

// Stage is one round.
type Stage struct {
	Name   string
	Graph  *sharding.Graph
	Shards []int // indices of the shards that take part
	Pieces []Piece

	inputs  []Input
	outputs []Output
	routes  []Route
}

// Input is a value that some of the stage's shards get.
type Input struct {
	Name, Value string
	Type        graph.Value // of the whole value
	Placement   sharding.Placement
	Bounds      []int  // of a Shard: elements, one more than positions
	Positions   []int  // who gets it, ascending
	Route, Part string // of a part of a route; every other has none
}

// Output is a value that the stage yields. Without Components, Name is also the shard programs' output.
type Output struct {
	Name      string
	Of        string      // the model's value that it is a part of, when that is another
	Type      graph.Value // its type, when all parts are put together
	Placement sharding.Placement
	Bounds    []int // of a Shard: elements, one more than Positions
	Positions []int // who yields it, ascending
	// Once is the node that still has to add what counts once, -1 when there is none: Name is not Of then.
	Once int
	// Completes is the node whose result CompleteNodes make of it, -1 when there is none.
	Completes int
	// Merge is the manifest's kind of merge, with its Result and K, where the placement does not tell; Components are the partial's tensors then.
	Merge      string
	Result     string
	K          int
	Components []Component
	Route      string // the partials have the groups of this route in front
}

// Parts are the tensors of the output's partials.
func (o *Output) Parts() []Component {
	if len(o.Components) > 0 {
		return o.Components
	}
	v := o.Type
	v.Name = o.Name
	return []Component{{Role: manifest.RoleValue, Name: o.Name, Type: v, Cut: o.Bounds != nil}}
}

// NewStage settles the names of the stage's inputs and outputs.
func NewStage(name string, g *sharding.Graph, shards []int, pieces []Piece) *Stage {
	s := &Stage{Name: name, Graph: g, Shards: shards, Pieces: pieces}
	for i := range pieces {
		switch {
		case pieces[i].Region != nil && pieces[i].Routed:
			s.routedBorder(&pieces[i])
		case pieces[i].Region != nil:
			s.regionBorder(&pieces[i])
		default:
			s.segmentBorder(&pieces[i])
		}
	}
	slices.SortStableFunc(s.inputs, func(a, b Input) int { return slices.Compare([]string{a.Name}, []string{b.Name}) })
	return s
}

// Inputs are the stage's inputs, by name ascending. The slice is read-only.
func (s *Stage) Inputs() []Input { return s.inputs }

// Outputs are the stage's outputs, piece by piece, in topological order. The slice is read-only.
func (s *Stage) Outputs() []Output { return s.outputs }

func (s *Stage) regionBorder(p *Piece) {
	positions := s.positions(p)
	for _, in := range p.Region.Inputs {
		var elements []int
		if in.Placement.Kind == sharding.Shard {
			elements = scale(p.Bounds, in.Placement.Inner)
		}
		if n, ok := p.Norms[in.Value]; ok {
			s.normInputs(&n, in.Placement, elements, positions)
			continue
		}
		s.input(s.Graph.Values[in.Value], in.Value, in.Placement, elements, positions)
	}
	for i := range p.Region.Outputs {
		out := &p.Region.Outputs[i]
		if e, ok := p.Ends[out.Value]; ok {
			s.endOutputs(p, out, e, positions)
			continue
		}
		o := Output{Name: out.Value, Of: out.Value, Type: s.Graph.Values[out.Value], Placement: out.Placement, Positions: positions, Once: -1, Completes: -1}
		if out.Placement.Kind == sharding.Shard {
			o.Bounds = dense(scale(p.Bounds, out.Placement.Inner))
		}
		if once := p.Region.Once(out.Node); once >= 0 && out.Placement.Kind == sharding.Partial {
			o.Name, o.Once = s.unused(out.Value+"/partial"), out.Node
		}
		s.outputs = append(s.outputs, o)
		if n, ok := p.Moments[out.Value]; ok {
			s.momentOutputs(&n, positions)
		}
	}
}

// segmentBorder finds what whole nodes need and what others need of them.
func (s *Stage) segmentBorder(p *Piece) {
	inside := map[string]bool{}
	for _, i := range p.Nodes {
		for _, o := range s.Graph.Nodes[i].Outputs {
			inside[o] = true
		}
	}
	at := s.positions(p)
	for _, i := range p.Nodes {
		n := s.Graph.Nodes[i]
		for _, in := range sharding.Reads(n) {
			if !inside[in] && s.Graph.Weight(in) == nil {
				s.input(s.Graph.Values[in], in, sharding.Placement{}, nil, at)
			}
		}
		for _, o := range n.Outputs {
			if o == "" {
				continue
			}
			outside := func(c int) bool { _, found := slices.BinarySearch(p.Nodes, c); return !found }
			if s.Graph.Output[o] || slices.ContainsFunc(s.Graph.Consumers[o], outside) {
				s.outputs = append(s.outputs, Output{Name: o, Of: o, Type: s.Graph.Values[o], Placement: sharding.Placement{Kind: sharding.Shard}, Positions: at, Once: -1, Completes: -1})
			}
		}
	}
}

func (s *Stage) positions(p *Piece) []int {
	var out []int
	for i := range s.Shards {
		if p.Has(i) {
			out = append(out, i)
		}
	}
	return out
}

// scale turns bounds in units into bounds in elements.
func scale(bounds []int, inner int) []int {
	out := make([]int, len(bounds))
	for i, b := range bounds {
		out[i] = b * inner
	}
	return out
}

// dense are the bounds without the empty parts.
func dense(bounds []int) []int { return slices.Compact(slices.Clone(bounds)) }

// input enters a value that the positions need so, once for each way to cut it.
func (s *Stage) input(t graph.Value, value string, p sharding.Placement, bounds, positions []int) {
	ways := 0
	for i := range s.inputs {
		in := &s.inputs[i]
		if in.Value != value || in.Route != "" {
			continue
		}
		if in.Placement.Kind == p.Kind && in.Placement.Dim == p.Dim && slices.Equal(in.Bounds, bounds) {
			in.Positions = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(in.Positions), positions...))))
			return
		}
		ways++
	}
	name := value
	if p.Kind == sharding.Shard {
		name = s.unused(fmt.Sprintf("%s/part%d", value, ways))
	}
	s.inputs = append(s.inputs, Input{Name: name, Value: value, Type: t, Placement: p, Bounds: bounds, Positions: positions})
}

// unused makes a name that no value has.
func (s *Stage) unused(name string) string {
	taken := func() bool {
		if _, ok := s.Graph.Values[name]; ok {
			return true
		}
		return slices.ContainsFunc(s.inputs, func(i Input) bool { return i.Name == name })
	}
	for taken() {
		name += "_"
	}
	return name
}

// find is the name under which a node of a piece sees an input from outside.
func (s *Stage) find(value string, p sharding.Placement, bounds []int) string {
	for _, in := range s.inputs {
		if in.Value == value && in.Route == "" && in.Placement.Kind == p.Kind && in.Placement.Dim == p.Dim && slices.Equal(in.Bounds, bounds) {
			return in.Name
		}
	}
	return value
}

// Program is the graph of the shard at the position; nil when it runs nothing. Weights are entered through use, which returns their
// names in the graph.
func (s *Stage) Program(position int, use func(*graph.Graph, parts.Part) string) *graph.Graph {
	g := &graph.Graph{Name: s.Name, Opsets: maps.Clone(s.Graph.Opsets), Weights: map[string]*graph.Weight{}}
	for _, in := range s.inputs {
		if slices.Contains(in.Positions, position) {
			v := in.Type
			v.Name, v.Dims = in.Name, slices.Clone(v.Dims)
			if in.Placement.Kind == sharding.Shard {
				v.Dims[in.Placement.Dim] = graph.Dim{Size: in.Bounds[position+1] - in.Bounds[position]}
			}
			v = s.routedInput(&in, v, position)
			g.Inputs = append(g.Inputs, v)
		}
	}
	any := false
	for i := range s.Pieces {
		p := &s.Pieces[i]
		if !p.Has(position) {
			continue
		}
		any = true
		if p.Opsets != nil {
			g.Opsets = maps.Clone(p.Opsets)
		}
		if p.Region != nil {
			w := &regionWriter{s: s, p: p, lo: p.Bounds[position], hi: p.Bounds[position+1], g: g, use: use}
			if p.Routed {
				w.kind = RouteOf(s.Graph, p.Region)
			}
			w.write()
		} else {
			s.whole(p, g, use)
		}
	}
	if !any {
		return nil
	}
	tidy(g)
	for _, out := range s.outputs {
		at := slices.Index(out.Positions, position)
		if at < 0 {
			continue
		}
		for _, c := range out.Parts() {
			v := c.Type
			v.Dims = slices.Clone(v.Dims)
			if c.Cut {
				v.Dims[out.Placement.Dim] = graph.Dim{Size: out.Local(at)}
			}
			if r := s.Route(out.Route); r != nil {
				v.Dims = routedDims(v.Dims, r.Lead, r.Name)
			}
			if !slices.ContainsFunc(g.Outputs, func(o graph.Value) bool { return o.Name == v.Name }) {
				g.Outputs = append(g.Outputs, v)
			}
		}
	}
	return g
}

// Local is the extent of the cut dimension at a place among those that yield the output.
func (o *Output) Local(place int) int {
	part := o.Bounds[place+1] - o.Bounds[place]
	if o.K > 0 {
		return min(o.K, part)
	}
	return part
}

// whole adds a segment's nodes as they are.
func (s *Stage) whole(p *Piece, g *graph.Graph, use func(*graph.Graph, parts.Part) string) {
	for _, i := range p.Nodes {
		g.Nodes = append(g.Nodes, WholeNode(s.Graph.Graph, s.Graph.Nodes[i], g, use))
	}
}

// WholeNode is a node of the model with its weights entered whole into the graph to, those that its bodies read or hold included.
func WholeNode(model *graph.Graph, n *graph.Node, to *graph.Graph, use func(*graph.Graph, parts.Part) string) *graph.Node {
	c := n.Clone()
	c.Rename(func(name string) string {
		if w := model.Weights[name]; w != nil {
			return use(to, parts.Whole(w))
		}
		return name
	})
	for b := range c.Bodies() {
		for g := range b.All() {
			bodyWeights(g, use)
		}
	}
	return c
}

// bodyWeights enters the weights that a body itself holds. One that lies in the shard's file has a name of that file, and so one that no other
// body's weight has.
func bodyWeights(g *graph.Graph, use func(*graph.Graph, parts.Part) string) {
	held := g.Weights
	g.Weights = map[string]*graph.Weight{}
	renamed := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		renamed[name] = use(g, parts.Whole(held[name]))
	}
	to := func(name string) string { return cmp.Or(renamed[name], name) }
	for _, n := range g.Nodes {
		n.Rename(to)
	}
	for i, o := range g.Outputs {
		g.Outputs[i].Name = to(o.Name)
	}
}
