package infer

import (
	"fmt"
	"math"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
)

// maxInferences bounds how often one body is inferred within one node of the model: what is nested d deep would otherwise be
// inferred rounds^d times. Beyond it the body's outputs are of the types that it declares.
const maxInferences = 64

// memo is what the bodies within one node of the model were inferred to be.
type memo map[*graph.Graph]*inferred

// inferred is one body: the outer values that it reads, and its outputs by the types of all that it depends on.
type inferred struct {
	captures []string
	times    int
	results  map[string]result
}

// result is a body's outputs. made are the symbols without meaning in what it depends on, in the order of their first use.
type result struct {
	made []string
	out  []Value
	err  error
}

// recall infers a body by infer, unless it was inferred for the same types before: then the outputs are those of then, in
// today's symbols. Symbols that were made up for them are made up anew, since each run of a body has sizes of its own.
func (s *Scope) recall(g *graph.Graph, in []Value, infer func() ([]Value, error)) ([]Value, error) {
	if s.memo == nil {
		s.memo = memo{}
	}
	m := s.memo[g]
	if m == nil {
		m = &inferred{captures: g.Captures(), results: map[string]result{}}
		s.memo[g] = m
	}
	k := keyer{made: s.made, at: map[string]int{}}
	for _, v := range in {
		k.value(v)
	}
	k.text.WriteByte('|')
	for _, name := range m.captures {
		k.value(s.Value(name))
	}
	r, ok := m.results[k.text.String()]
	if !ok {
		if m.times++; m.times > maxInferences {
			return undeclared(g), nil
		}
		r = result{made: k.list}
		r.out, r.err = infer()
		m.results[k.text.String()] = r
	}
	if r.err != nil {
		return nil, r.err
	}
	to := map[string]Dim{}
	for i, name := range r.made {
		to[name] = Symbol(k.list[i])
	}
	return s.renamed(r.out, to), nil
}

// undeclared is a body's outputs when nothing is inferred.
func undeclared(g *graph.Graph) []Value {
	out := make([]Value, len(g.Outputs))
	for i, v := range g.Outputs {
		out[i] = declared(Value{}, v)
	}
	return out
}

// renamed is a copy of the values with other symbols: those in to, and fresh ones for all others that were made up.
func (s *Scope) renamed(list []Value, to map[string]Dim) []Value {
	name := func(old string) Dim {
		d, ok := to[old]
		if !ok {
			d = Symbol(old)
			if s.made[old] {
				d = s.Fresh()
			}
			to[old] = d
		}
		return d
	}
	out := make([]Value, len(list))
	for i, v := range list {
		out[i] = v.renamed(name)
	}
	return out
}

func (v Value) renamed(name func(string) Dim) Value {
	each := func(list []Dim) []Dim {
		if list == nil {
			return nil
		}
		out := make([]Dim, len(list))
		for i, d := range list {
			out[i] = d.renamed(name)
		}
		return out
	}
	v.Dims, v.Elems = each(v.Dims), each(v.Elems)
	if v.Element != nil {
		e := v.Element.renamed(name)
		v.Element = &e
	}
	return v
}

// renamed is the expression with other symbols.
func (d Dim) renamed(name func(string) Dim) Dim {
	if _, fixed := d.Fixed(); fixed || d.e == nil {
		return d
	}
	sum := Const(0)
	for _, t := range d.e.terms {
		part := Const(t.coef)
		for _, a := range t.atoms {
			switch a.kind {
			case symbol:
				part = part.Mul(name(a.name))
			case floorDiv:
				part = part.Mul(a.a.renamed(name).Div(a.b.renamed(name)))
			case minimum:
				part = part.Mul(Min(a.a.renamed(name), a.b.renamed(name)))
			case maximum:
				part = part.Mul(Max(a.a.renamed(name), a.b.renamed(name)))
			}
		}
		sum = sum.Add(part)
	}
	return sum
}

// keyer writes values so that two texts are equal when the values are, but for the names of symbols that were made up.
type keyer struct {
	made map[string]bool
	at   map[string]int
	list []string
	text strings.Builder
}

func (k *keyer) value(v Value) {
	fmt.Fprintf(&k.text, "%d %d %t", v.Kind, v.DType, v.Ranked)
	k.dims("d", v.Dims)
	if v.Elems != nil {
		k.dims("e", v.Elems)
	}
	if v.Floats != nil {
		k.text.WriteByte('f')
		for _, f := range v.Floats {
			fmt.Fprintf(&k.text, "%x,", math.Float64bits(f))
		}
	}
	if v.Element != nil {
		k.text.WriteByte('(')
		k.value(*v.Element)
		k.text.WriteByte(')')
	}
	k.text.WriteByte(';')
}

func (k *keyer) dims(mark string, list []Dim) {
	fmt.Fprintf(&k.text, "%s%d:", mark, len(list))
	for _, d := range list {
		// Renaming changes the order of terms, so that some equal values get two keys; two that differ never get one.
		d = d.renamed(func(name string) Dim {
			if !k.made[name] {
				return Symbol(name)
			}
			i, ok := k.at[name]
			if !ok {
				i = len(k.list)
				k.at[name], k.list = i, append(k.list, name)
			}
			return Symbol(fmt.Sprintf("\x00%d", i))
		})
		if d.e != nil {
			k.text.WriteString(d.e.text) // with all names in quotes that need them
		}
		k.text.WriteByte(',')
	}
}
