package optimise

import (
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// gelu is a Gelu that stands in other operators. It becomes root.
//
//	x · 0.5 · (1 + erf(x / √2))
//	x · 0.5 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))
type gelu struct {
	root  *graph.Node
	x     string
	tanh  bool
	inner *graph.Node // the sum 1 + erf or 1 + tanh
}

// factors are a product, read through Mul, Div by constants and whole powers: a number and how often each value stands in it.
type factors struct {
	number float64
	values map[string]int
}

// maxFactors bounds how deep products are read.
const maxFactors = 5

// factorsOf reads the product that makes a value. It does not look behind the value stop.
func (w *work) factorsOf(name, stop string) factors {
	f := factors{1, map[string]int{}}
	w.multiply(&f, name, stop, 1, maxFactors)
	return f
}

func (w *work) multiply(f *factors, name, stop string, power, depth int) {
	if v, ok := w.single(name); ok {
		f.number *= math.Pow(v, float64(power))
		return
	}
	n := w.producer[name]
	switch {
	case name == stop || depth == 0:
	case op(n, "Mul"):
		w.multiply(f, n.Inputs[0], stop, power, depth-1)
		w.multiply(f, n.Inputs[1], stop, power, depth-1)
		return
	case op(n, "Div"):
		if v, ok := w.single(n.Inputs[1]); ok && v != 0 {
			f.number /= math.Pow(v, float64(power))
			w.multiply(f, n.Inputs[0], stop, power, depth-1)
			return
		}
	case op(n, "Pow"):
		if v, ok := w.power(n); ok {
			w.multiply(f, n.Inputs[0], stop, power*v, depth-1)
			return
		}
	}
	f.values[name] += power
}

// power is the constant exponent 2 or 3 of a Pow.
func (w *work) power(n *graph.Node) (int, bool) {
	v, ok := w.single(n.Inputs[1])
	if list, whole := w.value(n.Inputs[1]).Ints(); !ok && whole && len(list) == 1 {
		v, ok = float64(list[0]), true
	}
	return int(v), ok && (v == 2 || v == 3)
}

// are reports whether the product is the number times exactly these values.
func (f factors) are(number float64, values map[string]int) bool {
	if !near(f.number, number) || len(f.values) != len(values) {
		return false
	}
	for name, power := range values {
		if f.values[name] != power {
			return false
		}
	}
	return true
}

// gelus finds them, those that end last first: a product of a Gelu and a number is none.
func (w *work) gelus() []*gelu {
	var found []*gelu
	taken := map[*graph.Node]bool{}
	for _, n := range slices.Backward(w.g.Nodes) {
		if !op(n, "Mul", "Div") || w.taken[n] {
			continue
		}
		if g := w.geluAt(n); g != nil && !taken[g.inner] {
			taken[g.inner] = true
			found = append(found, g)
		}
	}
	slices.Reverse(found)
	return found
}

// geluAt reads the one that ends at the node, nil when there is none.
func (w *work) geluAt(n *graph.Node) *gelu {
	if w.value(n.Outputs[0]).DType != tensor.F32 {
		return nil
	}
	for name, power := range w.factorsOf(n.Outputs[0], "").values {
		sum := w.made(name, "Add")
		if power != 1 || sum == nil {
			continue
		}
		for i, in := range sum.Inputs {
			one, ok := w.single(sum.Inputs[1-i])
			if !ok || one != 1 {
				continue
			}
			if x := w.curve(in); x != "" && w.factorsOf(n.Outputs[0], x).are(0.5, map[string]int{x: 1, name: 1}) && sameType(w.value(x), w.value(n.Outputs[0])) {
				return &gelu{root: n, x: x, tanh: w.made(in, "Tanh") != nil, inner: sum}
			}
		}
	}
	return nil
}

// curve is x when the value is erf(x/√2) or tanh(√(2/π)·(x + 0.044715·x³)), else "".
func (w *work) curve(name string) string {
	if erf := w.made(name, "Erf"); erf != nil {
		for _, x := range w.near(erf.Inputs[0], 1) {
			if w.factorsOf(erf.Inputs[0], x).are(math.Sqrt2/2, map[string]int{x: 1}) {
				return x
			}
		}
	}
	tanh := w.made(name, "Tanh")
	if tanh == nil {
		return ""
	}
	for _, x := range w.near(tanh.Inputs[0], maxFactors) {
		f := w.factorsOf(tanh.Inputs[0], x)
		delete(f.values, x)
		for sum := range f.values {
			whole := w.factorsOf(tanh.Inputs[0], x)
			if whole.are(math.Sqrt(2/math.Pi), map[string]int{sum: 1}) && w.cubic(sum, x, 1) ||
				whole.are(math.Sqrt(2/math.Pi), map[string]int{sum: 1, x: 1}) && w.cubic(sum, x, 0) {
				return x
			}
		}
	}
	return ""
}

// cubic reports whether the value is x^low + 0.044715·x^(low+2).
func (w *work) cubic(name, x string, low int) bool {
	sum := w.made(name, "Add")
	if sum == nil {
		return false
	}
	for i, in := range sum.Inputs {
		other := w.factorsOf(in, x)
		first := sum.Inputs[1-i] == x
		if low == 0 {
			one, ok := w.single(sum.Inputs[1-i])
			first = ok && one == 1
		}
		if first && other.are(0.044715, map[string]int{x: low + 2}) {
			return true
		}
	}
	return false
}

// near are the values that a value is computed from in at most so many steps of products and sums, nearest first.
func (w *work) near(name string, steps int) []string {
	var out []string
	for level := []string{name}; steps > 0 && len(level) > 0; steps-- {
		var next []string
		for _, v := range level {
			n := w.made(v, "Mul", "Div", "Add", "Pow")
			if n == nil {
				continue
			}
			for _, in := range n.Inputs {
				if w.g.Weights[in] == nil && !slices.Contains(out, in) {
					out, next = append(out, in), append(next, in)
				}
			}
		}
		level = next
	}
	return out
}

func (g *gelu) write(w *work) {
	attrs := map[string]graph.Attr{}
	if g.tanh {
		attrs["approximate"] = graph.Attr{Kind: graph.AttrString, Str: "tanh"}
	}
	w.become(g.root, "Gelu", attrs, g.x)
}
