package native

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// scope compiles one graph into a block: values become slots. The scope of a graph in an attribute sees the values and
// weights of the scope around it, as they are when its node is reached.
type scope struct {
	engine    *Native
	g         *graph.Graph
	opsets    map[string]int64
	around    *scope // nil for the program's own graph
	open      bool   // nothing will run: names that nobody defines come from outside, and weights need no bytes
	constants *constants
	block     *block
	weights   map[string]*graph.Weight // of Constant nodes
	names     map[string]name
	from      []int // slots in the scope around, beside block.outer
	outer     []int // what the node that is being compiled has taken from this scope for its bodies
}

// name is what a scope knows of a value: its slot, its dtype, Invalid when it is not known, and its weight when it is a
// constant.
type name struct {
	slot   int
	dtype  tensor.DType
	weight *graph.Weight
}

func (e *Native) scope(g *graph.Graph, around *scope) *scope {
	shared := &budget{}
	if around != nil {
		shared = around.block.budget
	}
	s := &scope{engine: e, g: g, opsets: g.Opsets, around: around, block: &block{name: g.Name, declared: g, budget: shared},
		weights: map[string]*graph.Weight{}, names: map[string]name{}}
	if around != nil {
		s.opsets, s.constants, s.open = around.opsets, around.constants, around.open
	}
	return s
}

func (s *scope) compile() (*block, error) {
	for _, v := range s.g.Inputs {
		if err := s.define(v.Name, "graph input", v.DType); err != nil {
			return nil, err
		}
	}
	for _, n := range s.g.Nodes {
		if err := s.node(n); err != nil {
			return nil, err
		}
	}
	for _, v := range s.g.Outputs {
		slot, err := s.use(v.Name)
		if err != nil {
			return nil, fmt.Errorf("graph output: %w", err)
		}
		if slot == none {
			return nil, fmt.Errorf("graph output %d has no name", len(s.block.outputs))
		}
		s.block.outputs = append(s.block.outputs, slot)
	}
	return s.block, nil
}

func (s *scope) node(n *graph.Node) error {
	st := step{node: n}
	for _, in := range n.Inputs {
		slot, err := s.use(in)
		if err != nil {
			return fmt.Errorf("node %s (%s): %w", n.Name, n.Op, err)
		}
		st.in = append(st.in, slot)
	}
	var err error
	if st.kernel, st.takes, err = s.kernel(n); err != nil {
		return err
	}
	st.outer = s.outer
	by := "node " + n.Name + " (" + n.Op + ")"
	if k, ok := st.kernel.(engine.Constant); ok && len(n.Outputs) == 1 {
		if _, twice := s.names[n.Outputs[0]]; twice || s.weight(n.Outputs[0]) != nil || n.Outputs[0] == "" {
			return fmt.Errorf("%s: the value %q has no name or is defined twice", by, n.Outputs[0])
		}
		s.weights[n.Outputs[0]] = s.constants.fixed(n.Outputs[0], k.Value())
		return nil
	}
	for _, out := range n.Outputs {
		if out == "" {
			st.out = append(st.out, none)
			continue
		}
		if err := s.define(out, by, tensor.Invalid); err != nil {
			return err
		}
		st.out = append(st.out, s.names[out].slot)
	}
	s.block.steps = append(s.block.steps, st)
	return nil
}

// slot gives a value the next slot.
func (s *scope) slot(called string, d tensor.DType, w *graph.Weight) int {
	at := s.block.slots
	s.names[called] = name{at, d, w}
	s.block.slots++
	return at
}

// define gives a value its slot; each value is defined once.
func (s *scope) define(called, by string, d tensor.DType) error {
	_, twice := s.names[called]
	_, weight := s.g.Weights[called]
	_, fixed := s.weights[called]
	if twice || weight || fixed || called == "" {
		return fmt.Errorf("%s: the value %q has no name or is defined twice", by, called)
	}
	s.slot(called, d, nil)
	return nil
}

