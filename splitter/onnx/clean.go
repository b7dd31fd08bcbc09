package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// remedyCheck is what helps when a file contradicts itself.
const remedyCheck = "check the model with onnx.checker and export it again"

// net is a cleaned graph with what is known of its values.
type net struct {
	graph    *graph.Graph
	values   map[string]graph.Value
	refused  []*layout.RefusalError // what no engine covers, in node order
	zipMaps  int                    // ZipMap nodes that were taken away
	mixes    string                 // why rows do not stand for themselves, "" when they do
	declared []graph.Value          // the outputs as the file declares them
}

// cleaner goes through the nodes once, in topological order.
type cleaner struct {
	store   *store
	scanned *onnx.Model
	net     *net
	alias   map[string]string      // value -> the value that it equals
	ints    map[string][]graph.Dim // small integer vectors whose elements are known, maybe as symbols
	flipped map[string]string      // constant matrix -> the matrix that it is the transpose of
}

func clean(m *onnx.Model, s *store) (*net, error) {
	g := m.Graph
	nodes, err := order(g, m.Sparse)
	if err != nil {
		return nil, err
	}
	c := &cleaner{store: s, scanned: m, alias: map[string]string{}, ints: map[string][]graph.Dim{}, flipped: map[string]string{},
		net: &net{values: map[string]graph.Value{}, declared: g.Outputs,
			graph: &graph.Graph{Name: g.Name, Opsets: g.Opsets, Weights: map[string]*graph.Weight{}}}}
	for _, name := range sorted(g.Weights) {
		if err := c.addWeight(name, g.Weights[name]); err != nil {
			return nil, err
		}
	}
	if err := c.inputs(g); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if err := c.node(n); err != nil {
			return nil, err
		}
	}
	if err := c.outputs(g); err != nil {
		return nil, err
	}
	c.prune()
	c.net.check()
	return c.net, nil
}

func (c *cleaner) addWeight(name string, w *graph.Weight) error {
	w.Name = name
	if err := c.store.attach(w); err != nil {
		return err
	}
	if err := c.store.small(w); err != nil {
		return err
	}
	c.net.graph.Weights[name] = w
	c.net.values[name] = weightValue(w)
	if list, ok := smallInts(w); ok {
		c.ints[name] = list
	}
	return nil
}

func weightValue(w *graph.Weight) graph.Value {
	v := graph.Value{Name: w.Name, DType: w.DType, Ranked: true}
	for _, d := range w.Shape {
		v.Dims = append(v.Dims, graph.Dim{Size: d})
	}
	return v
}

// inputs takes over the graph's inputs. Old files list their weights among them. The first dimension, where it has no
// fixed size, is the batch.
func (c *cleaner) inputs(g *graph.Graph) error {
	batch := ""
	for _, v := range g.Inputs {
		if _, constant := g.Weights[v.Name]; constant {
			continue
		}
		if v.DType == tensor.Invalid || !v.Ranked {
			return &layout.RefusalError{Subject: "input " + v.Name, Reason: "it is no tensor of a known type and rank", Remedy: "export the model with typed tensor inputs"}
		}
		v.Dims = slices.Clone(v.Dims)
		for i, d := range v.Dims {
			switch {
			case d.Size >= 0:
			case i == 0 && (batch == "" || d.Symbol == "" || d.Symbol == batch):
				if d.Symbol != "" {
					batch = d.Symbol
				}
				v.Dims[i].Symbol = batchSymbol
			case d.Symbol == "":
				v.Dims[i].Symbol = fmt.Sprintf("%s_dim%d", v.Name, i)
			}
		}
		c.net.graph.Inputs = append(c.net.graph.Inputs, v)
	}
	// Another dimension may use the batch's symbol.
	for _, v := range c.net.graph.Inputs {
		for i := range v.Dims {
			if batch != "" && v.Dims[i].Symbol == batch {
				v.Dims[i].Symbol = batchSymbol
			}
		}
		c.net.values[v.Name] = v
	}
	return nil
}

