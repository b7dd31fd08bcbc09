package sharding

import (
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Norm is a normalisation that runs over a dimension along which its input and its result may be cut: LayerNormalization, or RMSNormalization. It looks at
// all dimensions from Axis on. The shards that have parts of the input yield the moments of those parts; the shards that need parts of
// the result make them of their parts of the input and the moments of the whole.
type Norm struct {
	Node int
	Axis int
	RMS  bool // the mean counts as 0
	// X and Y are the values before and behind it. Mean and Spread are the names of the moments of X, which no other value has: its mean,
	// and its variance or, of RMS, which has no Mean, the sum of its squares.
	X, Y, Mean, Spread string
	// Count is how many elements are normalised together.
	Count int
}

// NormOf is the normalisation over dimension dim, among others, that yields the value; ok is false when there is none whose moments can be put together
// from parts.
func (g *Graph) NormOf(value string, dim int) (n Norm, ok bool) {
	i, made := g.Producer[value]
	if !made {
		return n, false
	}
	node := g.Nodes[i]
	if node.Domain != "" || node.Op != "LayerNormalization" && node.Op != "RMSNormalization" || len(node.Inputs) < 2 || len(node.Outputs) != 1 {
		return n, false
	}
	x := g.Values[node.Inputs[0]]
	axis, found := g.node(node).axis(-1, len(x.Dims))
	if !found || !x.Ranked || dim < axis || dim >= len(x.Dims) || x.DType != tensor.F32 || g.Values[value].DType != tensor.F32 {
		return n, false
	}
	n = Norm{Node: i, Axis: axis, RMS: node.Op == "RMSNormalization", X: node.Inputs[0], Y: value, Count: 1}
	for _, d := range x.Dims[axis:] {
		if d.Size <= 0 {
			return n, false
		}
		n.Count *= d.Size
	}
	for _, in := range node.Inputs[1:] {
		if w := g.Weights[in]; in != "" && (w == nil || w.DType != tensor.F32 || len(w.Shape) > len(x.Dims)-axis) {
			return n, false
		}
	}
	if n.Spread = g.unused(n.X + "/variance"); n.RMS {
		n.Spread = g.unused(n.X + "/squares")
	} else {
		n.Mean = g.unused(n.X + "/mean")
	}
	return n, true
}

// Behind are the normalisations whose results the region takes parts of, and which nothing else takes.
func (g *Graph) Behind(r *Region) []Norm {
	var out []Norm
	for _, in := range r.Inputs {
		if in.Placement.Kind != Shard || g.Output[in.Value] || slices.ContainsFunc(g.Consumers[in.Value], func(c int) bool { return !r.Has(c) }) {
			continue
		}
		once := func(b Border) bool { return b.Value == in.Value && b != in }
		if n, ok := g.NormOf(in.Value, in.Placement.Dim); ok && !slices.ContainsFunc(r.Inputs, once) {
			out = append(out, n)
		}
	}
	return out
}

// unused makes a name that no value of the graph has.
func (g *Graph) unused(name string) string {
	for {
		if _, taken := g.Values[name]; !taken {
			return name
		}
		name += "_"
	}
}

// Moments are the names of the moments that there are.
func (n *Norm) Moments() []string {
	if n.RMS {
		return []string{n.Spread}
	}
	return []string{n.Mean, n.Spread}
}

// Moment is the type of a moment: that of x with one element for all that are normalised together.
func (n *Norm) Moment(x graph.Value, name string, d tensor.DType) graph.Value {
	x.Name, x.DType, x.Dims = name, d, slices.Clone(x.Dims)
	for i := n.Axis; i < len(x.Dims); i++ {
		x.Dims[i] = graph.Dim{Size: 1}
	}
	return x
}

// Along is the dimension of a parameter of the normalisation that lies along dimension dim of its result; ok is false when the parameter is the same
// everywhere along it.
func (g *Graph) Along(n *Norm, parameter string, dim int) (at int, ok bool) {
	shape := g.Weights[parameter].Shape
	at = dim - (len(g.Values[n.X].Dims) - len(shape))
	return at, at >= 0 && shape[at] > 1
}
