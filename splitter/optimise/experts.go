package optimise

import (
	"slices"

	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// moe is a layer of experts that is written out: y = the other addends + the sum of gate · expert(x). It becomes root.
type moe struct {
	root   *graph.Node
	x      string
	addend []*expert
	rest   []string
	steps  []*graph.Node // the sum's nodes
	left   int           // how many nodes may still be looked at
	gates  string        // one value [..., experts], when the graph has it; else each expert has its own
	top    int64         // for how many experts a row has a weight; 0 when that is not known
}

// expert is one of them: a branch that computes row by row, for all rows or for those of picked.
type expert struct {
	branch *branch
	gate   string // all rows: the weights [..., 1]; picked rows: their weights [n, 1], "" for 1
	rows   string // picked rows: their numbers [n], "" for all rows
	set    bool   // the rows are replaced and not added to
	number int64  // by which its rows are chosen
}

// experts recognises layers of experts, the last first: sums over all rows,
//
//	gate0 · f0(x) + gate1 · f1(x) + ...   or   ReduceSum(Unsqueeze(gates) · Concat(Unsqueeze(f0(x)), Unsqueeze(f1(x)), ...))
//
// and rows that are picked out, computed, and put or added back, by ScatterND, or by ScatterElements into zeros that are added.
func (w *work) experts() {
	inserted, left := map[*graph.Node][]*graph.Node{}, maxAllSteps
	for _, n := range slices.Backward(slices.Clone(w.g.Nodes)) {
		if left < 0 || w.taken[n] || !op(n, "Add", "Sum", "ScatterND", "ScatterElements", "ReduceSum") {
			continue
		}
		m, ok := w.moeAt(n)
		left -= maxSteps - m.left
		if ok {
			for _, s := range m.steps {
				w.taken[s] = true
			}
			inserted[n] = m.write(w)
			w.done.Experts += len(m.addend)
		}
	}
	if len(inserted) == 0 {
		return
	}
	var nodes []*graph.Node
	for _, n := range w.g.Nodes {
		nodes = append(append(nodes, inserted[n]...), n)
	}
	w.g.Nodes = nodes
}

// moeAt reads the layer that ends at the node; ok is false when there is none.
func (w *work) moeAt(n *graph.Node) (m *moe, ok bool) {
	m = &moe{root: n, left: maxSteps}
	y := w.value(n.Outputs[0])
	if y.DType != tensor.F32 && y.DType != tensor.F64 || y.Rank() < 1 {
		return m, false
	}
	if op(n, "ReduceSum") {
		w.stacked(m)
	} else {
		w.addends(m, n)
	}
	return m, m.left >= 0 && len(m.addend) >= 2 && w.sound(m)
}

// maxSteps bounds the nodes of sums that are looked at, of one sum and of all.
const (
	maxSteps    = 4096
	maxAllSteps = 1 << 20
)

// addends flattens a sum into experts and the rest, in their order.
func (w *work) addends(m *moe, n *graph.Node) {
	if m.left--; m.left < 0 {
		return
	}
	switch n.Op {
	case "Add", "Sum":
		m.steps = append(m.steps, n)
		for _, in := range n.Inputs {
			w.addendValue(m, n, in)
		}
	default:
		e, before := w.scattered(n)
		if e == nil {
			m.rest = append(m.rest, n.Outputs[0])
			return
		}
		m.steps = append(m.steps, n)
		if !w.zeros(before) {
			w.addendValue(m, n, before)
		}
		m.addend = append(m.addend, e)
	}
}

// addendValue enters one addend of the node.
func (w *work) addendValue(m *moe, n *graph.Node, name string) {
	p := w.producer[name]
	switch {
	case !sameShape(w.value(name), w.value(m.root.Outputs[0])):
		m.rest = append(m.rest, name)
	case op(p, "ConstantOfShape") && w.zeros(name):
	case op(p, "Add", "Sum", "ScatterND", "ScatterElements") && w.readBy(name, n):
		w.addends(m, p)
	case op(p, "Mul") && w.alone(name):
		if e := w.gated(p); e != nil {
			m.addend = append(m.addend, e)
			return
		}
		m.rest = append(m.rest, name)
	default:
		m.rest = append(m.rest, name)
	}
}

// readBy reports whether a value is no output and nothing reads it but the node, and what makes one sum step: a Gather of picked rows, and shapes.
func (w *work) readBy(name string, n *graph.Node) bool {
	return !w.output[name] && !slices.ContainsFunc(w.readers[name], func(r *graph.Node) bool {
		return r != n && !op(r, "Shape") && !w.shapeOnly(r, 3) && !(op(r, "Gather") && op(n, "ScatterND") && w.stepOf(r, n))
	})
}

// shapeOnly reports whether nothing but the shape of what the node yields is read.
func (w *work) shapeOnly(n *graph.Node, depth int) bool {
	if depth == 0 || !op(n, "Slice", "Identity") || w.output[n.Outputs[0]] {
		return false
	}
	return !slices.ContainsFunc(w.readers[n.Outputs[0]], func(r *graph.Node) bool { return !op(r, "Shape") && !w.shapeOnly(r, depth-1) })
}

// stepOf reports whether the picked rows go into nothing but the sum that the ScatterND puts back.
func (w *work) stepOf(pick, put *graph.Node) bool {
	sum := w.made(put.Inputs[2], "Add")
	return sum != nil && w.alone(pick.Outputs[0]) && slices.Contains(sum.Inputs, pick.Outputs[0])
}

// zeros reports whether a value is all 0.
func (w *work) zeros(name string) bool {
	n := w.made(name, "ConstantOfShape")
	if n == nil {
		return false
	}
	a, ok := n.Attrs["value"]
	return !ok || a.Kind == graph.AttrTensor && a.Tensor != nil && a.Tensor.Data != nil && !slices.ContainsFunc(a.Tensor.Data, func(b byte) bool { return b != 0 })
}

// gated reads weight · expert(x), the weight having one column.
func (w *work) gated(n *graph.Node) *expert {
	for i, gate := range n.Inputs {
		g, f := w.value(gate), w.value(n.Inputs[1-i])
		if w.g.Weights[gate] != nil || g.Rank() < 1 || g.Rank() != f.Rank() || !g.Dims[g.Rank()-1].Is(1) || !sameLead(g, f) {
			continue
		}
		if b := w.branchTo(n.Inputs[1-i]); b != nil {
			return &expert{branch: b, gate: gate}
		}
	}
	return nil
}

// sameLead reports whether all dimensions but the last are surely the same.
func sameLead(a, b infer.Value) bool {
	if a.Rank() < 1 || a.Rank() != b.Rank() {
		return false
	}
	for d := range a.Rank() - 1 {
		if !a.Dims[d].Equal(b.Dims[d]) {
			return false
		}
	}
	return true
}

// stacked reads ReduceSum(Unsqueeze(gates, last) · Concat(Unsqueeze(expert, last but one)...), last but one).
func (w *work) stacked(m *moe) {
	product := w.made(m.root.Inputs[0], "Mul")
	if product == nil || !w.alone(product.Outputs[0]) || m.root.Int("keepdims", 1) != 0 || !w.axisFromEnd(m.root, 1, product.Outputs[0], 2) {
		return
	}
	for i, in := range product.Inputs {
		un, concat := w.made(in, "Unsqueeze"), w.made(product.Inputs[1-i], "Concat")
		if un == nil || concat == nil || !w.alone(concat.Outputs[0]) || !w.axisFromEnd(un, 1, un.Outputs[0], 1) {
			continue
		}
		gates := w.value(un.Inputs[0])
		rank := w.value(concat.Outputs[0]).Rank()
		if at := concat.Int("axis", 0); at != int64(rank-2) && at != -2 || rank < 2 || gates.Rank() != rank-1 || !gates.Dims[rank-2].Is(int64(len(concat.Inputs))) {
			continue
		}
		for _, part := range concat.Inputs {
			own := w.made(part, "Unsqueeze")
			if own == nil || !w.alone(part) || !w.axisFromEnd(own, 1, part, 2) {
				m.addend = nil
				return
			}
			b := w.branchTo(own.Inputs[0])
			if b == nil || !sameLead(gates, w.value(own.Inputs[0])) {
				m.addend = nil
				return
			}
			m.addend = append(m.addend, &expert{branch: b})
		}
		m.gates = un.Inputs[0]
		return
	}
}

// axisFromEnd reports whether a node's only axis is the given one counted from the end of a value, 1 for the last.
func (w *work) axisFromEnd(n *graph.Node, input int, of string, back int) bool {
	axes, given, ok := w.list(n, "axes", input)
	rank := w.value(of).Rank()
	return given && ok && len(axes) == 1 && rank >= 0 && (axes[0] == int64(-back) || axes[0] == int64(rank-back))
}

// sound checks a layer of at least two experts: all compute the same rows, none another's, and together they have matrices.
func (w *work) sound(m *moe) bool {
	m.x = m.addend[0].branch.x
	matrices := 0
	for _, e := range m.addend {
		if e.branch.x != m.x || e.set != m.addend[0].set || e.rows == "" != (m.addend[0].rows == "") || e.branch.width != m.addend[0].branch.width {
			return false
		}
		matrices += e.branch.matrices
	}
	x, y := w.value(m.x), w.value(m.root.Outputs[0])
	if matrices < len(m.addend) || x.DType != y.DType || !sameLead(x, y) || !y.Dims[y.Rank()-1].Is(int64(m.addend[0].branch.width)) {
		return false
	}
	if m.addend[0].rows != "" && x.Rank() != 2 {
		return false
	}
	if m.addend[0].set && (len(m.rest) > 0 || !w.distinct(m)) {
		return false
	}
	return true
}

// write makes the layer of the root, and returns the nodes that stand before it.
func (m *moe) write(w *work) []*graph.Node {
	gates, before := m.gateValue(w)
	attrs := map[string]graph.Attr{experts.AttrWidth: intAttr(int64(m.addend[0].branch.width))}
	if m.top == 0 {
		m.top = w.topOf(gates)
	}
	if m.top > 0 {
		attrs[experts.AttrTop] = intAttr(m.top)
	}
	for i, e := range m.addend {
		attrs[experts.BodyName(i)] = graph.Attr{Kind: graph.AttrGraph, Graph: e.branch.body(w, i)}
	}
	w.g.Opsets[graph.ShardwiseDomain] = experts.Version
	n := m.root
	if len(m.rest) == 0 {
		w.become(n, experts.Op, attrs, m.x, gates)
		n.Domain = graph.ShardwiseDomain
		return before
	}
	sum := w.unused(n.Outputs[0] + "/experts")
	layer := &graph.Node{Name: sum, Domain: graph.ShardwiseDomain, Op: experts.Op, Attrs: attrs, Inputs: []string{m.x, gates}, Outputs: []string{sum}}
	before = append(before, layer)
	for _, in := range m.rest[:len(m.rest)-1] { // one addition after the other, which keeps to types that Sum may not have
		next := w.unused(n.Outputs[0] + "/with")
		before = append(before, &graph.Node{Name: next, Op: "Add", Inputs: []string{in, sum}, Outputs: []string{next}})
		sum = next
	}
	w.become(n, "Add", nil, m.rest[len(m.rest)-1], sum)
	return before
}