// weight is the constant behind a name as this scope sees it, nil when it is a computed value or unknown.
func (s *scope) weight(called string) *graph.Weight {
	for ; s != nil; s = s.around {
		if n, ok := s.names[called]; ok {
			return n.weight
		}
		if w, ok := s.weights[called]; ok {
			return w
		}
		if w, ok := s.g.Weights[called]; ok {
			return w
		}
	}
	return nil
}

// use finds the slot of a value that has been defined, here or around, or of a constant. Constants, and values from
// around, get their slots when they are first used.
func (s *scope) use(called string) (int, error) {
	if called == "" {
		return none, nil
	}
	if n, ok := s.names[called]; ok {
		return n.slot, nil
	}
	if w := s.weight(called); w != nil {
		if s.open {
			return s.slot(called, w.DType, w), nil
		}
		c, err := s.constants.of(called, w)
		if err != nil {
			return none, err
		}
		slot := s.slot(called, w.DType, w)
		s.block.constants = append(s.block.constants, use{slot, c})
		return slot, nil
	}
	switch {
	case s.around != nil:
		from, err := s.around.use(called)
		if err != nil {
			return none, err
		}
		s.from = append(s.from, from)
		slot := s.slot(called, s.around.names[called].dtype, nil)
		s.block.outer = append(s.block.outer, slot)
		return slot, nil
	case s.open:
		return s.slot(called, tensor.Invalid, nil), nil
	}
	return none, fmt.Errorf("the value %q is not defined before it is used (nodes stand in topological order)", called)
}

// dtype is a name's dtype, Invalid when it is not known.
func (s *scope) dtype(called string) tensor.DType {
	if w := s.weight(called); w != nil {
		return w.DType
	}
	return s.names[called].dtype
}

// Weight implements engine.Weights for operators that look at small constants when they are compiled.
func (s *scope) Weight(called string) (*tensor.Tensor, error) {
	w := s.weight(called)
	if w == nil {
		return nil, fmt.Errorf("there is no constant %q", called)
	}
	c, err := s.constants.of(called, w)
	if err != nil {
		return nil, err
	}
	return c.get()
}

func (s *scope) kernel(n *graph.Node) (engine.Kernel, []engine.Types, error) {
	op, version, err := s.operator(n)
	if err != nil {
		return nil, nil, err
	}
	if err := refuseDTypes(n, &op, s.dtype); err != nil {
		return nil, nil, err
	}
	s.outer = nil
	site := &engine.Site{Node: n, Opset: version, Weights: s,
		Const: func(i int) *graph.Weight {
			if i >= len(n.Inputs) || n.Inputs[i] == "" {
				return nil
			}
			return s.weight(n.Inputs[i])
		},
		Subgraph: func(attr string) (engine.Body, error) { return s.body(n, attr) },
	}
	k, err := op.Build(site)
	if err == nil && op.Half {
		k = halved{k}
	}
	return k, takes(&op, len(n.Inputs)), err
}

// body compiles the graph in an attribute.
func (s *scope) body(n *graph.Node, attr string) (engine.Body, error) {
	a := n.Attrs[attr]
	if a.Kind != graph.AttrGraph || a.Graph == nil {
		return nil, &engine.UnsupportedError{Node: n.Name, Domain: n.Domain, Op: n.Op, Reason: fmt.Sprintf("attribute %q is no graph", attr)}
	}
	inner := s.engine.scope(a.Graph, s)
	b, err := inner.compile()
	if err != nil {
		return nil, fmt.Errorf("node %s (%s): %s: %w", n.Name, n.Op, attr, err)
	}
	out := &body{schedule: b.schedule(b.outputs)}
	for _, slot := range inner.from {
		at := slices.Index(s.outer, slot)
		if at < 0 {
			at = len(s.outer)
			s.outer = append(s.outer, slot)
		}
		out.outer = append(out.outer, at)
	}
	return out, nil
}
