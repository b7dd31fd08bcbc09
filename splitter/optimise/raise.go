package optimise

import (
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/splitter/infer"
)

// oldestRaised and newestRaised are the versions of ai.onnx between which every change of a definition was looked at.
const (
	oldestRaised = 11
	newestRaised = 23
)

// change rewrites a node for the version that defines its operator anew. It reports false when the node does not have
// the same meaning there in any form. at is the graph that the node stands in.
type change func(r *raiser, at *graph.Graph, n *graph.Node) bool

// changes are the definitions between oldestRaised and newestRaised that changed what a node means. All others took more types, or
// attributes whose defaults keep the meaning.
func changes() map[string]map[int64]change {
	softmax := map[int64]change{13: raiseSoftmax}
	axes := map[int64]change{13: raiseAxes}
	m := map[string]map[int64]change{
		"Softmax": softmax, "LogSoftmax": softmax, "Hardmax": softmax,
		"ReduceSum": axes, "Squeeze": axes, "Unsqueeze": axes,
		"Split":              {13: raiseSplit, 18: raiseParts},
		"Dropout":            {12: raiseDropout},
		"BatchNormalization": {14: func(_ *raiser, _ *graph.Graph, n *graph.Node) bool { return len(n.Outputs) == 1 }},
		"RoiAlign":           {16: raiseRoiAlign},
		"AveragePool":        {19: raiseFloored, 22: raiseFloored},
		"MaxPool":            {22: raiseFloored},
		"GroupNormalization": {21: func(*raiser, *graph.Graph, *graph.Node) bool { return false }}, // the scale was one for a group
		"DFT":                {20: func(*raiser, *graph.Graph, *graph.Node) bool { return false }},
		"GridSample":         {20: raiseGridSample},
		"Resize": {13: func(_ *raiser, _ *graph.Graph, n *graph.Node) bool {
			return n.Text("coordinate_transformation_mode", "") != "tf_half_pixel_for_nn"
		}},
	}
	for _, op := range []string{"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSumSquare"} {
		m[op] = map[int64]change{18: raiseAxes}
	}
	return m
}

// raiser rewrites the nodes of a graph for a newer version of ai.onnx.
type raiser struct {
	scope    *infer.Scope // of the whole graph; what bodies compute is not in it
	changes  map[string]map[int64]change
	from, to int64
	unused   func(name string) string
}

// raise brings the graph to the version, when every node has the same meaning there and the engine runs those that it ran before.
// It returns the version that the graph has then. Other domains stay.
func (w *work) raise(to int64) int64 {
	from := w.g.Opsets[""]
	if from < oldestRaised || to > newestRaised {
		return from
	}
	raised := w.g.Clone()
	raised.Opsets[""] = to
	r := &raiser{scope: w.scope, changes: changes(), from: from, to: to, unused: w.unused}
	for b := range raised.All() {
		if !r.graph(b) {
			return from
		}
	}
	before, after := native.NewCoverage(), native.NewCoverage()
	for i, n := range raised.Nodes {
		if before.Refuses(w.g.Nodes[i], w.g.Opsets, w.g.Weights, nil) == nil && after.Refuses(n, raised.Opsets, raised.Weights, nil) != nil {
			return from
		}
	}
	for i, n := range raised.Nodes {
		*w.g.Nodes[i] = *n // patterns point at the nodes
	}
	for name, c := range raised.Weights {
		if w.g.Weights[name] == nil {
			w.g.Weights[name] = c
			w.names[name] = true
		}
	}
	w.g.Opsets[""] = to
	if w.done.Opset == 0 {
		w.done.Opset = from
	}
	w.done.OpsetTo = to
	fresh := newWork(w.g, w.weights)
	w.scope, w.producer, w.readers, w.output, w.names = fresh.scope, fresh.producer, fresh.readers, fresh.output, fresh.names
	return to
}

func (r *raiser) graph(g *graph.Graph) bool {
	for _, n := range g.Nodes {
		if n.Domain != "" {
			continue
		}
		versions, known := onnx.Changes("", n.Op, r.from, r.to)
		if !known {
			return false
		}
		for _, v := range versions {
			if f := r.changes[n.Op][v]; f != nil && !f(r, g, n) {
				return false
			}
		}
	}
	return true
}