// node cleans one node and takes it over, or makes its outputs aliases or weights.
func (c *cleaner) node(n *graph.Node) error {
	for i, in := range n.Inputs {
		if to, ok := c.alias[in]; ok {
			n.Inputs[i] = to
		}
	}
	if slices.Contains(c.scanned.Functions, functionName(n)) {
		c.refuse(n, "it is a function that the file itself defines", "inline the model's functions (onnx.inliner) and split the result")
		return c.keep(n)
	}
	for _, in := range n.Inputs {
		if slices.Contains(c.scanned.Sparse, in) {
			c.refuse(n, fmt.Sprintf("its input %s is a sparse initializer", in), "store the tensor densely")
			return c.keep(n)
		}
	}
	if len(n.Outputs) == 0 || n.Outputs[0] == "" && len(n.Outputs) == 1 {
		return c.keep(n)
	}
	if done, err := c.simplify(n); done || err != nil {
		return err
	}
	lowered, err := c.lower(n)
	if err != nil {
		return err
	}
	for _, l := range lowered {
		if l != n {
			if done, err := c.simplify(l); done || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		if err := c.keep(l); err != nil {
			return err
		}
	}
	return nil
}

func functionName(n *graph.Node) string {
	if n.Domain == "" {
		return "ai.onnx." + n.Op
	}
	return n.Domain + "." + n.Op
}

// keep takes the node over after asking the engine, inferring its outputs.
func (c *cleaner) keep(n *graph.Node) error {
	c.net.graph.Nodes = append(c.net.graph.Nodes, n)
	covered := true
	if err := native.RefusesTyped(n, c.net.graph.Opsets, c.net.graph.Weights, c.dtypes(n)); err != nil {
		covered = false
		reason := err.Error()
		if _, after, ok := strings.Cut(reason, "not supported: "); ok {
			reason = after
		}
		c.refuse(n, reason, remedyFor(err))
		last := c.net.refused[len(c.net.refused)-1]
		last.Native = onnxruntime.Refuses(n) == nil
		var u *engine.UnsupportedError
		last.Types = errors.As(err, &u) && u.DType != tensor.Invalid
	}
	out, err := c.infer(n)
	if err != nil {
		return &layout.RefusalError{Subject: subject(n), Reason: err.Error(), Remedy: remedyCheck}
	}
	if err := c.accepts(n); covered && err != nil {
		c.refuse(n, err.Error(), remedyCheck)
	}
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		v := graph.Value{}
		if i < len(out) {
			v = out[i]
		}
		v.Name = name
		c.net.values[name] = v
	}
	return nil
}

func (c *cleaner) refuse(n *graph.Node, reason, remedy string) {
	c.net.refused = append(c.net.refused, &layout.RefusalError{Subject: subject(n), Reason: reason, Remedy: remedy})
}

// subject names a node in messages.
func subject(n *graph.Node) string {
	op := n.Op
	if n.Domain != "" {
		op = n.Domain + "." + n.Op
	}
	return fmt.Sprintf("node %s (%s)", n.Name, op)
}

// order names the nodes that have no name and puts them into topological order, which keeps the file's where it is one.
func order(g *graph.Graph, sparse []string) ([]*graph.Node, error) {
	known := map[string]bool{"": true}
	for name := range g.Weights {
		known[name] = true
	}
	for _, name := range sparse {
		known[name] = true
	}
	for _, v := range g.Inputs {
		known[v.Name] = true
	}
	defined := map[string]bool{}
	for i, n := range g.Nodes {
		if n.Name == "" {
			n.Name = fmt.Sprintf("%s_%d", n.Op, i)
		}
		for _, o := range n.Outputs {
			if o != "" && (defined[o] || known[o]) {
				return nil, &layout.RefusalError{Subject: subject(n), Reason: fmt.Sprintf("the value %q is defined twice", o), Remedy: remedyCheck}
			}
			defined[o] = true
		}
	}
	var out []*graph.Node
	waiting := map[string][]*graph.Node{} // by the first input that is not known yet
	missing := func(n *graph.Node) int {
		return slices.IndexFunc(n.Inputs, func(in string) bool { return !known[in] })
	}
	for _, first := range g.Nodes {
		for ready := []*graph.Node{first}; len(ready) > 0; ready = ready[1:] {
			n := ready[0]
			if i := missing(n); i >= 0 {
				waiting[n.Inputs[i]] = append(waiting[n.Inputs[i]], n)
				continue
			}
			out = append(out, n)
			for _, o := range n.Outputs {
				known[o] = true
				ready = append(ready, waiting[o]...)
				delete(waiting, o)
			}
		}
	}
	for _, n := range g.Nodes {
		i := missing(n)
		if i < 0 {
			continue
		}
		reason := fmt.Sprintf("its input %q is defined nowhere", n.Inputs[i])
		if defined[n.Inputs[i]] {
			reason = fmt.Sprintf("its input %q depends on its own output, or on something undefined: the graph has a cycle", n.Inputs[i])
		}
		return nil, &layout.RefusalError{Subject: subject(n), Reason: reason, Remedy: remedyCheck}
	}
	return out, nil
}
