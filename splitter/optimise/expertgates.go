package optimise

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// distinct reports whether no row is replaced twice: the rows are those whose number, one for each, is the expert's.
func (w *work) distinct(m *moe) bool {
	numbers, ok := w.chosen(m, 1)
	return ok && numbers != ""
}

// chosen is the value of the numbers by which all experts' rows are chosen, of the rank; ok is false when there is none. No two experts have one number.
func (w *work) chosen(m *moe, rank int) (numbers string, ok bool) {
	seen := map[int64]bool{}
	for _, e := range m.addend {
		c, _, ok := w.choiceOf(e)
		if !ok || numbers != "" && c.numbers != numbers || seen[c.expert] || w.value(c.numbers).Rank() != rank || rank == 1 && c.slots != 1 {
			return "", false
		}
		numbers, seen[c.expert], e.number = c.numbers, true, c.expert
	}
	x, n := w.value(m.addend[0].branch.x), w.value(numbers)
	return numbers, x.Rank() == 2 && x.Dims[0].Equal(n.Dims[0])
}

// nodes collects new nodes that stand before a layer.
type nodes struct {
	w    *work
	base string
	list []*graph.Node
}

func (b *nodes) add(op, what string, attrs map[string]graph.Attr, inputs ...string) string {
	out := b.w.unused(b.base + "/" + what)
	n := &graph.Node{Name: out, Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs}
	b.list = append(b.list, n)
	b.w.infer(n)
	b.w.enter(n)
	return out
}

// axes adds a node with its axes, where the operator set wants them.
func (b *nodes) axes(op, what string, since int64, attrs map[string]graph.Attr, axis int64, in string) string {
	if b.w.g.Opsets[""] < since {
		with := map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: []int64{axis}}}
		for k, v := range attrs {
			with[k] = v
		}
		return b.add(op, what, with, in)
	}
	return b.add(op, what, attrs, in, b.w.ints(b.base+"/"+what+"_axis", axis))
}

// gateValue is the value of all experts' weights, [..., experts], with the nodes that it takes.
func (m *moe) gateValue(w *work) (string, []*graph.Node) {
	if m.gates != "" {
		return m.gates, nil
	}
	b := &nodes{w: w, base: m.root.Outputs[0] + "/gates"}
	if m.addend[0].rows == "" {
		return m.columns(b), b.list
	}
	if numbers, ok := w.chosen(m, 1); ok {
		if gates := m.byNumber(b, numbers); gates != "" {
			return gates, b.list
		}
	}
	if numbers, ok := w.chosen(m, 2); ok && w.distinctSlots(numbers) {
		if weights, ok := w.slotWeights(m, numbers); ok {
			return m.bySlots(b, numbers, weights), b.list
		}
	}
	return m.byRows(b), b.list
}

// columns puts weights of one column each side by side, unless they are all columns of one value.
func (m *moe) columns(b *nodes) string {
	whole := ""
	for i, e := range m.addend {
		s := b.w.made(e.gate, "Slice")
		if s == nil || whole != "" && s.Inputs[0] != whole {
			whole = ""
			break
		}
		starts, _, ok := b.w.list(s, "starts", 1)
		ends, _, known := b.w.list(s, "ends", 2)
		last := int64(b.w.value(e.gate).Rank() - 1)
		axes, given, sure := b.w.list(s, "axes", 3)
		if !ok || !known || !sure || !given || len(axes) != 1 || axes[0] != last && axes[0] != -1 || len(starts) != 1 || starts[0] != int64(i) || len(ends) != 1 || ends[0] != int64(i+1) {
			whole = ""
			break
		}
		whole = s.Inputs[0]
	}
	if v := b.w.value(whole); whole != "" && v.Rank() > 0 && v.Dims[v.Rank()-1].Is(int64(len(m.addend))) {
		return whole
	}
	var gates []string
	for _, e := range m.addend {
		gates = append(gates, e.gate)
	}
	return b.add("Concat", "all", map[string]graph.Attr{"axis": intAttr(-1)}, gates...)
}

// numbersOf is the constant of the experts' numbers, of the dtype.
func (m *moe) numbersOf(b *nodes, d tensor.DType) string {
	values := make([]int64, len(m.addend))
	for i, e := range m.addend {
		values[i] = e.number
	}
	weight := intsWeight(values)
	if d == tensor.I32 {
		t := tensor.New(tensor.I32, len(values))
		for i, v := range values {
			tensor.Of[int32](t)[i] = int32(v)
		}
		weight = &graph.Weight{DType: tensor.I32, Shape: t.Shape(), Data: t.Bytes()}
	}
	return b.w.constant(b.base+"/numbers", weight)
}

// hot is 1 where a number is the expert's and 0 elsewhere, [..., experts].
func (m *moe) hot(b *nodes, numbers string) string {
	wide := b.axes("Unsqueeze", "number", 13, nil, -1, numbers)
	same := b.add("Equal", "chosen", nil, wide, m.numbersOf(b, b.w.value(numbers).DType))
	return b.add("Cast", "hot", map[string]graph.Attr{"to": intAttr(castCode(b.w.value(m.addend[0].branch.x).DType))}, same)
}

// castCode is ONNX's number of the type.
func castCode(d tensor.DType) int64 {
	if d == tensor.F64 {
		return 11
	}
	return 1
}

// byNumber makes weights 1 for rows that are chosen by one number each; "" when the experts' parts have weights of their own.
func (m *moe) byNumber(b *nodes, numbers string) string {
	for _, e := range m.addend {
		if e.gate != "" {
			return ""
		}
	}
	m.top = 1
	return m.hot(b, numbers)
}

