package infer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
)

// Dim is the size of a dimension, or one number of a shape that is computed: an integer polynomial over symbols. It is
// immutable. The zero value is unknown; so is every result with an unknown operand, one beyond 2^53, and one whose text
// would be longer than maxText. Symbols are taken to be 0 or more.
type Dim struct{ e *expr }

// expr is a sum of terms, ascending by key, with coefficients other than 0; the empty sum is 0.
type expr struct {
	terms []term
	text  string
}

// term is coef times its atoms, which ascend by text; without atoms it is the constant.
type term struct {
	coef  int64
	atoms []*atom
	key   string
}

type atomKind uint8

const (
	symbol atomKind = iota
	floorDiv
	minimum
	maximum
)

// atom is a symbol or an operation that is no polynomial.
type atom struct {
	kind atomKind
	a, b Dim // the operands; none for a symbol
	name string
	text string // as a factor
}

const (
	// maxText bounds expressions: a manifest's names have 256 bytes.
	maxText = 200
	// maxSize bounds numbers: JSON holds integers up to it exactly.
	maxSize = 1 << 53
)

// Const is the number n. Beyond 2^53 it is only a number by itself, such as the bound that means the end: what is computed
// from it is unknown.
func Const(n int64) Dim {
	if n == 0 {
		return finish(nil)
	}
	list := []term{{coef: n}}
	if n > maxSize || n < -maxSize {
		return Dim{&expr{terms: list, text: write(list)}}
	}
	return finish(list)
}

// huge reports whether the expression is a number beyond those that are computed with.
func (d Dim) huge() bool {
	n, ok := d.Fixed()
	return ok && (n > maxSize || n < -maxSize)
}

// Symbol is the size called name, unknown when the name is empty.
func Symbol(name string) Dim {
	if name == "" || len(name) > maxText {
		return Dim{}
	}
	return single(&atom{kind: symbol, name: name, text: quoteName(name)})
}

func single(a *atom) Dim { return finish([]term{{coef: 1, atoms: []*atom{a}, key: a.text}}) }

// Of is the dimension of a graph. A symbol that is an expression in the form that String writes is read as one.
func Of(d graph.Dim) Dim {
	if d.Size >= 0 && d.Symbol == "" {
		return Const(int64(d.Size))
	}
	return Parse(d.Symbol)
}

// Graph is the dimension in a graph's terms: a size, or the text as the symbol, "" when it is unknown or negative.
func (d Dim) Graph() graph.Dim {
	if n, ok := d.Fixed(); ok {
		if n < 0 {
			return graph.Dim{Size: -1}
		}
		return graph.Dim{Size: int(n)}
	}
	return graph.Dim{Size: -1, Symbol: d.String()}
}

// Known reports whether anything is known: a number or an expression.
func (d Dim) Known() bool { return d.e != nil }

// Fixed is the number that the expression is; ok is false when it depends on a symbol or is unknown.
func (d Dim) Fixed() (n int64, ok bool) {
	switch {
	case d.e == nil:
		return 0, false
	case len(d.e.terms) == 0:
		return 0, true
	case len(d.e.terms) == 1 && len(d.e.terms[0].atoms) == 0:
		return d.e.terms[0].coef, true
	}
	return 0, false
}

// Is reports whether the expression is the number n.
func (d Dim) Is(n int64) bool {
	m, ok := d.Fixed()
	return ok && m == n
}

// Equal reports whether both are known and the same for all values of their symbols, as far as their canonical forms tell.
func (d Dim) Equal(o Dim) bool { return d.e != nil && o.e != nil && d.e.text == o.e.text }

// Has reports whether the expression contains the symbol.
func (d Dim) Has(name string) bool {
	if d.e == nil {
		return false
	}
	for _, t := range d.e.terms {
		for _, a := range t.atoms {
			if a.kind == symbol && a.name == name || a.kind != symbol && (a.a.Has(name) || a.b.Has(name)) {
				return true
			}
		}
	}
	return false
}

