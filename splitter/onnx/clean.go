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
	"github.com/shardwise/shardwise/splitter/infer"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/optimise"
)

// remedyCheck is what helps when a file contradicts itself.
const remedyCheck = "check the model with onnx.checker and export it again"

// net is a cleaned graph with what is known of its values.
type net struct {
	graph    *graph.Graph
	values   map[string]graph.Value
	refused  []refused              // what no engine covers, in node order
	foreign  []*layout.RefusalError // inputs and outputs that are no tensors that Shardwise has
	bodies   int                    // graphs inside nodes
	shared   int                    // names of weights whose bytes another weight has, too
	zipMaps  int                    // ZipMap nodes that were taken away
	unfused  map[string]int         // by operator: nodes of ONNX Runtime's own that were written as what they are made of
	leading  []string               // symbols of inputs' first dimensions, in the order of the inputs
	batch    string                 // the one of leading that counts the rows
	mixes    string                 // why rows do not stand for themselves, "" when they do
	declared []graph.Value          // the outputs as the file declares them
	done     optimise.Summary       // what optimisation did
	before   map[string]int         // operators before it
}

// refused is why a node cannot be split.
type refused struct {
	node *graph.Node
	why  *layout.RefusalError
}

// cleaner goes through the nodes once, in topological order.
type cleaner struct {
	store   *store
	scanned *onnx.Model
	net     *net
	covers  *native.Coverage
	alias   map[string]string // value -> the value that it equals
	scope   *infer.Scope
	flipped map[string]string // constant matrix -> the matrix that it is the transpose of
	kept    []*onnx.Function  // functions whose calls stay, because they cannot be replaced
	places  map[place]string  // where large weights lie -> the first weight that lies there
}

// clean makes the net of a model. own is another form of it for the native engine alone, nil when there is none.
func clean(m *onnx.Model, s *store) (portable, own *net, err error) {
	g := m.Graph
	if err := order(g); err != nil {
		return nil, nil, err
	}
	c := &cleaner{store: s, scanned: m, covers: native.NewCoverage(), alias: map[string]string{}, scope: infer.NewScope(g.Opsets), flipped: map[string]string{}, places: map[place]string{},
		net: &net{values: map[string]graph.Value{}, declared: g.Outputs, unfused: map[string]int{},
			graph: &graph.Graph{Name: g.Name, Opsets: g.Opsets, Weights: map[string]*graph.Weight{}}}}
	for i := range m.Functions {
		if f := &m.Functions[i]; f.Kept != "" {
			c.kept = append(c.kept, f)
		}
	}
	for _, name := range sorted(g.Weights) {
		if err := c.addWeight(name, g.Weights[name]); err != nil {
			return nil, nil, err
		}
	}
	if err := c.inputs(g); err != nil {
		return nil, nil, err
	}
	for _, n := range g.Nodes {
		if err := c.node(n); err != nil {
			return nil, nil, err
		}
	}
	if err := c.outputs(g); err != nil {
		return nil, nil, err
	}
	c.prune()
	if err := c.optimise(); err != nil {
		return nil, nil, err
	}
	c.net.findRows(c.scope)
	own, err = c.own()
	return c.net, own, err
}

func (c *cleaner) addWeight(name string, w *graph.Weight) error {
	if err := c.store.take(name, w); err != nil {
		return err
	}
	if first, twice := c.samePlace(w); twice {
		c.alias[name] = first
		c.net.shared++
		return nil
	}
	c.net.graph.Weights[name] = w
	c.net.values[name] = weightValue(w)
	c.scope.Define(name, infer.OfWeight(w))
	return nil
}

// place is where a weight's bytes are, and what they are.
type place struct {
	location       string
	offset, length int64
	dtype          tensor.DType
	shape          string
}

// samePlace finds the earlier weight that has the bytes and the type of a large one, so that they are shipped once.
func (c *cleaner) samePlace(w *graph.Weight) (first string, twice bool) {
	if w.Data != nil || w.Length == 0 || w.Opaque != nil {
		return "", false
	}
	p := place{w.Location, w.Offset, w.Length, w.DType, fmt.Sprint(w.Shape)}
	if first, twice = c.places[p]; !twice {
		c.places[p] = w.Name
	}
	return first, twice
}

func weightValue(w *graph.Weight) graph.Value {
	v := graph.Value{Name: w.Name, DType: w.DType, Ranked: true}
	if w.Opaque != nil {
		v.Foreign = "a tensor of " + w.Opaque.Type
	}
	for _, d := range w.Shape {
		v.Dims = append(v.Dims, graph.Dim{Size: d})
	}
	return v
}

// unnamedRows counts the first dimension of inputs whose model gives it no name.
const unnamedRows = "batch"

