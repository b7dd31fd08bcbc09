package sharding

// carried is the factor of a binding whose node takes partial sums and yields partial sums: what it computes is linear.
const carried = -1

// carry takes operators behind partial sums into the region while they are linear and read nothing else that is computed: the pooling of a
// look-up yields fewer bytes than the look-up. The sum of their results is their result of the sum.
func (s *grower) carry() {
	for _, i := range s.sorted() {
		for next := i; next >= 0; {
			next = s.linear(next)
		}
	}
}

// linear takes the one consumer of the partial sums of a node, and returns it; -1 when there is none that can be taken.
func (s *grower) linear(i int) int {
	n, b := s.g.Nodes[i], s.bound[i]
	if b.factor != carried {
		r := s.g.nodes[i]
		if k := r.factors[b.factor].kind; k.op() != sum.op() || r.once >= 0 {
			return -1
		}
	}
	name := n.Outputs[0]
	if len(n.Outputs) != 1 || s.g.Output[name] || len(s.g.Consumers[name]) != 1 {
		return -1
	}
	next := s.g.Consumers[name][0]
	c := s.g.Nodes[next]
	if c.Domain != "" || c.Op != "ReduceSum" && c.Op != "ReduceMean" || s.set.has(next) || len(c.Outputs) != 1 || c.Inputs[0] != name || s.barred(next) {
		return -1
	}
	for _, in := range c.Inputs[1:] {
		if in != "" && s.g.Weights[in] == nil {
			return -1
		}
	}
	s.bound[next] = binding{factor: carried, outer: one()}
	s.set.set(next)
	return next
}

// Cut is the region that begins with a cut of a dimension of an input of a node and has none but the nodes of within, or any when that is nil. It is nil
// when the dimension can not be cut.
func (g *Graph) Cut(node, input, dim int, within []int) *Region {
	r := g.nodes[node]
	if r == nil || input >= len(r.in) || dim >= len(r.in[input]) || len(r.in[input][dim]) != 1 {
		return nil
	}
	f := r.in[input][dim][0]
	if x := r.factors[f]; x.kind == fixed || !x.size.known() || x.size.number < 2 {
		return nil
	}
	var allowed bits
	if within != nil {
		allowed = newBits(len(g.Nodes))
		for _, i := range within {
			allowed.set(i)
		}
	}
	return g.grow(node, binding{f, one()}, allowed)
}
