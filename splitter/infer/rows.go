package infer

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
)

// Rows says of every value of a graph how it depends on the rows of a batch.
type Rows struct {
	scope  *Scope
	symbol Dim
	name   string
	states map[string]state
	rules  map[string]rowRule
}

// dependence is how a value depends on the rows.
type dependence uint8

const (
	// free values are the same whatever the rows.
	free dependence = iota
	// counted values depend on the number of rows, not on what stands in them: shapes.
	counted
	// along values have a dimension of size outer * rows * inner; its places (o * rows + i) * inner to
	// (o * rows + i + 1) * inner - 1, for every o, depend on row i alone.
	along
	// mixed values may depend on several rows.
	mixed
)

type state struct {
	kind dependence
	dim  int
	span span
	why  string
}

func mix(format string, args ...any) state {
	return state{kind: mixed, why: fmt.Sprintf(format, args...)}
}

// span is how rows lie within a dimension that is a product.
type span struct{ outer, inner Dim }

// plain is a dimension of the rows alone.
func plain() span { return span{Const(1), Const(1)} }

func (s span) equal(o span) bool { return s.outer.Equal(o.outer) && s.inner.Equal(o.inner) }

func (s span) plain() bool { return s.outer.Is(1) && s.inner.Is(1) }

func rowsAt(dim int, s span) state { return state{kind: along, dim: dim, span: s} }

// rowRule gives the states of a node's outputs; it is only asked when some input is along the rows. One state may stand
// for all outputs.
type rowRule func(c *rowCall) []state

// AnalyseRows follows the rows through the graph, whose values are known in the scope. The rows are dimension 0 of the
// inputs where that is the symbol. Operators of which nothing is known mix rows: what is said to be independent is.
func AnalyseRows(g *graph.Graph, s *Scope, symbol string) *Rows {
	r := &Rows{scope: s, name: symbol, symbol: Symbol(symbol), states: map[string]state{}, rules: rowRules()}
	for _, v := range g.Inputs {
		if d := s.Value(v.Name).Dims; len(d) > 0 && d[0].Equal(r.symbol) {
			r.states[v.Name] = r.check(rowsAt(0, plain()), v.Name)
		} else if slices.ContainsFunc(d, r.has) {
			r.states[v.Name] = mix("input %s does not have the rows in front", v.Name)
		}
	}
	for _, n := range g.Nodes {
		r.node(n)
	}
	return r
}

// Mixed says why the value called name may depend on more than one row in some place, "" when its dimension 0 counts the
// rows and place i depends on row i alone.
func (r *Rows) Mixed(name string) string {
	st := r.states[name]
	switch {
	case st.kind == mixed:
		return st.why
	case st.kind != along || st.dim != 0 || !st.span.plain():
		return "it does not have the rows in front"
	}
	return ""
}

// Dim is the dimension of the value called name that counts the rows: place i belongs to row i alone, and no other dimension
// depends on their number. ok is false when there is none.
func (r *Rows) Dim(name string) (dim int, ok bool) {
	st := r.states[name]
	return st.dim, st.kind == along && st.span.plain()
}

func (r *Rows) has(d Dim) bool { return d.Has(r.name) }

// rowCall is one node as its row rule sees it.
type rowCall struct {
	*Rows
	node  *graph.Node
	opset int64
}

func (c *rowCall) state(i int) state {
	if i >= len(c.node.Inputs) {
		return state{}
	}
	return c.states[c.node.Inputs[i]]
}

func (c *rowCall) value(i int) Value {
	if i >= len(c.node.Inputs) {
		return Value{}
	}
	return c.scope.Value(c.node.Inputs[i])
}

func (c *rowCall) output(i int) Value { return c.scope.Value(c.node.Outputs[i]) }

// free reports whether all the inputs from first to last are independent of the rows.
func (c *rowCall) free(first, last int) bool {
	for i := first; i <= last && i < len(c.node.Inputs); i++ {
		if c.state(i).kind != free {
			return false
		}
	}
	return true
}

func (r *Rows) node(n *graph.Node) {
	states := r.outputs(n)
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		st := mix("%s is not known to keep rows apart", label(n))
		if len(states) == 1 {
			st = states[0]
		} else if i < len(states) {
			st = states[i]
		}
		if st.kind == mixed && st.why == "" {
			st = mix("%s may mix rows", label(n))
		}
		if v := r.scope.Value(name); v.Elems != nil && !slices.ContainsFunc(v.Elems, func(d Dim) bool { return !d.Known() || r.has(d) }) && st.kind != along {
			st = state{} // numbers that the rows have no part in
		}
		r.states[name] = r.check(st, name)
	}
}

func label(n *graph.Node) string { return fmt.Sprintf("node %s (%s)", n.Name, n.Op) }

// check holds a state against the shape: only the dimension of the rows may depend on their number.
func (r *Rows) check(st state, name string) state {
	v := r.scope.Value(name)
	for i, d := range v.Dims {
		switch {
		case st.kind == along && i == st.dim:
			if !d.Equal(st.span.outer.Mul(r.symbol).Mul(st.span.inner)) {
				return mix("%s has %s places for the rows", name, d)
			}
		case r.has(d) && st.kind != mixed:
			return mix("dimension %d of %s depends on the number of rows", i, name)
		}
	}
	if st.kind == along && st.dim >= len(v.Dims) {
		return mix("the shape of %s is not known", name)
	}
	return st
}

func (r *Rows) outputs(n *graph.Node) []state {
	c := &rowCall{Rows: r, node: n, opset: r.scope.opsets[n.Domain]}
	worst := state{}
	note := func(st state) {
		if st.kind > worst.kind {
			worst = st
		}
	}
	for _, in := range n.Inputs {
		note(r.states[in])
	}
	for _, name := range n.Captures() {
		if r.states[name].kind != free {
			note(mix("%s runs a graph on values with rows", label(n)))
		}
	}
	if worst.kind == mixed {
		return []state{worst}
	}
	if n.Domain == "" && (n.Op == "Shape" || n.Op == "Size") && worst.kind == along {
		return []state{{kind: counted}}
	}
	rule := r.rules[key(n.Domain, n.Op)]
	switch {
	case rule != nil && (worst.kind == along || worst.kind == counted && makesRows(n.Op)):
		return rule(c)
	case worst.kind == along:
		return nil
	case slices.Contains([]string{"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}, n.Op):
		return []state{mix("%s draws numbers", label(n))}
	}
	return []state{worst}
}

// makesRows reports whether an operator makes a value with rows from their number.
func makesRows(op string) bool { return op == "ConstantOfShape" || op == "Expand" || op == "Tile" }
