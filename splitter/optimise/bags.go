package optimise

import (
	"slices"

	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// bags recognises EmbeddingBag in the Loop over bags that PyTorch exports it as. starts are where the bags start and the last one
// ends, ends is starts without its first element:
//
//	body(i): at   = Slice(indices, Unsqueeze(starts[i]), Unsqueeze(ends[i]))
//	         rows = Gather(table, at)  [· Unsqueeze(Slice(factors, the same))]
//	         y[i] = ReduceSum | ReduceMean | ReduceMax (rows, axis 0)
func bags(w *work) {
	for _, n := range w.g.Nodes {
		if !op(n, "Loop") || len(n.Inputs) != 2 || n.Attrs["body"].Graph == nil {
			continue
		}
		b := newBody(w, n)
		if b == nil {
			continue
		}
		l, ok := b.read()
		if !ok || !w.bagsFit(n, l) {
			continue
		}
		inputs := []string{l.table, l.indices, l.starts}
		if l.factors != "" {
			inputs = append(inputs, l.factors)
		}
		for _, read := range reads(n) {
			w.unread(read, n)
		}
		n.Domain, n.Inputs = graph.ShardwiseDomain, nil
		w.become(n, embedding.OpBag, map[string]graph.Attr{embedding.AttrMode: {Kind: graph.AttrString, Str: l.mode}}, inputs...)
		w.g.Opsets[graph.ShardwiseDomain] = embedding.Version
		w.done.Bags++
	}
}

// bagLoop are the values around a Loop over bags.
type bagLoop struct {
	table, indices, factors string
	starts, ends            string
	mode                    string
}

// bagsFit checks the values from around the body, and that the Loop goes over all bags.
func (w *work) bagsFit(n *graph.Node, l bagLoop) bool {
	table, indices, starts, ends := w.value(l.table), w.value(l.indices), w.value(l.starts), w.value(l.ends)
	vector := func(v infer.Value) bool { return v.Rank() == 1 && (v.DType == tensor.I64 || v.DType == tensor.I32) }
	if table.Rank() != 2 || table.DType != tensor.F32 && table.DType != tensor.F64 || !vector(indices) || !vector(starts) || !vector(ends) {
		return false
	}
	if f := w.value(l.factors); l.factors != "" && (f.Rank() != 1 || f.DType != table.DType) {
		return false
	}
	if trips := w.value(n.Inputs[0]).Elems; len(trips) != 1 || !trips[0].Equal(ends.Dims[0]) {
		return false
	}
	return (n.Inputs[1] == "" || w.isTrue(n.Inputs[1])) && w.followsBy(l.starts, l.ends)
}

// isTrue reports whether a value is the constant true.
func (w *work) isTrue(name string) bool {
	list, ok := w.value(name).Ints()
	return ok && len(list) == 1 && list[0] == 1 && w.value(name).DType == tensor.Bool
}

// followsBy reports whether ends is starts without its first element.
func (w *work) followsBy(starts, ends string) bool {
	a, okA := w.value(starts).Ints()
	b, okB := w.value(ends).Ints()
	if okA && okB {
		return len(a) > 0 && slices.Equal(a[1:], b)
	}
	s := w.made(ends, "Slice")
	if s == nil || s.Inputs[0] != starts || !w.forward(s) {
		return false
	}
	first, _, ok := w.list(s, "starts", 1)
	last, _, known := w.list(s, "ends", 2)
	axes, given, sure := w.list(s, "axes", 3)
	return ok && known && sure && slices.Equal(first, []int64{1}) && len(last) == 1 && last[0] >= 1<<31-1 && (!given || slices.Equal(axes, []int64{0}) || slices.Equal(axes, []int64{-1}))
}

// body is the graph in a Loop without loop-carried values and with one result.
type body struct {
	w        *work
	g        *graph.Graph
	producer map[string]*graph.Node
	own      map[string]bool
	step     string // the number of the iteration
}

func newBody(w *work, n *graph.Node) *body {
	g := n.Attrs["body"].Graph
	if len(g.Inputs) != 2 || len(g.Outputs) != 2 || len(n.Attrs) != 1 {
		return nil
	}
	b := &body{w: w, g: g, producer: map[string]*graph.Node{}, own: g.Defines(), step: g.Inputs[0].Name}
	for _, inner := range g.Nodes {
		for _, o := range inner.Outputs {
			b.producer[o] = inner
		}
	}
	return b
}

// made is the producer of a value in the body when it is one of the operators, else nil.
func (b *body) made(name string, ops ...string) *graph.Node {
	if n := b.producer[name]; op(n, ops...) {
		return n
	}
	return nil
}

// ints are the numbers of an attribute, or of a constant input of the body or of the graph around it.
func (b *body) ints(n *graph.Node, attr string, input int) (list []int64, given, ok bool) {
	if input < len(n.Inputs) && b.own[n.Inputs[input]] {
		c := b.g.Weights[n.Inputs[input]]
		if c == nil {
			return nil, true, false
		}
		list, ok = infer.OfWeight(c).Ints()
		return list, true, ok
	}
	return b.w.list(n, attr, input)
}

// along reports whether a list of axes is the given one.
func (b *body) along(n *graph.Node, input int, axis int64) bool {
	list, given, ok := b.ints(n, "axes", input)
	return given && ok && slices.Equal(list, []int64{axis})
}

// outside is the value's name when it comes from around the body, else "".
func (b *body) outside(name string) string {
	if b.own[name] {
		return ""
	}
	return name
}

// goesOn reports whether the condition that the body yields is always true.
func (b *body) goesOn() bool {
	name := b.g.Outputs[0].Name
	for range len(b.g.Nodes) + 1 {
		if name == b.g.Inputs[1].Name {
			return true // the first condition is checked outside
		}
		if c := b.g.Weights[name]; c != nil {
			list, ok := infer.OfWeight(c).Ints()
			return ok && c.DType == tensor.Bool && len(list) == 1 && list[0] == 1
		}
		n := b.made(name, "Cast", "Identity")
		if n == nil {
			return !b.own[name] && b.w.isTrue(name)
		}
		name = n.Inputs[0]
	}
	return false
}

// modes are the reductions by operator.
func modes() map[string]string {
	return map[string]string{"ReduceSum": embedding.ModeSum, "ReduceMean": embedding.ModeMean, "ReduceMax": embedding.ModeMax}
}

// read reads the body from its result to the captured values.
func (b *body) read() (l bagLoop, ok bool) {
	reduce := b.made(b.g.Outputs[1].Name, "ReduceSum", "ReduceMean", "ReduceMax")
	if reduce == nil || !b.goesOn() || reduce.Int("keepdims", 1) != 0 || !b.along(reduce, 1, 0) {
		return l, false
	}
	l.mode = modes()[reduce.Op]
	rows := b.made(reduce.Inputs[0], "Gather")
	var factors *graph.Node
	if product := b.made(reduce.Inputs[0], "Mul"); product != nil {
		for i, in := range product.Inputs {
			if un := b.made(in, "Unsqueeze"); un != nil && b.along(un, 1, 1) {
				factors, rows = b.made(un.Inputs[0], "Slice"), b.made(product.Inputs[1-i], "Gather")
			}
		}
		if factors == nil {
			return l, false
		}
	}
	if rows == nil || rows.Int("axis", 0) != 0 {
		return l, false
	}
	at := b.made(rows.Inputs[1], "Slice")
	if l.table = b.outside(rows.Inputs[0]); l.table == "" || at == nil {
		return l, false
	}
	if l.indices, l.starts, l.ends, ok = b.slice(at); !ok {
		return l, false
	}
	if factors != nil {
		var starts, ends string
		if l.factors, starts, ends, ok = b.slice(factors); !ok || starts != l.starts || ends != l.ends {
			return l, false
		}
	}
	return l, true
}

// slice reads Slice(from, starts[i], ends[i]) along the only axis.
func (b *body) slice(n *graph.Node) (from, starts, ends string, ok bool) {
	if len(n.Inputs) < 3 {
		return "", "", "", false
	}
	if axes, given, known := b.ints(n, "axes", 3); !known || given && !slices.Equal(axes, []int64{0}) {
		return "", "", "", false
	}
	if steps, given, known := b.ints(n, "steps", 4); !known || given && !slices.Equal(steps, []int64{1}) {
		return "", "", "", false
	}
	from, starts, ends = b.outside(n.Inputs[0]), b.element(n.Inputs[1]), b.element(n.Inputs[2])
	return from, starts, ends, from != "" && starts != "" && ends != ""
}

// element is the captured vector of which a value is the element of this iteration, in one dimension; "" for others.
func (b *body) element(name string) string {
	un := b.made(name, "Unsqueeze")
	if un == nil || !b.along(un, 1, 0) {
		return ""
	}
	pick := b.made(un.Inputs[0], "Gather")
	if pick == nil || pick.Int("axis", 0) != 0 || pick.Inputs[1] != b.step {
		return ""
	}
	return b.outside(pick.Inputs[0])
}
