package optimise

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
)

// merge lets the readers of a node that computes what an earlier one computes read the earlier one.
func merge(w *work) {
	same := w.equalConstants()
	first := map[string]*graph.Node{}
	for _, n := range w.g.Nodes {
		key, ok := keyOf(n, same)
		if !ok {
			continue
		}
		earlier := first[key]
		if earlier == nil {
			first[key] = n
			continue
		}
		if slices.ContainsFunc(n.Outputs, func(o string) bool { return w.output[o] }) {
			continue
		}
		for i, o := range n.Outputs {
			if o != "" {
				w.alias(o, earlier.Outputs[i])
			}
		}
		w.done.Merged++
	}
}

// maxCompared is the size in bytes up to which constants are compared.
const maxCompared = 4096

// equalConstants maps small constants to the first one, by name, with the same type and bytes.
func (w *work) equalConstants() map[string]string {
	same, first := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(w.g.Weights)) {
		c := w.g.Weights[name]
		if c.Data == nil || len(c.Data) > maxCompared {
			continue
		}
		key := fmt.Sprintf("%s %v %s", c.DType, c.Shape, c.Data)
		if _, ok := first[key]; !ok {
			first[key] = name
		}
		same[name] = first[key]
	}
	return same
}

// keyOf is the same for two nodes exactly when they compute the same. There is none for nodes that hold graphs or that draw random
// numbers.
func keyOf(n *graph.Node, same map[string]string) (string, bool) {
	if n.HasBodies() || len(n.Outputs) == 0 || n.Domain == "" && random(n) {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q", n.Domain, n.Op, n.Overload)
	for _, in := range n.Inputs {
		if to, ok := same[in]; ok {
			in = to
		}
		fmt.Fprintf(&b, " %q", in)
	}
	for _, o := range n.Outputs {
		fmt.Fprintf(&b, " %t", o != "")
	}
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		a := n.Attrs[name]
		fmt.Fprintf(&b, " %q %d %d %x %q %d %x %q", name, a.Kind, a.Int, a.Float, a.Str, a.Ints, a.Floats, a.Strs)
		switch {
		case len(a.Tensors) > 0 || a.Kind == graph.AttrUndefined:
			return "", false
		case a.Tensor != nil && (a.Tensor.Data == nil || len(a.Tensor.Data) > maxCompared):
			return "", false
		case a.Tensor != nil:
			fmt.Fprintf(&b, " %s %v %q", a.Tensor.DType, a.Tensor.Shape, a.Tensor.Data)
		}
	}
	return b.String(), true
}

// random reports whether the operator gives something else at every call.
func random(n *graph.Node) bool {
	return strings.HasPrefix(n.Op, "Random") || n.Op == "Multinomial" || n.Op == "Bernoulli" || n.Op == "Dropout"
}
