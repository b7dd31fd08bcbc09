package optimise

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
)

// branch is what nothing but one value is computed with: nodes that work row by row, on one value from outside.
type branch struct {
	nodes    []*graph.Node // as they stand in the graph
	entry    string
	x        string // what entry has rows of, entry itself for all rows
	result   string
	width    int // of the result's rows
	matrices int // products with a matrix of weights
}

// maxBranch bounds the nodes of an expert.
const maxBranch = 512

// branchTo reads the branch that ends in the value, which one node reads once; nil when there is none.
func (w *work) branchTo(name string) *branch {
	if !w.alone(name) {
		return nil
	}
	b := &branch{result: name}
	members, seen := map[*graph.Node]bool{}, map[string]int{}
	queue := []*graph.Node{w.producer[name]}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if n == nil || members[n] || !w.rowwise(n) || len(members) == maxBranch {
			return nil
		}
		members[n] = true
		for _, in := range n.Inputs {
			if in == "" || w.g.Weights[in] != nil {
				continue
			}
			seen[in]++
			if p := w.producer[in]; p != nil && seen[in] == len(w.readers[in]) && !w.output[in] && w.rowwise(p) {
				queue = append(queue, p)
			}
		}
	}
	for in := range seen {
		if members[w.producer[in]] {
			continue
		}
		if b.entry != "" {
			return nil
		}
		b.entry = in
	}
	for n := range members {
		b.nodes = append(b.nodes, n)
		if op(n, "MatMul", "Gemm") {
			b.matrices++
		}
	}
	b.x = b.entry
	last := w.value(name)
	width, ok := last.Dims[last.Rank()-1].Fixed()
	b.width = int(width)
	if b.entry == "" || !ok || width < 1 || !sameLead(w.value(b.entry), last) {
		return nil
	}
	return b
}

// rowwise reports whether row i of the node's result depends on row i of what it reads alone, in any number of rows.
func (w *work) rowwise(n *graph.Node) bool {
	if n.HasBodies() || len(n.Outputs) != 1 || n.Domain != "" {
		return false
	}
	out := w.value(n.Outputs[0])
	switch n.Op {
	case "Relu", "Gelu", "Erf", "Sigmoid", "Tanh", "Identity", "Exp", "Log", "Softplus", "Softsign", "HardSwish", "HardSigmoid", "Elu", "Selu", "Celu", "LeakyRelu", "Mish", "Abs", "Neg",
		"Sqrt", "Reciprocal", "Sign":
		return out.Rank() >= 1
	case "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Clip":
		return w.elements(n)
	case "MatMul":
		m := w.g.Weights[n.Inputs[1]]
		return m != nil && len(m.Shape) == 2 && w.g.Weights[n.Inputs[0]] == nil && out.Rank() >= 2
	case "Gemm":
		c := ""
		if len(n.Inputs) > 2 {
			c = n.Inputs[2]
		}
		return n.Int("transA", 0) == 0 && w.g.Weights[n.Inputs[0]] == nil && w.g.Weights[n.Inputs[1]] != nil && (c == "" || w.oneRow(c))
	case "LayerNormalization", "RMSNormalization", "Softmax":
		if n.Int("axis", -1) != -1 || n.Op == "Softmax" && w.g.Opsets[""] < 13 {
			return false
		}
		return !slices.ContainsFunc(n.Inputs[1:], func(in string) bool { return in != "" && !w.oneRow(in) })
	case "ReduceMean", "ReduceSum", "ReduceMax":
		axes, given, ok := w.list(n, "axes", 1)
		return given && ok && slices.Equal(axes, []int64{-1}) && n.Int("keepdims", 1) == 1
	}
	return false
}

// oneRow reports whether a value is a constant that is the same for all rows.
func (w *work) oneRow(name string) bool {
	c := w.g.Weights[name]
	return c != nil && (len(c.Shape) < 2 || len(c.Shape) == 2 && c.Shape[0] == 1)
}

// elements reports whether operands are constants that are the same for all rows, or have the result's rows.
func (w *work) elements(n *graph.Node) bool {
	out := w.value(n.Outputs[0])
	return out.Rank() >= 1 && !slices.ContainsFunc(n.Inputs, func(in string) bool {
		return in != "" && !w.oneRow(in) && (w.g.Weights[in] != nil || !sameLead(w.value(in), out))
	})
}

// body is the branch of expert i as a graph of its own. Its nodes are copies.
func (b *branch) body(w *work, i int) *graph.Graph {
	columns := w.value(b.entry)
	rows := graph.Value{Name: w.unused(fmt.Sprintf("%s/rows_%d", b.entry, i)), DType: columns.DType, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "rows"}, columns.Dims[columns.Rank()-1].Graph()}}
	g := &graph.Graph{Name: b.result, Inputs: []graph.Value{rows}, Weights: map[string]*graph.Weight{}}
	out := graph.Value{Name: w.unused(b.result + "/of"), DType: columns.DType, Ranked: true, Dims: []graph.Dim{rows.Dims[0], {Size: b.width}}}
	g.Outputs = []graph.Value{out}
	names := map[string]string{b.entry: rows.Name, b.result: out.Name}
	for _, n := range w.g.Nodes {
		if !slices.Contains(b.nodes, n) {
			continue
		}
		c := n.Clone()
		for i, in := range c.Inputs {
			if to, ok := names[in]; ok {
				c.Inputs[i] = to
			}
		}
		if _, ok := names[n.Outputs[0]]; !ok {
			names[n.Outputs[0]] = w.unused(n.Outputs[0] + "/of")
		}
		c.Outputs = []string{names[n.Outputs[0]]}
		g.Nodes = append(g.Nodes, c)
	}
	return g
}