// bySlots adds, over the numbers of a row, the weights that stand beside the expert's number.
func (m *moe) bySlots(b *nodes, numbers, weights string) string {
	v := b.w.value(numbers)
	if k, ok := v.Dims[1].Fixed(); ok {
		m.top = k
	}
	each := b.add("Mul", "weighted", nil, b.axes("Unsqueeze", "weight", 13, nil, -1, weights), m.hot(b, numbers))
	return b.axes("ReduceSum", "all", 13, map[string]graph.Attr{"keepdims": intAttr(0)}, 1, each)
}

// byRows puts each expert's weights at its rows.
func (m *moe) byRows(b *nodes) string {
	x := m.addend[0].branch.x
	d := b.w.value(x).DType
	one, zero := tensor.New(d, 1), tensor.New(d, 1)
	fillOne(one)
	scalar := func(t *tensor.Tensor) map[string]graph.Attr {
		return map[string]graph.Attr{"value": {Kind: graph.AttrTensor, Tensor: &graph.Weight{DType: d, Shape: tensor.Shape{1}, Data: t.Bytes()}}}
	}
	rows := b.add("Slice", "rows", nil, b.add("Shape", "shape", nil, x), b.w.ints(b.base+"/from", 0), b.w.ints(b.base+"/to", 1))
	blank := b.add("ConstantOfShape", "none", scalar(zero), b.add("Concat", "column", map[string]graph.Attr{"axis": intAttr(0)}, rows, b.w.ints(b.base+"/one", 1)))
	var columns []string
	for i, e := range m.addend {
		at := b.axes("Unsqueeze", fmt.Sprintf("at_%d", i), 13, nil, -1, e.rows)
		gate := e.gate
		if gate == "" {
			gate = b.add("ConstantOfShape", fmt.Sprintf("ones_%d", i), scalar(one), b.add("Shape", fmt.Sprintf("count_%d", i), nil, at))
		}
		columns = append(columns, b.add("ScatterND", fmt.Sprintf("gate_%d", i), nil, blank, at, gate))
	}
	return b.add("Concat", "all", map[string]graph.Attr{"axis": intAttr(-1)}, columns...)
}

func fillOne(t *tensor.Tensor) {
	if t.DType() == tensor.F64 {
		tensor.Of[float64](t)[0] = 1
	} else {
		tensor.Of[float32](t)[0] = 1
	}
}

// distinctSlots reports whether no row has a number twice: they are the places that TopK found.
func (w *work) distinctSlots(numbers string) bool {
	p := w.producer[numbers]
	if p != nil && op(p, "Cast") {
		numbers = p.Inputs[0]
		p = w.producer[numbers]
	}
	return p != nil && p.Domain == "" && p.Op == "TopK" && len(p.Outputs) == 2 && p.Outputs[1] == numbers && (p.Int("axis", -1) == -1 || p.Int("axis", -1) == 1)
}

// slotWeights finds the value [rows, k] from which every expert takes the weights beside its numbers: it gathers them from the value laid out flat, at
// row · k + slot.
func (w *work) slotWeights(m *moe, numbers string) (string, bool) {
	found := ""
	for _, e := range m.addend {
		c, nonzero, _ := w.choiceOf(e)
		pick := w.made(e.gate, "Gather")
		if pick == nil || pick.Int("axis", 0) != 0 {
			return "", false
		}
		flat, at := w.producer[pick.Inputs[0]], w.made(pick.Inputs[1], "Add")
		if !op(flat, "Flatten", "Reshape") || at == nil || !w.value(flat.Outputs[0]).Dims[1].Is(1) {
			return "", false
		}
		un := w.made(flat.Inputs[0], "Unsqueeze")
		if un == nil || !w.axisFromEnd(un, 1, un.Outputs[0], 1) || !sameShape(w.value(un.Inputs[0]), w.value(numbers)) || found != "" && found != un.Inputs[0] {
			return "", false
		}
		found = un.Inputs[0]
		if !w.slotAt(at, e.rows, nonzero, c.slots, w.value(found).Dims[1].String()) {
			return "", false
		}
	}
	return found, found != ""
}

// slotAt reports whether a sum is row · k + slot.
func (w *work) slotAt(sum *graph.Node, rows string, nonzero *graph.Node, slots int, k string) bool {
	for i, in := range sum.Inputs {
		from, at := w.coordinate(in)
		product := w.made(sum.Inputs[1-i], "Mul")
		if from == nil || from != nonzero || at != slots || product == nil {
			continue
		}
		for j, row := range product.Inputs {
			if v, ok := w.value(product.Inputs[1-j]).Ints(); row == rows && ok && len(v) == 1 && fmt.Sprint(v[0]) == k {
				return true
			}
		}
	}
	return false
}

// maxHint is how many values are looked at for the TopK behind weights.
const maxHint = 24

// topOf finds for how many experts a row has a weight: the k of the TopK that the weights come from, 0 when there is none near.
func (w *work) topOf(gates string) int64 {
	queue, seen := []string{gates}, map[string]bool{}
	for len(queue) > 0 && len(seen) < maxHint {
		name := queue[0]
		queue = queue[1:]
		n := w.producer[name]
		if n == nil || seen[name] {
			continue
		}
		seen[name] = true
		if n.Domain == "" && n.Op == "TopK" && len(n.Inputs) > 1 {
			if k, ok := w.value(n.Inputs[1]).Ints(); ok && len(k) == 1 {
				return k[0]
			}
			return n.Int("k", 0)
		}
		queue = append(queue, n.Inputs...)
	}
	return 0
}