// inputs takes over the graph's inputs. Old files list their weights among them. Dimensions without a size or a name get a
// name: first ones count the rows, the others stand for themselves.
func (c *cleaner) inputs(g *graph.Graph) error {
	for _, v := range g.Inputs {
		if _, constant := g.Weights[v.Name]; constant {
			continue
		}
		if v.DType == tensor.Invalid || !v.Ranked {
			c.foreign("input", v)
		}
		v.Dims = slices.Clone(v.Dims)
		for i, d := range v.Dims {
			switch {
			case d.Size >= 0:
			case i == 0 && d.Symbol == "":
				v.Dims[i].Symbol = unnamedRows
			case d.Symbol == "":
				v.Dims[i].Symbol = fmt.Sprintf("%s_dim%d", v.Name, i)
			}
		}
		known := infer.OfValue(v)
		foreign := v.Foreign
		v = known.Graph(v.Name) // names that are expressions in their one form
		v.Foreign = foreign
		c.net.graph.Inputs = append(c.net.graph.Inputs, v)
		c.net.values[v.Name] = v
		c.scope.Define(v.Name, known)
		if len(v.Dims) > 0 && v.Dims[0].Size < 0 && !slices.Contains(c.net.leading, v.Dims[0].Symbol) {
			c.net.leading = append(c.net.leading, v.Dims[0].Symbol)
		}
	}
	return nil
}

// node cleans one node and takes it over, or makes its outputs aliases or weights.
func (c *cleaner) node(n *graph.Node) error {
	n.Rename(c.resolve)
	for b := range n.Bodies() {
		if err := c.body(b); err != nil {
			return err
		}
	}
	if err := c.attributes(n); err != nil {
		return err
	}
	if reason, remedy := c.foreignTo(n); reason != "" {
		c.opaque(n, reason, remedy)
		return nil
	}
	if len(n.Outputs) == 0 || n.Outputs[0] == "" && len(n.Outputs) == 1 {
		return c.keep(n)
	}
	if done, err := c.simplify(n); done || err != nil {
		return err
	}
	lowered, err := c.lower(n)
	var refusal *layout.RefusalError
	if errors.As(err, &refusal) {
		c.opaque(n, refusal.Reason, refusal.Remedy)
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range lowered {
		if l != n {
			l.Rename(c.resolve) // what an earlier one of them hands on
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

// resolve follows an alias to the value that it stands for.
func (c *cleaner) resolve(name string) string {
	if to, ok := c.alias[name]; ok {
		return to
	}
	return name
}

// keep takes the node over after asking the engine, inferring its outputs.
func (c *cleaner) keep(n *graph.Node) error {
	c.net.graph.Nodes = append(c.net.graph.Nodes, n)
	covered := true
	if err := c.covers.Refuses(n, c.net.graph.Opsets, c.net.graph.Weights, c.dtypes(n)); err != nil {
		covered = false
		reason := err.Error()
		if _, after, ok := strings.Cut(reason, "not supported: "); ok {
			reason = after
		}
		if _, ok := fusions()[n.Op]; ok && n.Domain == microsoft {
			reason = "this form of the operator is not covered: an attribute, an input or an input's rank"
		}
		c.refuse(n, reason, remedyFor(err))
		last := c.net.refused[len(c.net.refused)-1].why
		last.Native = onnxruntime.Refuses(n) == nil
		var u *engine.UnsupportedError
		last.Types = errors.As(err, &u) && u.DType != tensor.Invalid
	}
	out, err := c.infer(n)
	if err != nil {
		out = nil // what follows from it is not known either
	} else if covered {
		err = c.accepts(n)
	}
	if err != nil && covered { // held against the model only when an output needs the node
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

// foreign notes an input or output of the model that is no tensor of a known type and rank.
func (c *cleaner) foreign(what string, v graph.Value) {
	is := v.Foreign
	if is == "" {
		is = "no tensor of a known type and rank"
	}
	c.net.foreign = append(c.net.foreign, &layout.RefusalError{Subject: what + " " + v.Name, Reason: "it is " + is, Remedy: "export the model with " + what + "s that are tensors of known types and ranks"})
}

func (c *cleaner) refuse(n *graph.Node, reason, remedy string) {
	c.net.refused = append(c.net.refused, refused{n, &layout.RefusalError{Subject: subject(n), Reason: reason, Remedy: remedy}})
}

// subject names a node in messages.
func subject(n *graph.Node) string {
	op := n.Op
	if n.Domain != "" {
		op = n.Domain + "." + n.Op
	}
	if n.Name == "" && len(n.Outputs) > 0 {
		return fmt.Sprintf("node of %q (%s)", n.Outputs[0], op)
	}
	return fmt.Sprintf("node %s (%s)", n.Name, op)
}
