package program

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/parts"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// regionWriter writes the nodes of a region for the units [lo, hi) into a program.
type regionWriter struct {
	s      *Stage
	p      *Piece
	lo, hi int
	g      *graph.Graph
	use    func(*graph.Graph, parts.Part) string
	kind   string // of the piece's route, "" for none
}

func (w *regionWriter) write() {
	inside := map[string]bool{}
	for _, in := range w.p.Region.Inputs {
		if n, ok := w.p.Norms[in.Value]; ok {
			w.normalise(&n, in.Placement)
			inside[in.Value] = true
		}
	}
	for _, i := range w.p.Region.Nodes {
		n := *w.s.Graph.Nodes[i]
		n.Inputs, n.Outputs = slices.Clone(n.Inputs), slices.Clone(n.Outputs)
		for in, name := range n.Inputs {
			if name != "" && !inside[name] {
				n.Inputs[in] = w.operand(i, in, name)
			}
		}
		for _, o := range n.Outputs {
			inside[o] = true
		}
		w.rename(&n, i)
		w.add(&n, i)
	}
	for _, value := range slices.Sorted(maps.Keys(w.p.Ends)) {
		w.end(value, w.p.Ends[value])
	}
	for _, out := range w.p.Region.Outputs {
		if n, ok := w.p.Moments[out.Value]; ok {
			w.moments(&n, out.Placement)
		}
	}
}

// operand enters what input in of the node gets: a part of a weight, or a value from outside.
func (w *regionWriter) operand(node, in int, name string) string {
	p := w.p.Region.Operand(node, in)
	if weight := w.s.Graph.Weight(name); weight != nil {
		if p.Kind != sharding.Shard {
			return w.use(w.g, parts.Whole(weight))
		}
		return w.use(w.g, parts.Part{W: weight, Dim: p.Dim, Outer: p.Outer, Lo: w.lo * p.Inner, Hi: w.hi * p.Inner})
	}
	if w.p.Routed {
		return w.s.routed(w.p, name)
	}
	if p.Kind == sharding.Shard {
		return w.s.find(name, p, scale(w.p.Bounds, p.Inner))
	}
	return w.s.find(name, p, nil)
}

// rename gives a result that lacks what counts once the stage's name for it, and drops that input.
func (w *regionWriter) rename(n *graph.Node, i int) {
	once := w.p.Region.Once(i)
	if once < 0 {
		return
	}
	for _, out := range w.s.outputs {
		if out.Once == i {
			n.Outputs[0] = out.Name
		}
	}
	n.Inputs = n.Inputs[:once]
	if n.Op == "Gemm" {
		n.Attrs = maps.Clone(n.Attrs)
		delete(n.Attrs, "beta")
		if w.g.Opsets[""] < 11 { // C was not optional yet
			n.Inputs = append(n.Inputs, w.zero(n))
		}
	}
}

func (w *regionWriter) zero(n *graph.Node) string {
	dtype := w.s.Graph.Values[n.Inputs[0]].DType
	if weight := w.g.Weights[n.Inputs[1]]; weight != nil {
		dtype = weight.DType
	}
	return w.constant(n.Outputs[0]+"/zero", &graph.Weight{DType: dtype, Shape: tensor.Shape{1}, Data: make([]byte, dtype.Size())})
}

// constant enters a small constant of the program's own.
func (w *regionWriter) constant(name string, c *graph.Weight) string {
	for w.g.Weights[name] != nil || w.s.Graph.Values[name].Name != "" {
		name += "_"
	}
	c.Name = name
	w.g.Weights[name] = c
	return name
}

func (w *regionWriter) ints(name string, values ...int64) string {
	return w.constant(name, ints(name, values))
}

