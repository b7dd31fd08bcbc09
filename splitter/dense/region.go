package dense

import (
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
)

// region is what can be computed of a layer's outputs without other shards' parts of them: the elementwise nodes behind
// it, whose values are all cut as the layer's output is.
type region struct {
	nodes  []int
	values map[string]bool
}

// grow finds the region behind a layer that is cut by columns.
func (v *view) grow(l *layer) region {
	r := region{values: map[string]bool{l.out: true}}
	for i := l.node + 1; i < len(v.Graph.Nodes); i++ {
		n := v.node(i)
		if len(n.Inputs) > 0 && v.elementwise(n, l, r.values) {
			r.nodes = append(r.nodes, i)
			r.values[n.Outputs[0]] = true
		}
	}
	return r
}

// elementwise reports whether a node computes every column from the same column of values in the region and constants.
func (v *view) elementwise(n *graph.Node, l *layer, values map[string]bool) bool {
	if n.Domain != "" || !values[n.Inputs[0]] && !commutes(n.Op) {
		return false
	}
	switch {
	case slices.Contains(unary(), n.Op):
		return true
	case n.Op == "Clip":
		return v.constants(n.Inputs[1:])
	case n.Op == "BatchNormalization":
		return v.constants(n.Inputs[1:]) && len(v.Values[n.Inputs[0]].Dims) == 2 && len(n.Outputs) == 1
	case slices.Contains([]string{"Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Min", "Max", "Sum"}, n.Op):
	default:
		return false
	}
	inside := false
	rank := len(v.Values[l.out].Dims)
	for _, in := range n.Inputs {
		if values[in] {
			inside = true
			continue
		}
		w := v.weight(in)
		if w == nil {
			return false
		}
		if last, ok := lastDim(w, rank); !ok || last != 1 && last != l.n {
			return false
		}
	}
	return inside && slices.Equal(v.Values[n.Outputs[0]].Dims, v.Values[l.out].Dims)
}

// commutes reports whether an operator may have its constant in front.
func commutes(op string) bool {
	return slices.Contains([]string{"Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum"}, op)
}

// unary are the functions of one variable.
func unary() []string {
	return []string{"Neg", "Abs", "Reciprocal", "Sqrt", "Exp", "Log", "Tanh", "Erf", "Sigmoid", "Softplus", "Softsign", "Relu", "HardSwish",
		"Mish", "LeakyRelu", "Elu", "Celu", "Selu", "ThresholdedRelu", "HardSigmoid", "Gelu", "Identity"}
}

func (v *view) constants(names []string) bool {
	return !slices.ContainsFunc(names, func(in string) bool { return in != "" && v.weight(in) == nil })
}

// exits are the region's values that somebody outside needs: nodes that are neither in the region nor in also, or the
// caller. They are in topological order.
func (v *view) exits(l *layer, r *region, also []int) []string {
	var out []string
	for _, name := range append([]string{l.out}, v.outputsOf(r.nodes)...) {
		outside := slices.ContainsFunc(v.consumers[name], func(i int) bool { return !slices.Contains(r.nodes, i) && !slices.Contains(also, i) })
		if outside || v.output[name] {
			out = append(out, name)
		}
	}
	return out
}

func (v *view) outputsOf(nodes []int) []string {
	var out []string
	for _, i := range nodes {
		for _, o := range v.node(i).Outputs {
			if o != "" {
				out = append(out, o)
			}
		}
	}
	return out
}