// String is the canonical text, for example "2*batch*seq + 1" or "(width + 1)//2"; "" when the size is unknown.
func (d Dim) String() string {
	if d.e == nil {
		return ""
	}
	if t := d.e.terms; len(t) == 1 && t[0].coef == 1 && len(t[0].atoms) == 1 && t[0].atoms[0].kind == symbol {
		// As the model writes it, without quotes, where that is read as the same size.
		if name := t[0].atoms[0].name; plainName(name) || Parse(name).Equal(d) {
			return name
		}
	}
	return d.e.text
}

// finish brings terms into canonical order, merging equal ones.
func finish(terms []term) Dim {
	slices.SortStableFunc(terms, func(a, b term) int {
		if len(a.atoms) != len(b.atoms) {
			return len(b.atoms) - len(a.atoms)
		}
		return strings.Compare(a.key, b.key)
	})
	out := terms[:0:0]
	for _, t := range terms {
		if n := len(out); n > 0 && out[n-1].key == t.key && len(out[n-1].atoms) == len(t.atoms) {
			out[n-1].coef += t.coef
		} else {
			out = append(out, t)
		}
		if c := out[len(out)-1].coef; c > maxSize || c < -maxSize {
			return Dim{}
		}
	}
	out = slices.DeleteFunc(out, func(t term) bool { return t.coef == 0 })
	e := &expr{terms: out, text: write(out)}
	if len(e.text) > maxText {
		return Dim{}
	}
	return Dim{e}
}

func write(terms []term) string {
	if len(terms) == 0 {
		return "0"
	}
	var b strings.Builder
	for i, t := range terms {
		c := t.coef
		switch {
		case i > 0 && c < 0:
			b.WriteString(" - ")
			c = -c
		case i > 0:
			b.WriteString(" + ")
		}
		switch {
		case t.key == "":
			b.WriteString(strconv.FormatInt(c, 10))
		case c == 1 && len(t.atoms) == 1 && t.atoms[0].kind == floorDiv && len(terms) == 1:
			b.WriteString(strings.TrimSuffix(strings.TrimPrefix(t.key, "("), ")")) // a quotient alone needs no brackets
		case c == 1:
			b.WriteString(t.key)
		default:
			b.WriteString(strconv.FormatInt(c, 10) + "*" + t.key)
		}
	}
	return b.String()
}

// Add is d + o.
func (d Dim) Add(o Dim) Dim {
	if d.e == nil || o.e == nil || d.huge() || o.huge() {
		return Dim{}
	}
	return finish(slices.Concat(d.e.terms, o.e.terms))
}

// Sub is d - o.
func (d Dim) Sub(o Dim) Dim { return d.Add(o.Mul(Const(-1))) }

// Mul is d times o.
func (d Dim) Mul(o Dim) Dim {
	if d.Is(0) || o.Is(0) {
		return Const(0)
	}
	if d.e == nil || o.e == nil || d.huge() || o.huge() || len(d.e.terms)*len(o.e.terms) > maxText {
		return Dim{}
	}
	var out []term
	for _, x := range d.e.terms {
		for _, y := range o.e.terms {
			c := x.coef * y.coef
			if c/y.coef != x.coef {
				return Dim{}
			}
			out = append(out, product(c, slices.Concat(x.atoms, y.atoms)))
		}
	}
	return finish(out)
}

func product(coef int64, atoms []*atom) term {
	slices.SortFunc(atoms, func(a, b *atom) int { return strings.Compare(a.text, b.text) })
	texts := make([]string, len(atoms))
	for i, a := range atoms {
		texts[i] = a.text
	}
	return term{coef: coef, atoms: atoms, key: strings.Join(texts, "*")}
}

// Product multiplies all; without any it is 1.
func Product(dims []Dim) Dim {
	out := Const(1)
	for _, d := range dims {
		out = out.Mul(d)
	}
	return out
}
