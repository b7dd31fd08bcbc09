package sharding

import (
	"cmp"
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/engine/experts"
)

// grower is a region while it grows.
type grower struct {
	g     *Graph
	units int
	bound map[int]binding
	cuts  map[string]cut // values inside the region that are cut
	set   bits           // the nodes of bound
	queue []string       // cut values whose consumers have not been looked at

	entered []int // nodes in the order in which they came, for the way back
	within  bits  // the nodes that it may have, nil for any
}

// add takes the node into the region with everything that must be cut with it, or leaves the region as it was.
func (s *grower) add(i int, b binding) bool {
	if have, ok := s.bound[i]; ok {
		return have.factor == b.factor && have.outer.equal(b.outer)
	}
	units, entered, queued := s.units, len(s.entered), len(s.queue)
	if s.enter(i, b) {
		return true
	}
	// A value is cut by the node that makes it, once, so removing the nodes undoes everything.
	for _, j := range s.entered[entered:] {
		s.remove(j)
	}
	s.units, s.entered, s.queue = units, s.entered[:entered], s.queue[:queued]
	return false
}

// enter is add without the way back.
func (s *grower) enter(i int, b binding) bool {
	r, n := s.g.nodes[i], s.g.Nodes[i]
	if r == nil || r.factors[b.factor].kind == fixed || s.barred(i) {
		return false
	}
	s.bound[i] = b
	s.set.set(i)
	s.entered = append(s.entered, i)
	for in, name := range n.Inputs {
		if name == "" || s.g.Weights[name] != nil {
			if _, _, ok := r.place(r.in[in], b); name != "" && !ok {
				return false
			}
			continue
		}
		c, found, ok := r.place(r.in[in], b)
		if !ok || found && !s.demand(name, c) || !found && s.inside(name) {
			return false
		}
	}
	return s.results(i, b)
}

// barred reports whether the region may not have the node.
func (s *grower) barred(i int) bool { return s.within != nil && !s.within.has(i) }

// inside reports whether a region's node yields the value: then it is cut, and nobody has it whole.
func (s *grower) inside(name string) bool {
	p, ok := s.g.Producer[name]
	return ok && s.set.has(p)
}

// results notes how the node's results are cut.
func (s *grower) results(i int, b binding) bool {
	r := s.g.nodes[i]
	if r.factors[b.factor].kind != pass {
		return true
	}
	for o, name := range s.g.Nodes[i].Outputs {
		if name == "" {
			continue
		}
		c, found, ok := r.place(r.out[o], b)
		if !ok || !found {
			return false
		}
		s.cuts[name] = c
		s.queue = append(s.queue, name)
	}
	return true
}

// demand asks for a value to be cut so: its producer joins the region when it can, else the value is sliced at the border.
func (s *grower) demand(name string, c cut) bool {
	if have, ok := s.cuts[name]; ok {
		return have.dim == c.dim && have.outer.equal(c.outer)
	}
	p, computed := s.g.Producer[name]
	if computed && s.set.has(p) {
		return false // it is partial
	}
	if computed && s.backward(p, name, c) {
		return true
	}
	// What depends on the region can not come from outside; trim would take this node out again.
	if computed && s.g.needs(p, s.set) {
		return false
	}
	return c.outer.isOne()
}

// backward takes the producer of a value into the region, if its rule can yield the value cut so.
func (s *grower) backward(p int, name string, c cut) bool {
	r := s.g.nodes[p]
	if r == nil {
		return false
	}
	o := slices.Index(s.g.Nodes[p].Outputs, name)
	b, remain, ok := r.locate(r.out[o], c, s.units, s.dim(name, c.dim))
	if !ok || r.factors[b.factor].kind != pass || s.tainted(p) {
		return false
	}
	units := s.units
	s.units = remain
	if s.add(p, b) {
		return true
	}
	s.units = units
	return false
}

func (s *grower) dim(name string, d int) size {
	return sizeOf(s.g.Values[name].Dims[d], name+"#"+itoa(d))
}

// tainted reports whether a node that is not in the region needs something that depends on the region but is outside it.
func (s *grower) tainted(i int) bool {
	for _, in := range s.g.Nodes[i].Inputs {
		p, ok := s.g.Producer[in]
		if ok && !s.set.has(p) && s.g.needs(p, s.set) {
			return true
		}
	}
	return false
}

// spread goes forward from every cut value, in topological order of what is found.
func (s *grower) spread() {
	for len(s.queue) > 0 {
		name := s.queue[0]
		s.queue = s.queue[1:]
		c, ok := s.cuts[name]
		if !ok {
			continue
		}
		for _, i := range s.g.Consumers[name] {
			s.forward(i, name, c)
		}
	}
}

// forward takes a consumer of a cut value into the region, if its rule carries the cut.
func (s *grower) forward(i int, name string, c cut) {
	r := s.g.nodes[i]
	if r == nil || s.set.has(i) || s.tainted(i) {
		return
	}
	in := slices.Index(s.g.Nodes[i].Inputs, name)
	b, remain, ok := r.locate(r.in[in], c, s.units, s.dim(name, c.dim))
	if !ok {
		return
	}
	units := s.units
	s.units = remain
	if !s.add(i, b) {
		s.units = units
	}
}

// remove takes a node out of the region.
func (s *grower) remove(i int) {
	delete(s.bound, i)
	s.set.drop(i)
	for _, o := range s.g.Nodes[i].Outputs {
		delete(s.cuts, o)
	}
}

