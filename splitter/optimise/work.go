package optimise

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// work is a graph while passes change it: what is known of its values, who makes and who reads them. Passes change nodes
// in place or through its methods, which keep that true; finish drops what nobody reads.
type work struct {
	g        *graph.Graph
	weights  Weights
	scope    *infer.Scope
	producer map[string]*graph.Node
	readers  map[string][]*graph.Node // a node that reads a value twice stands twice
	output   map[string]bool
	taken    map[*graph.Node]bool // nodes that a pass has rewritten or read into another: no pattern starts there again
	names    map[string]bool
	done     Summary
	err      error
}

func newWork(g *graph.Graph, weights Weights) *work {
	w := &work{g: g, weights: weights, scope: infer.NewScope(maps.Clone(g.Opsets)), names: map[string]bool{}}
	for name, c := range g.Weights {
		w.scope.Define(name, infer.OfWeight(c))
	}
	for _, v := range g.Inputs {
		w.scope.Define(v.Name, infer.OfValue(v))
	}
	for b := range g.All() {
		maps.Copy(w.names, b.Defines())
	}
	for _, n := range g.Nodes {
		w.infer(n)
	}
	w.index()
	return w
}

// infer makes the types of a node's outputs known. Of a node that contradicts itself they are not: whoever keeps the node
// says so.
func (w *work) infer(n *graph.Node) {
	if _, err := w.scope.Node(n); err != nil {
		for _, o := range n.Outputs {
			if o != "" {
				w.scope.Define(o, infer.Value{})
			}
		}
	}
}

// reads are the values that a node needs: its inputs and what its bodies capture.
func reads(n *graph.Node) []string {
	if !n.HasBodies() {
		return n.Inputs
	}
	return append(slices.Clone(n.Inputs), n.Captures()...)
}

// index finds producers and readers anew.
func (w *work) index() {
	w.producer, w.readers, w.output = make(map[string]*graph.Node, len(w.g.Nodes)), make(map[string][]*graph.Node, len(w.g.Nodes)), map[string]bool{}
	w.taken = map[*graph.Node]bool{}
	for _, v := range w.g.Outputs {
		w.output[v.Name] = true
	}
	for _, n := range w.g.Nodes {
		w.enter(n)
	}
}

func (w *work) enter(n *graph.Node) {
	for _, in := range reads(n) {
		if in != "" {
			w.readers[in] = append(w.readers[in], n)
		}
	}
	for _, o := range n.Outputs {
		if o != "" {
			w.producer[o] = n
		}
	}
}

// finish drops nodes and weights that nothing needs any more.
func (w *work) finish() {
	needed := make(map[string]bool, len(w.g.Nodes))
	for _, v := range w.g.Outputs {
		needed[v.Name] = true
	}
	kept := make([]*graph.Node, 0, len(w.g.Nodes))
	for _, n := range slices.Backward(w.g.Nodes) {
		if len(n.Outputs) > 0 && !slices.ContainsFunc(n.Outputs, func(o string) bool { return o != "" && needed[o] }) {
			continue
		}
		kept = append(kept, n)
		for _, in := range reads(n) {
			needed[in] = true
		}
	}
	slices.Reverse(kept)
	w.g.Nodes = kept
	maps.DeleteFunc(w.g.Weights, func(name string, _ *graph.Weight) bool { return !needed[name] })
	w.index()
}

// alias lets every reader of a value read another one instead, of the same type. It does nothing and reports false when the
// value is an output of the model, which keeps its producer.
func (w *work) alias(from, to string) bool {
	if w.output[from] {
		return false
	}
	swap := func(name string) string {
		if name == from {
			return to
		}
		return name
	}
	for _, r := range w.readers[from] {
		r.Rename(swap)
	}
	w.readers[to] = append(w.readers[to], w.readers[from]...)
	delete(w.readers, from)
	return true
}

// input makes input i of a node read another value.
func (w *work) input(n *graph.Node, i int, name string) {
	old := n.Inputs[i]
	n.Inputs[i] = name
	w.unread(old, n)
	w.readers[name] = append(w.readers[name], n)
}

// maxUnread bounds the lists of readers that are kept exact until finish: a constant may have a hundred thousand. A list that is too
// long makes passes leave alone what they could change.
const maxUnread = 64

// unread takes a node off a value's readers, once.
func (w *work) unread(name string, n *graph.Node) {
	list := w.readers[name]
	if len(list) > maxUnread {
		return
	}
	if at := slices.Index(list, n); at >= 0 {
		w.readers[name] = slices.Delete(slices.Clone(list), at, at+1)
	}
}

// become makes another operator of a node, with the same outputs.
func (w *work) become(n *graph.Node, op string, attrs map[string]graph.Attr, inputs ...string) {
	for _, in := range n.Inputs {
		w.unread(in, n)
	}
	n.Op, n.Attrs, n.Inputs = op, attrs, inputs
	for _, in := range inputs {
		if in != "" {
			w.readers[in] = append(w.readers[in], n)
		}
	}
	w.taken[n] = true
}

// alone reports whether one node, once, is all that reads the value.
func (w *work) alone(name string) bool { return len(w.readers[name]) == 1 && !w.output[name] }

// value is what is known of a value.
func (w *work) value(name string) infer.Value { return w.scope.Value(name) }

// unused is a name that the graph does not have.
func (w *work) unused(name string) string {
	for w.names[name] {
		name += "_"
	}
	w.names[name] = true
	return name
}

// constant enters a new weight and returns its name.
func (w *work) constant(name string, c *graph.Weight) string {
	c.Name = w.unused(name)
	w.g.Weights[c.Name] = c
	w.scope.Define(c.Name, infer.OfWeight(c))
	return c.Name
}

func (w *work) ints(name string, values ...int64) string {
	return w.constant(name, intsWeight(values))
}

func intsWeight(values []int64) *graph.Weight {
	t := tensor.New(tensor.I64, len(values))
	copy(tensor.Of[int64](t), values)
	return &graph.Weight{DType: tensor.I64, Shape: t.Shape(), Data: t.Bytes()}
}

// op reports whether the node is one of ai.onnx with that operator and one output.
func op(n *graph.Node, names ...string) bool {
	return n != nil && n.Domain == "" && len(n.Outputs) == 1 && slices.Contains(names, n.Op)
}

// made is the producer of a value when it is one of the operators, else nil.
func (w *work) made(name string, ops ...string) *graph.Node {
	if n := w.producer[name]; op(n, ops...) {
		return n
	}
	return nil
}

// fail notes the first error.
func (w *work) fail(n *graph.Node, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("optimise node %s (%s): %w", n.Name, n.Op, err)
	}
}

// sameType reports whether two values surely have the same dtype and shape.
func sameType(a, b infer.Value) bool {
	if a.Kind != infer.Tensor || b.Kind != infer.Tensor || a.DType != b.DType || a.DType == tensor.Invalid {
		return false
	}
	return sameShape(a, b)
}

func sameShape(a, b infer.Value) bool {
	if a.Rank() < 0 || a.Rank() != b.Rank() {
		return false
	}
	for i := range a.Dims {
		if !a.Dims[i].Equal(b.Dims[i]) {
			return false
		}
	}
	return true
}
