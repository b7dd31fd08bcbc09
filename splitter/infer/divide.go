package infer

import (
	"slices"
	"strings"
)

// Exact is d / o when o divides d as polynomials do; ok is false otherwise. o is taken not to be 0.
func (d Dim) Exact(o Dim) (q Dim, ok bool) {
	switch {
	case d.e == nil || o.e == nil || len(o.e.terms) == 0 || d.huge() || o.huge():
		return Dim{}, false
	case d.Is(0):
		return d, true
	}
	rest := d
	q = Const(0)
	for range d.e.terms {
		part, ok := over(rest.e.terms[0], o.e.terms[0])
		if !ok {
			return Dim{}, false
		}
		step := finish([]term{part})
		q, rest = q.Add(step), rest.Sub(step.Mul(o))
		if q.e == nil || rest.e == nil {
			return Dim{}, false
		}
		if rest.Is(0) {
			return q, true
		}
	}
	return Dim{}, false
}

// over divides terms: the coefficient and the atoms of b must go into those of a.
func over(a, b term) (term, bool) {
	if a.coef%b.coef != 0 {
		return term{}, false
	}
	atoms := slices.Clone(a.atoms)
	for _, x := range b.atoms {
		i := slices.IndexFunc(atoms, func(y *atom) bool { return y.text == x.text })
		if i < 0 {
			return term{}, false
		}
		atoms = slices.Delete(atoms, i, i+1)
	}
	return product(a.coef/b.coef, atoms), true
}

// Div is d // o, the quotient rounded down; unknown for a divisor of 0.
func (d Dim) Div(o Dim) Dim {
	if q, ok := d.Exact(o); ok {
		return q
	}
	if d.e == nil || o.e == nil || o.Is(0) || d.huge() || o.huge() {
		return Dim{}
	}
	by, fixed := o.Fixed()
	if fixed && by < 0 {
		return d.Mul(Const(-1)).Div(Const(-by))
	}
	// What divides evenly leaves the bracket: (2*n + 3) // 2 is n + 1 + 1 // 2.
	whole, rest := Const(0), Const(0)
	for _, t := range d.e.terms {
		one := finish([]term{t})
		if fixed {
			q := floor(t.coef, by)
			whole = whole.Add(finish([]term{{coef: q, atoms: t.atoms, key: t.key}}))
			rest = rest.Add(finish([]term{{coef: t.coef - q*by, atoms: t.atoms, key: t.key}}))
		} else if q, ok := one.Exact(o); ok {
			whole = whole.Add(q)
		} else {
			rest = rest.Add(one)
		}
	}
	if n, ok := rest.Fixed(); ok && (n == 0 || fixed) {
		return whole // what is left is smaller than the divisor
	}
	return whole.Add(quotient(rest, o))
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// quotient is the atom a // b. Quotients of quotients by numbers are one: (n // 2) // 3 is n // 6.
func quotient(a, b Dim) Dim {
	if a.e == nil {
		return Dim{}
	}
	if t := a.e.terms; len(t) == 1 && t[0].coef == 1 && len(t[0].atoms) == 1 && t[0].atoms[0].kind == floorDiv {
		if inner := t[0].atoms[0]; fixedAbove(inner.b) && fixedAbove(b) {
			return inner.a.Div(inner.b.Mul(b))
		}
	}
	return single(&atom{kind: floorDiv, a: a, b: b, text: "(" + operand(a) + "//" + operand(b) + ")"})
}

func fixedAbove(d Dim) bool {
	n, ok := d.Fixed()
	return ok && n > 0
}

// operand is the text of one side of a quotient, in brackets unless it is one name or number.
func operand(d Dim) string {
	if t := d.e.terms; len(t) == 0 || len(t) == 1 && (len(t[0].atoms) == 0 && t[0].coef > 0 || len(t[0].atoms) == 1 && t[0].coef == 1) {
		return d.operandText()
	}
	return "(" + d.e.text + ")"
}

func (d Dim) operandText() string {
	if t := d.e.terms; len(t) == 1 && len(t[0].atoms) == 1 {
		return t[0].key
	}
	return d.e.text
}

// Ceil is d / o rounded up, for a divisor above 0.
func (d Dim) Ceil(o Dim) Dim { return d.Add(o).Sub(Const(1)).Div(o) }

// Min is the smaller of the two.
func Min(a, b Dim) Dim { return extreme(a, b, minimum, "min") }

// Max is the larger of the two.
func Max(a, b Dim) Dim { return extreme(a, b, maximum, "max") }

func extreme(a, b Dim, kind atomKind, name string) Dim {
	if a.e == nil || b.e == nil {
		return Dim{}
	}
	diff := a.Sub(b)
	switch {
	case diff.e != nil && notNegative(diff):
		if kind == maximum {
			return a
		}
		return b
	case diff.e != nil && notNegative(diff.Mul(Const(-1))):
		if kind == maximum {
			return b
		}
		return a
	}
	if strings.Compare(a.e.text, b.e.text) > 0 {
		a, b = b, a
	}
	return single(&atom{kind: kind, a: a, b: b, text: name + "(" + a.e.text + ", " + b.e.text + ")"})
}

// notNegative reports whether the expression is surely 0 or more: no term is negative.
func notNegative(d Dim) bool {
	return !slices.ContainsFunc(d.e.terms, func(t term) bool {
		return t.coef < 0 || slices.ContainsFunc(t.atoms, func(a *atom) bool { return !atomNotNegative(a) })
	})
}

func atomNotNegative(a *atom) bool {
	switch a.kind {
	case symbol:
		return true
	case maximum:
		return notNegative(a.a) || notNegative(a.b)
	}
	return notNegative(a.a) && notNegative(a.b)
}

// Eval is the value for the given sizes of the symbols; ok is false when one is missing or a divisor is 0.
func (d Dim) Eval(sizes map[string]int64) (n int64, ok bool) {
	if d.e == nil {
		return 0, false
	}
	for _, t := range d.e.terms {
		v := t.coef
		for _, a := range t.atoms {
			x, ok := a.eval(sizes)
			if !ok {
				return 0, false
			}
			v *= x
		}
		n += v
	}
	return n, true
}

func (a *atom) eval(sizes map[string]int64) (int64, bool) {
	if a.kind == symbol {
		n, ok := sizes[a.name]
		return n, ok
	}
	x, okX := a.a.Eval(sizes)
	y, okY := a.b.Eval(sizes)
	switch {
	case !okX || !okY || a.kind == floorDiv && y == 0:
		return 0, false
	case a.kind == floorDiv:
		return floor(x, y), true
	case a.kind == minimum:
		return min(x, y), true
	}
	return max(x, y), true
}