// add appends the node with what the cut changes in it.
func (w *regionWriter) add(n *graph.Node, i int) {
	switch n.Op {
	case "Reshape", "Expand":
		w.localShape(n, i)
	case "Split":
		w.localSplit(n, i)
	case "Conv":
		if n.Int("group", 1) > 1 && w.p.Region.Result(i, 0).Dim == 1 {
			w.setInt(n, "group", int64(w.hi-w.lo)*n.Int("group", 1)/int64(w.p.Region.Units))
		}
	case embedding.OpBag:
		w.localBag(n, i)
	case experts.Op:
		w.localExperts(n, i)
	case "Gather":
		if w.p.Region.Lookup(i) && w.kind != manifest.RouteIndex {
			w.lookup(n, i)
			return
		}
	}
	w.g.Nodes = append(w.g.Nodes, n)
}

func (w *regionWriter) setInt(n *graph.Node, name string, v int64) {
	n.Attrs = maps.Clone(n.Attrs)
	n.Attrs[name] = graph.Attr{Kind: graph.AttrInt, Int: v}
}

// local is how many elements of a cut dimension the shard has.
func (w *regionWriter) local(p sharding.Placement) int64 {
	return int64(max(p.Outer, 1) * (w.hi - w.lo) * p.Inner)
}

// localShape lets a shape that is named in full name the shard's own size; 0 and -1 need no change. Where the size is not known
// (the cut lies behind a symbol), the shape has -1 there already, because nothing else could stand.
func (w *regionWriter) localShape(n *graph.Node, i int) {
	p := w.p.Region.Result(i, 0)
	if a, ok := n.Attrs["shape"]; ok && p.Dim < len(a.Ints) && a.Ints[p.Dim] > 0 {
		a.Ints = slices.Clone(a.Ints)
		a.Ints[p.Dim] = w.local(p)
		n.Attrs = maps.Clone(n.Attrs)
		n.Attrs["shape"] = a
	}
	if len(n.Inputs) < 2 {
		return
	}
	shape := sharding.Ints(w.s.Graph.Weight(w.s.Graph.Nodes[i].Inputs[1]))
	if n.Op == "Expand" { // its shape is aligned at the last dimension
		if shift := len(w.s.Graph.Values[w.s.Graph.Nodes[i].Outputs[0]].Dims) - len(shape); shift > 0 {
			p.Dim -= shift
		}
	}
	if p.Dim >= 0 && p.Dim < len(shape) && shape[p.Dim] > 0 && (n.Op == "Reshape" || shape[p.Dim] > 1) {
		shape[p.Dim] = w.local(p)
		n.Inputs[1] = w.ints(fmt.Sprintf("%s/shape", n.Outputs[0]), shape...)
	}
}

// localSplit lets the sizes of parts that are cut themselves be the shard's own.
func (w *regionWriter) localSplit(n *graph.Node, i int) {
	p := w.p.Region.Result(i, 0)
	if w.p.Region.Operand(i, 0).Dim != p.Dim || w.p.Region.Operand(i, 0).Outer == p.Outer {
		return // the cut runs along another dimension
	}
	sizes := make([]int64, len(n.Outputs))
	for o := range sizes {
		sizes[o] = w.local(p)
	}
	if a, ok := n.Attrs["split"]; ok {
		a.Ints = sizes
		n.Attrs = maps.Clone(n.Attrs)
		n.Attrs["split"] = a
	}
	if len(n.Inputs) > 1 && n.Inputs[1] != "" {
		n.Inputs[1] = w.ints(n.Outputs[0]+"/split", sizes...)
	}
}

