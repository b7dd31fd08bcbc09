package program

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Component is one tensor of a partial: what it is to the merge, its name in the shards' programs, and its type, with the
// whole extent of the cut dimension where it has that.
type Component struct {
	Role string
	Name string
	Type graph.Value
	Cut  bool // the dimension that is cut is each shard's own
}

// endNames are the values that a shard computes behind the cut value x.
type endNames struct{ max, exp, sum, best, at string }

func (s *Stage) endNames(x string) endNames {
	return endNames{s.unused(x + "/max"), s.unused(x + "/exp"), s.unused(x + "/sumexp"), s.unused(x + "/best"), s.unused(x + "/at")}
}

// along is the type of x with another extent along its dimension, without the dimension when the extent is 0.
func along(x graph.Value, name string, d tensor.DType, dim, extent int) graph.Value {
	x.Name, x.DType, x.Dims = name, d, slices.Clone(x.Dims)
	if extent == 0 {
		x.Dims = slices.Delete(x.Dims, dim, dim+1)
	} else {
		x.Dims[dim] = graph.Dim{Size: extent}
	}
	return x
}

// endOutputs enters what the stage yields in place of the cut value x: the results of the operator behind it, or what they are made of.
func (s *Stage) endOutputs(p *Piece, x *sharding.Border, e sharding.End, positions []int) {
	v, names := s.Graph.Values[x.Value], s.endNames(x.Value)
	n := s.Graph.Nodes[e.Node]
	bounds := dense(scale(p.Bounds, x.Placement.Inner))
	base := Output{Placement: x.Placement, Bounds: bounds, Positions: positions, Once: -1, Completes: -1}
	drop := func(role, name string) Component {
		return Component{Role: role, Name: name, Type: along(v, name, v.DType, e.Axis, 0)}
	}
	switch e.Kind {
	case sharding.Softmax:
		o := base
		o.Name, o.Type, o.Merge = n.Outputs[0], s.Graph.Values[n.Outputs[0]], manifest.MergeSoftmax
		value := Component{Role: manifest.RoleValue, Name: names.exp, Type: v, Cut: true}
		value.Type.Name = names.exp
		o.Components = []Component{value, drop(manifest.RoleMax, names.max), drop(manifest.RoleSumExp, names.sum)}
		s.outputs = append(s.outputs, o)
	case sharding.LogSoftmax:
		whole, total := base, base
		whole.Name, whole.Type = x.Value, v
		total.Name, total.Merge, total.Completes = s.unused(x.Value+"/logsumexp"), manifest.MergeLogSumExp, e.Node
		total.Type, total.Placement, total.Bounds = along(v, total.Name, v.DType, e.Axis, 0), sharding.Placement{Kind: sharding.Partial, Op: "logsumexp"}, nil
		total.Components = []Component{drop(manifest.RoleMax, names.max), drop(manifest.RoleSumExp, names.sum)}
		s.outputs = append(s.outputs, whole, total)
	case sharding.Mean:
		o := base
		y := s.Graph.Values[n.Outputs[0]]
		o.Name, o.Type, o.Completes = s.unused(y.Name+"/sum"), y, e.Node
		o.Placement, o.Bounds = sharding.Placement{Kind: sharding.Partial, Op: "sum"}, nil
		s.outputs = append(s.outputs, o)
	case sharding.Greatest, sharding.TopK:
		s.candidates(base, v, n, e, names)
	}
}

// candidates enters the outputs of ArgMax and TopK: values and global positions of the greatest.
func (s *Stage) candidates(base Output, v graph.Value, n *graph.Node, e sharding.End, names endNames) {
	base.Merge, base.K = manifest.MergeTopK, max(e.K, 1)
	base.Components = []Component{
		{Role: manifest.RoleValue, Name: names.best, Type: along(v, names.best, v.DType, e.Axis, base.K), Cut: true},
		{Role: manifest.RoleIndex, Name: names.at, Type: along(v, names.at, tensor.I64, e.Axis, base.K), Cut: true},
	}
	if e.Kind == sharding.Greatest {
		o := base
		o.Name, o.Result, o.Completes = s.unused(v.Name+"/argmax"), "index", e.Node
		o.Type = along(v, o.Name, tensor.I64, e.Axis, 1)
		s.outputs = append(s.outputs, o)
		return
	}
	for i, result := range []string{"value", "index"} {
		if i < len(n.Outputs) && n.Outputs[i] != "" {
			o := base
			o.Name, o.Result, o.Type = n.Outputs[i], result, s.Graph.Values[n.Outputs[i]]
			s.outputs = append(s.outputs, o)
		}
	}
}

