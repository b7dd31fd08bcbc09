package infer

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
)

// ConflictError says that a node's inputs contradict each other or its operator's definition.
type ConflictError struct {
	Node, Domain, Op string
	Reason           string
}

// Error names the node and what is wrong.
func (e *ConflictError) Error() string {
	op := e.Op
	if e.Domain != "" {
		op = e.Domain + "." + op
	}
	return fmt.Sprintf("node %s (%s): %s", e.Node, op, e.Reason)
}

// Scope is the values of a graph that are known so far. A subgraph's scope sees the values around it. It is not safe for
// concurrent use.
type Scope struct {
	*session
	outer  *Scope
	values map[string]Value
	depth  int
}

// session is what all scopes of a model share.
type session struct {
	opsets map[string]int64
	rules  map[string]rule
	taken  map[string]bool // symbols that the model uses
	made   map[string]bool // symbols that stand for a size of which nothing is known
	fresh  int
	memo   memo // of the bodies in the node at hand
}

// NewScope is an empty scope of a model that imports the given operator sets.
func NewScope(opsets map[string]int64) *Scope {
	return &Scope{session: &session{opsets: opsets, rules: rules(), taken: map[string]bool{}, made: map[string]bool{}}, values: map[string]Value{}}
}

// Define makes a value known: an input or a constant. Symbols in it are the model's own and never made up for anything else.
func (s *Scope) Define(name string, v Value) {
	for _, d := range v.Dims {
		s.take(d)
	}
	s.values[name] = v
}

func (s *Scope) take(d Dim) {
	if d.e == nil {
		return
	}
	for _, t := range d.e.terms {
		for _, a := range t.atoms {
			if a.kind == symbol {
				s.taken[a.name] = true
			} else {
				s.take(a.a)
				s.take(a.b)
			}
		}
	}
}

// Value is what is known of the value called name, here or in the graphs around.
func (s *Scope) Value(name string) Value {
	for at := s; at != nil && name != ""; at = at.outer {
		if v, ok := at.values[name]; ok {
			return v
		}
	}
	return Value{}
}

// Rename gives a value another name.
func (s *Scope) Rename(from, to string) {
	if v, ok := s.values[from]; ok {
		s.values[to] = v
		delete(s.values, from)
	}
}

// Node infers the types of a node's outputs, in the order of the outputs, and makes them known. Outputs of operators
// without a rule are of unknown type. The error is a *ConflictError.
func (s *Scope) Node(n *graph.Node) ([]Value, error) {
	out, err := s.node(n)
	if err != nil {
		return nil, err
	}
	for i, name := range n.Outputs {
		if name != "" {
			s.values[name] = out[i]
		}
	}
	return out, nil
}

func (s *Scope) node(n *graph.Node) ([]Value, error) {
	c := &call{scope: s, node: n, opset: s.opsets[n.Domain], out: make([]Value, len(n.Outputs))}
	for _, name := range n.Inputs {
		c.in = append(c.in, s.Value(name))
	}
	if r := s.rules[key(n.Domain, n.Op)]; r != nil && len(n.Outputs) > 0 {
		err := r(c)
		if s.outer == nil {
			s.memo = nil // the graphs may be changed before the next node
		}
		if err != nil {
			return nil, &ConflictError{Node: n.Name, Domain: n.Domain, Op: n.Op, Reason: err.Error()}
		}
	}
	for i := range c.out {
		s.settle(&c.out[i])
	}
	return c.out, nil
}

// settle gives unknown dimensions symbols, and takes the type of vectors that do not fit their elements for what it is.
func (s *Scope) settle(v *Value) {
	if v.Element != nil {
		return // the elements' dimensions may differ from one to the next, so that no symbol stands for them
	}
	for i, d := range v.Dims {
		if n, ok := d.Fixed(); !d.Known() || ok && (n < 0 || n > maxSize) {
			v.Dims[i] = s.Fresh()
		}
	}
	n := int64(1)
	if len(v.Dims) == 1 {
		n, _ = v.Dims[0].Fixed()
	}
	if len(v.Dims) > 1 || !v.Ranked || int64(len(v.Elems)) != n || len(v.Elems) > maxElems {
		v.Elems = nil
	}
	if len(v.Dims) > 1 || !v.Ranked || int64(len(v.Floats)) != n || len(v.Floats) > maxElems {
		v.Floats = nil
	}
}

// Fresh is a size of which nothing is known: a symbol that stands for nothing else in the model.
func (s *Scope) Fresh() Dim {
	for {
		name := fmt.Sprintf("unknown_%d", s.fresh)
		s.fresh++
		if !s.taken[name] {
			s.made[name] = true
			return Symbol(name)
		}
	}
}

// Graph infers all values of a graph whose nodes stand in topological order, and makes them known. Values that are
// already known as inputs stay what they are.
func (s *Scope) Graph(g *graph.Graph) error {
	for name, w := range g.Weights {
		s.Define(name, OfWeight(w))
	}
	for _, v := range g.Inputs {
		if _, ok := s.values[v.Name]; !ok {
			in := OfValue(v)
			s.Define(v.Name, in)
		}
	}
	for _, v := range g.Inputs {
		in := s.values[v.Name]
		s.settle(&in)
		s.values[v.Name] = in
	}
	for _, n := range g.Nodes {
		if _, err := s.Node(n); err != nil {
			return err
		}
	}
	return nil
}

// maxDepth bounds graphs within graphs. A file of the format can hold half as many.
const maxDepth = 64

// inner is the scope of a subgraph.
func (s *Scope) inner() *Scope {
	return &Scope{session: s.session, outer: s, values: map[string]Value{}, depth: s.depth + 1}
}