// trim takes out what breaks the region's promises until nothing does: nodes that need something that depends on the region but is outside
// it, and nodes whose results leave the region in a form that can not be put together.
func (s *grower) trim() {
	for changed := true; changed; {
		changed = false
		for _, i := range s.sorted() {
			if s.tainted(i) || !s.fits(i) || !s.leaves(i) {
				s.remove(i)
				changed = true
			}
		}
	}
}

// fits reports whether every operand of the node is still there as its binding wants it.
func (s *grower) fits(i int) bool {
	r, b := s.g.nodes[i], s.bound[i]
	for in, name := range s.g.Nodes[i].Inputs {
		if name == "" || s.g.Weights[name] != nil {
			continue
		}
		c, found, _ := r.place(r.in[in], b)
		if !found {
			if s.inside(name) {
				return false
			}
			continue
		}
		if have, ok := s.cuts[name]; ok {
			if have.dim != c.dim || !have.outer.equal(c.outer) {
				return false
			}
		} else if s.inside(name) || !c.outer.isOne() || !s.dim(name, c.dim).known() {
			return false
		}
	}
	return true
}

// leaves reports whether the node's results, where they leave the region, are cut along whole known dimensions.
func (s *grower) leaves(i int) bool {
	for _, o := range s.g.Nodes[i].Outputs {
		c, cutHere := s.cuts[o]
		if o == "" || !cutHere || !s.exits(o) {
			continue
		}
		if !c.outer.isOne() || !s.dim(o, c.dim).known() {
			return false
		}
	}
	return true
}

// exits reports whether somebody outside needs the value.
func (s *grower) exits(name string) bool {
	return s.g.Output[name] || slices.ContainsFunc(s.g.Consumers[name], func(i int) bool { return !s.set.has(i) })
}

// prune takes out what was computed backward without need: a node that has no weight worth cutting before it in the region could as well
// be the coordinator's, and its result sliced. What stands behind a normalisation that the shards may have stays.
func (s *grower) prune() {
	useful := newBits(len(s.g.Nodes))
	for _, i := range s.sorted() {
		if s.heavy(i) {
			useful.set(i)
			continue
		}
		for _, in := range s.g.Nodes[i].Inputs {
			if p, ok := s.g.Producer[in]; ok && useful.has(p) && s.cutsOperand(in) {
				useful.set(i)
			}
		}
		if s.normalised(i) {
			useful.set(i)
		}
	}
	for _, i := range s.sorted() {
		if !useful.has(i) && s.sliceable(i) {
			s.remove(i)
		}
	}
}

// normalised reports whether the node takes parts of what a normalisation over the cut yields, and all that it yields stays in the region.
func (s *grower) normalised(i int) bool {
	r, n := s.g.nodes[i], s.g.Nodes[i]
	if slices.ContainsFunc(n.Outputs, s.exits) {
		return false
	}
	for in, name := range n.Inputs {
		if c, found, _ := r.place(r.in[in], s.bound[i]); found && s.g.Weights[name] == nil {
			if _, ok := s.g.NormOf(name, c.dim); ok {
				return true
			}
		}
	}
	return false
}

func (s *grower) cutsOperand(name string) bool { _, ok := s.cuts[name]; return ok }

// sliceable reports whether the node's results can be sliced at the border instead.
func (s *grower) sliceable(i int) bool {
	for _, o := range s.g.Nodes[i].Outputs {
		if c, ok := s.cuts[o]; ok && (!c.outer.isOne() || !s.dim(o, c.dim).known()) {
			return false
		}
	}
	return true
}

// heavy reports whether the cut spares the node a weight worth sparing.
func (s *grower) heavy(i int) bool {
	r, b := s.g.nodes[i], s.bound[i]
	if experts.Is(s.g.Nodes[i]) {
		return true
	}
	for in, name := range s.g.Nodes[i].Inputs {
		w := s.g.Weights[name]
		if w == nil {
			continue
		}
		if _, found, _ := r.place(r.in[in], b); found && Bytes(w) >= s.g.Worth {
			return true
		}
	}
	return false
}

func (s *grower) sorted() []int { return slices.Sorted(maps.Keys(s.bound)) }

// region is the finished region.
func (s *grower) region() *Region {
	r := &Region{Units: s.units, Nodes: s.sorted(), g: s.g, bound: s.bound}
	var inputs []Border
	for _, i := range r.Nodes {
		once := r.Once(i)
		for in, name := range s.g.Nodes[i].Inputs {
			if name == "" || in == once || s.g.Weights[name] != nil || s.inside(name) {
				continue
			}
			b := Border{Value: name, Placement: r.Operand(i, in), Node: -1}
			if !slices.Contains(inputs, b) {
				inputs = append(inputs, b)
			}
		}
		for o, name := range s.g.Nodes[i].Outputs {
			if name != "" && s.exits(name) {
				b := Border{Value: name, Placement: r.Result(i, o), Node: i}
				if b.Placement.Kind == Shard {
					b.End = s.g.endOf(name, b.Placement.Dim)
				}
				r.Outputs = append(r.Outputs, b)
			}
		}
	}
	slices.SortStableFunc(inputs, func(a, b Border) int { return cmp.Compare(a.Value, b.Value) })
	r.Inputs = inputs
	return r
}