// end writes what the shard computes of an end behind the cut value x.
func (w *regionWriter) end(x string, e sharding.End) {
	names := w.s.endNames(x)
	switch e.Kind {
	case sharding.Softmax, sharding.LogSoftmax:
		// exp(x - max) of a part of nothing but -Inf is NaN, which the merge leaves out by its max.
		top := w.reduce("ReduceMax", x, names.max+"/kept", e.Axis, true)
		w.node("Sub", names.exp+"/shifted", x, top)
		w.node("Exp", names.exp, names.exp+"/shifted")
		w.reduce("ReduceSum", names.exp, names.sum, e.Axis, false)
		w.reduce("ReduceMax", x, names.max, e.Axis, false)
	case sharding.Mean:
		w.mean(x, e)
	case sharding.Greatest, sharding.TopK:
		part := w.hi - w.lo
		for i := range w.p.Region.Outputs {
			if out := &w.p.Region.Outputs[i]; out.Value == x {
				part *= out.Placement.Inner
			}
		}
		n := &graph.Node{Name: names.best, Op: "TopK", Inputs: []string{x, w.ints(names.best+"/k", int64(min(max(e.K, 1), part)))}, Outputs: []string{names.best, names.at},
			Attrs: map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: int64(e.Axis)}}}
		w.g.Nodes = append(w.g.Nodes, n)
	}
}

// mean adds up the shard's part, over the axes of the mean.
func (w *regionWriter) mean(x string, e sharding.End) {
	n := *w.s.Graph.Nodes[e.Node]
	for i := range w.s.outputs {
		if w.s.outputs[i].Completes == e.Node {
			n.Outputs = []string{w.s.outputs[i].Name}
		}
	}
	n.Op, n.Inputs = "ReduceSum", slices.Clone(n.Inputs)
	axes := n.Attrs["axes"].Ints
	if len(n.Inputs) > 1 && n.Inputs[1] != "" {
		axes = sharding.Ints(w.s.Graph.Weight(n.Inputs[1]))
	}
	keep := graph.Attr{Kind: graph.AttrInt, Int: n.Int("keepdims", 1)}
	n.Inputs, n.Attrs = n.Inputs[:1], map[string]graph.Attr{"keepdims": keep}
	if len(axes) > 0 {
		w.axes(&n, axes, 13)
	}
	w.g.Nodes = append(w.g.Nodes, &n)
}

func (w *regionWriter) node(op, out string, in ...string) {
	w.g.Nodes = append(w.g.Nodes, &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}})
}

// reduce adds a reduction over one axis.
func (w *regionWriter) reduce(op, in, out string, axis int, keep bool) string {
	return w.reduceOver(op, in, out, []int64{int64(axis)}, keep)
}

// reduceOver adds a reduction over several axes.
func (w *regionWriter) reduceOver(op, in, out string, axes []int64, keep bool) string {
	n := &graph.Node{Name: out, Op: op, Inputs: []string{in}, Outputs: []string{out}, Attrs: map[string]graph.Attr{"keepdims": {Kind: graph.AttrInt}}}
	if keep {
		n.Attrs["keepdims"] = graph.Attr{Kind: graph.AttrInt, Int: 1}
	}
	since := int64(18)
	if op == "ReduceSum" {
		since = 13
	}
	w.axes(n, axes, since)
	w.g.Nodes = append(w.g.Nodes, n)
	return out
}

// axes gives a node its axes: as an input from the version on, as an attribute before.
func (w *regionWriter) axes(n *graph.Node, axes []int64, since int64) {
	if w.g.Opsets[""] < since {
		n.Attrs["axes"] = graph.Attr{Kind: graph.AttrInts, Ints: axes}
		return
	}
	n.Inputs = append(n.Inputs, w.ints(n.Name+"/axes_"+n.Op, axes...))
}

// CompleteNodes are the nodes that make the result of an end of what the stage yields of it. Constants that they need are returned by name.
func CompleteNodes(g *sharding.Graph, s *Stage, out *Output) ([]*graph.Node, map[string]*graph.Weight) {
	n := g.Nodes[out.Completes]
	y, consts := n.Outputs[0], map[string]*graph.Weight{}
	node := func(op, to string, attrs map[string]graph.Attr, in ...string) *graph.Node {
		return &graph.Node{Name: to + "/" + op, Op: op, Inputs: in, Outputs: []string{to}, Attrs: attrs}
	}
	axesNode := func(op, to, in string, axis int) *graph.Node {
		if g.Opsets[""] < 13 {
			return node(op, to, map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: []int64{int64(axis)}}}, in)
		}
		consts[y+"/axis"] = ints(y+"/axis", []int64{int64(axis)})
		return node(op, to, nil, in, y+"/axis")
	}
	dim := 0
	for _, o := range s.outputs {
		if o.Completes == out.Completes || o.Name == n.Inputs[0] {
			dim = max(dim, o.Placement.Dim)
		}
	}
	switch n.Op {
	case "LogSoftmax":
		return []*graph.Node{axesNode("Unsqueeze", y+"/total", out.Name, dim), node("Sub", y, nil, n.Inputs[0], y+"/total")}, consts
	case "ArgMax":
		if n.Int("keepdims", 1) != 0 {
			return []*graph.Node{node("Identity", y, nil, out.Name)}, consts
		}
		return []*graph.Node{axesNode("Squeeze", y, out.Name, dim)}, consts
	case "ReduceMean":
		count, _ := g.Averaged(n)
		consts[y+"/count"] = scalar(y+"/count", g.Values[y].DType, float32(count))
		consts[y+"/count"].Shape = tensor.Shape{}
		return []*graph.Node{node("Div", y, nil, out.Name, y+"/count")}, consts
	}
	panic(fmt.Sprintf("program: no completion of %s", n.Op))
}