// lookup replaces a look-up in a table whose rows are cut: indices are counted from the shard's first row, those outside its rows read row 0 and
// yield zeros. A negative index counts from the end of the whole table. An index that is in no row fails as it does in the whole table: the shard of the
// last rows does not take those behind for another's, and that of the first rows makes those in front one behind its own.
func (w *regionWriter) lookup(n *graph.Node, i int) {
	table := w.s.Graph.Nodes[i].Inputs[0]
	whole, rows := int64(w.s.Graph.Values[table].Dims[0].Size), int64(0)
	p := w.p.Region.Operand(i, 0)
	first := int64(w.lo * p.Inner)
	rows = w.local(p)
	index, base := n.Inputs[1], n.Outputs[0]
	dtype := w.s.Graph.Values[w.s.Graph.Nodes[i].Inputs[1]].DType
	scalar := func(name string, v int64) string {
		data := binary.LittleEndian.AppendUint64(nil, uint64(v))
		if dtype == tensor.I32 {
			data = binary.LittleEndian.AppendUint32(nil, uint32(v))
		}
		return w.constant(base+"/"+name, &graph.Weight{DType: dtype, Shape: tensor.Shape{}, Data: data})
	}
	add := func(op, name string, inputs ...string) string {
		out := base + "/" + name
		w.g.Nodes = append(w.g.Nodes, &graph.Node{Name: out, Op: op, Inputs: inputs, Outputs: []string{out}})
		return out
	}
	zero, size := scalar("zero", 0), scalar("rows", rows)
	wrapped := add("Where", "wrapped", add("Less", "negative", index, zero), add("Add", "from_end", index, scalar("all", whole)), index)
	local := add("Sub", "local", wrapped, scalar("first", first))
	below := add("Less", "below", local, zero)
	outside, safe := below, ""
	if w.hi < w.p.Region.Units {
		outside = add("Or", "outside", below, add("Not", "above", add("Less", "within", local, size)))
	}
	if safe = add("Where", "safe", outside, zero, local); w.lo == 0 {
		safe = add("Where", "checked", below, size, safe)
	}
	c := *n
	c.Inputs, c.Outputs = []string{n.Inputs[0], safe}, []string{base + "/rows_found"}
	w.g.Nodes = append(w.g.Nodes, &c)
	mask := outside
	if extra := len(w.s.Graph.Values[table].Dims) - 1; extra > 0 {
		rank := len(w.s.Graph.Values[w.s.Graph.Nodes[i].Inputs[1]].Dims)
		mask = w.unsqueeze(base+"/mask", outside, rank, extra)
	}
	value := w.s.Graph.Values[n.Outputs[0]]
	nothing := make([]byte, value.DType.Size())
	if len(w.p.Region.Nodes) == 1 {
		nothing[len(nothing)-1] = 0x80 // -0, which changes no row that it is added to
	}
	empty := w.constant(base+"/nothing", &graph.Weight{DType: value.DType, Shape: tensor.Shape{}, Data: nothing})
	w.g.Nodes = append(w.g.Nodes, &graph.Node{Name: n.Name + "/own", Op: "Where", Inputs: []string{mask, empty, c.Outputs[0]}, Outputs: []string{n.Outputs[0]}})
}

// localBag tells an EmbeddingBag which rows of the whole table it has, when the table is cut by its rows.
func (w *regionWriter) localBag(n *graph.Node, i int) {
	p := w.p.Region.Operand(i, embedding.InTable)
	if p.Kind != sharding.Shard || p.Dim != 0 || w.kind == manifest.RouteBag {
		return
	}
	table := w.s.Graph.Values[w.s.Graph.Nodes[i].Inputs[embedding.InTable]]
	w.setInt(n, embedding.AttrFirst, int64(w.lo*p.Inner))
	w.setInt(n, embedding.AttrRows, int64(table.Dims[0].Size))
}

// unsqueeze adds so many dimensions of size 1 behind the rank's.
func (w *regionWriter) unsqueeze(name, in string, rank, count int) string {
	axes := make([]int64, count)
	for i := range axes {
		axes[i] = int64(rank + i)
	}
	n := &graph.Node{Name: name, Op: "Unsqueeze", Inputs: []string{in}, Outputs: []string{name}}
	if w.g.Opsets[""] < 13 {
		n.Attrs = map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: axes}}
	} else {
		n.Inputs = append(n.Inputs, w.ints(name+"/axes", axes...))
	}
	w.g.Nodes = append(w.g.Nodes, n)
	return name
}

// tidy drops the constants that the cut replaced.
func tidy(g *graph.Graph) {
	read := map[string]bool{}
	for _, n := range g.Nodes {
		for _, in := range sharding.Reads(n) {
			read[in] = true
		}
	}
	maps.DeleteFunc(g.Weights, func(name string, _ *graph.Weight) bool { return !read[name] })
}