// ints enters a constant of integers into the graph that a node stands in.
func (r *raiser) ints(g *graph.Graph, name string, values ...int64) string {
	name = r.unused(name)
	g.Weights[name] = intsWeight(values)
	g.Weights[name].Name = name
	return name
}

func setInput(n *graph.Node, i int, name string) {
	for len(n.Inputs) <= i {
		n.Inputs = append(n.Inputs, "")
	}
	n.Inputs[i] = name
}

// raiseAxes: the attribute axes became an input.
func raiseAxes(r *raiser, at *graph.Graph, n *graph.Node) bool {
	a, ok := n.Attrs["axes"]
	if !ok {
		return true
	}
	if a.Kind != graph.AttrInts || len(n.Inputs) != 1 || len(n.Outputs) == 0 {
		return false
	}
	n.Attrs = maps.Clone(n.Attrs)
	delete(n.Attrs, "axes")
	setInput(n, 1, r.ints(at, n.Outputs[0]+"/axes", a.Ints...))
	return true
}

// raiseFloored: the number of windows is defined anew where it is rounded up.
func raiseFloored(_ *raiser, _ *graph.Graph, n *graph.Node) bool { return n.Int("ceil_mode", 0) == 0 }

// raiseSplit: the attribute split became an input.
func raiseSplit(r *raiser, at *graph.Graph, n *graph.Node) bool {
	a, ok := n.Attrs["split"]
	if !ok {
		return true
	}
	if a.Kind != graph.AttrInts || len(n.Inputs) != 1 || len(n.Outputs) == 0 {
		return false
	}
	n.Attrs = maps.Clone(n.Attrs)
	delete(n.Attrs, "split")
	setInput(n, 1, r.ints(at, n.Outputs[0]+"/split", a.Ints...))
	return true
}

// raiseParts: a Split without sizes says how many parts there are.
func raiseParts(_ *raiser, _ *graph.Graph, n *graph.Node) bool {
	if len(n.Inputs) > 1 && n.Inputs[1] != "" {
		return true
	}
	n.Attrs = maps.Clone(n.Attrs)
	if n.Attrs == nil {
		n.Attrs = map[string]graph.Attr{}
	}
	n.Attrs["num_outputs"] = intAttr(int64(len(n.Outputs)))
	return true
}

// raiseSoftmax: it was over all dimensions from axis (default 1) on, and is over axis (default -1) alone since. Both are one for
// the last axis.
func raiseSoftmax(r *raiser, _ *graph.Graph, n *graph.Node) bool {
	axis := n.Int("axis", 1)
	rank := r.scope.Value(n.Outputs[0]).Rank()
	if axis != -1 && (rank < 0 || axis != int64(rank-1)) {
		return false
	}
	n.Attrs = maps.Clone(n.Attrs)
	if n.Attrs == nil {
		n.Attrs = map[string]graph.Attr{}
	}
	n.Attrs["axis"] = intAttr(-1)
	return true
}

// raiseDropout: the ratio became an input; without the input of the training mode it drops nothing.
func raiseDropout(_ *raiser, _ *graph.Graph, n *graph.Node) bool {
	if slices.ContainsFunc(n.Outputs[1:], func(o string) bool { return o != "" }) {
		return false
	}
	n.Attrs = maps.Clone(n.Attrs)
	delete(n.Attrs, "ratio")
	return true
}

// raiseRoiAlign: positions were not shifted by half a pixel, which is the default since.
func raiseRoiAlign(_ *raiser, _ *graph.Graph, n *graph.Node) bool {
	n.Attrs = maps.Clone(n.Attrs)
	if n.Attrs == nil {
		n.Attrs = map[string]graph.Attr{}
	}
	n.Attrs["coordinate_transformation_mode"] = graph.Attr{Kind: graph.AttrString, Str: "output_half_pixel"}
	return true
}

// raiseGridSample: two modes have other names.
func raiseGridSample(_ *raiser, _ *graph.Graph, n *graph.Node) bool {
	names := map[string]string{"bilinear": "linear", "bicubic": "cubic"}
	if name, ok := names[n.Text("mode", "bilinear")]; ok {
		n.Attrs = maps.Clone(n.Attrs)
		if n.Attrs == nil {
			n.Attrs = map[string]graph.Attr{}
		}
		n.Attrs["mode"] = graph.Attr{Kind: graph.AttrString, Str: name}
	}
	return true
}
