package plan

import (
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// work is what computing takes: multiplications, bytes of weights read, elements of results made, nodes run,
// rows of tables looked up.
type work struct{ macs, weights, elements, nodes, lookups float64 }

func (w work) plus(v work) work {
	return work{w.macs + v.macs, w.weights + v.weights, w.elements + v.elements, w.nodes + v.nodes, w.lookups + v.lookups}
}

// less is what is left without v.
func (w work) less(v work) work {
	return work{w.macs - v.macs, w.weights - v.weights, w.elements - v.elements, w.nodes - v.nodes, w.lookups - v.lookups}
}

// share is the part of the work that one of n shards has; every shard runs every node.
func (w work) share(part float64) work {
	return work{w.macs * part, w.weights * part, w.elements * part, w.nodes, w.lookups * part}
}

// sizes gives symbols numbers for an estimate.
type sizes struct {
	symbols map[string]int
	other   int // of a symbol without a number
}

func newSizes(o *Options) *sizes { return &sizes{symbols: o.Symbols, other: o.OtherSize} }

// dim is the size of a dimension: products of symbols are multiplied, other expressions count as one symbol.
func (s *sizes) dim(d graph.Dim) float64 {
	if d.Size >= 0 {
		return float64(d.Size)
	}
	if n, ok := s.symbols[d.Symbol]; ok {
		return float64(n)
	}
	if strings.ContainsAny(d.Symbol, "()+-/ ") || d.Symbol == "" {
		return float64(s.other)
	}
	out := 1.0
	for _, f := range strings.Split(d.Symbol, "*") {
		if n, err := strconv.Atoi(f); err == nil {
			out *= float64(n)
		} else if n, ok := s.symbols[f]; ok {
			out *= float64(n)
		} else {
			out *= float64(s.other)
		}
	}
	return out
}

func (s *sizes) elements(v graph.Value) float64 {
	out := 1.0
	for _, d := range v.Dims {
		out *= s.dim(d)
	}
	return out
}

// maxValue is the most bytes that a value is reckoned with, a tebibyte: so the sums over a stage's values and all its shards stay within an int64.
const maxValue = 1 << 40

// bytes are those of a value, at most maxValue.
func (s *sizes) bytes(v graph.Value) int64 {
	if bytes := s.elements(v) * float64(max(v.DType.Size(), 1)); bytes < maxValue {
		return int64(bytes)
	}
	return maxValue
}

const (
	// functionElements is how many elements of a simple operator take as long as one of a function such as the exponential.
	functionElements = 8
	// normElements is the same for one of a normalisation.
	normElements = 5
)

// workOf estimates a node.
func (s *sizes) workOf(g *sharding.Graph, i int) work {
	n := g.Nodes[i]
	w := work{nodes: 1}
	for _, o := range n.Outputs {
		if o != "" {
			w.elements += s.elements(g.Values[o])
		}
	}
	for _, in := range n.Inputs {
		if x := g.Weight(in); x != nil && n.Op != "Gather" && n.Op != embedding.OpBag {
			w.weights += float64(sharding.Bytes(x))
		}
	}
	if n.Op == "Gather" && g.Weight(n.Inputs[0]) != nil {
		w.lookups = s.elements(g.Values[n.Inputs[1]])
	}
	if n.Op == embedding.OpBag && g.Weight(n.Inputs[embedding.InTable]) != nil {
		w.lookups = s.elements(g.Values[n.Inputs[embedding.InIndices]])
		w.elements += w.lookups * s.dim(g.Values[n.Inputs[embedding.InTable]].Dims[1])
	}
	w.macs = s.macs(g, n, w.elements)
	if experts.Is(n) {
		s.expertWork(g, n, &w)
	}
	switch n.Op {
	case "Tanh", "Sigmoid", "Erf", "Gelu", "Exp", "Log", "Softmax", "LogSoftmax", "Softplus", "Mish", "Pow", trees.OpEnsemble:
		w.elements *= functionElements
	case "LayerNormalization", "RMSNormalization":
		w.elements *= normElements
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Shape", "Constant":
		w.elements, w.weights = 0, 0
	}
	return w
}

// macs are the multiplications of a node with so many result elements.
func (s *sizes) macs(g *sharding.Graph, n *graph.Node, elements float64) float64 {
	in := func(i int) []graph.Dim {
		if i >= len(n.Inputs) {
			return nil
		}
		return g.Values[n.Inputs[i]].Dims
	}
	switch n.Op {
	case "MatMul", "Gemm", "MatMulInteger", "MatMulNBits", "QLinearMatMul":
		if x := in(0); len(x) > 0 {
			k := x[len(x)-1]
			if n.Int("transA", 0) != 0 {
				k = x[0]
			}
			return elements * s.dim(k)
		}
	case "Conv", "ConvInteger", "ConvTranspose":
		w := in(1)
		if len(w) < 2 {
			return 0
		}
		inner := 1.0
		for _, d := range w[1:] {
			inner *= s.dim(d)
		}
		if n.Op == "ConvTranspose" {
			return s.elements(g.Values[n.Inputs[0]]) * inner
		}
		return elements * inner
	case "LSTM", "GRU", "RNN":
		if x := in(0); len(x) == 3 {
			per := 0.0
			for _, i := range []int{1, 2} {
				per += s.elements(g.Values[n.Inputs[i]])
			}
			return per * s.dim(x[0]) * s.dim(x[1])
		}
	case "Einsum", "Attention":
		return elements * 64
	}
	return 0
}
