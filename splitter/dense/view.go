package dense

import "github.com/shardwise/shardwise/internal/graph"

// view is a graph with its edges in both directions.
type view struct {
	*Model
	producer  map[string]int   // value -> node
	consumers map[string][]int // value -> nodes, ascending
	output    map[string]bool  // graph outputs
}

func newView(m *Model) *view {
	v := &view{Model: m, producer: map[string]int{}, consumers: map[string][]int{}, output: map[string]bool{}}
	for i, n := range m.Graph.Nodes {
		for _, o := range n.Outputs {
			if o != "" {
				v.producer[o] = i
			}
		}
		for _, in := range n.Inputs {
			if list := v.consumers[in]; in != "" && (len(list) == 0 || list[len(list)-1] != i) {
				v.consumers[in] = append(list, i)
			}
		}
	}
	for _, o := range m.Graph.Outputs {
		v.output[o.Name] = true
	}
	return v
}

func (v *view) node(i int) *graph.Node { return v.Graph.Nodes[i] }

// weight is the constant behind a value, nil when it is none.
func (v *view) weight(name string) *graph.Weight { return v.Graph.Weights[name] }

// layer is a product with a constant matrix: out [..., n] = x [..., k] times w.
type layer struct {
	node      int
	x, out    string
	w         *graph.Weight
	k, n      int
	transB    bool // w is [n, k]
	bias      *graph.Weight
	biasShape int  // size of the bias's last dimension: n or 1
	gemm      bool // the node is a Gemm, otherwise a MatMul
}

// layers are the graph's layers in topological order.
func (v *view) layers() []layer {
	var out []layer
	for i, n := range v.Graph.Nodes {
		if l, ok := v.layer(i, n); ok {
			out = append(out, l)
		}
	}
	return out
}

func (v *view) layer(i int, n *graph.Node) (layer, bool) {
	if n.Domain != "" || n.Op != "MatMul" && n.Op != "Gemm" || len(n.Inputs) < 2 || v.weight(n.Inputs[0]) != nil {
		return layer{}, false
	}
	w, x := v.weight(n.Inputs[1]), v.Values[n.Inputs[0]]
	if w == nil || len(w.Shape) != 2 || !x.Ranked || len(x.Dims) < 2 {
		return layer{}, false
	}
	l := layer{node: i, x: n.Inputs[0], out: n.Outputs[0], w: w, k: w.Shape[0], n: w.Shape[1], gemm: n.Op == "Gemm"}
	if l.transB = n.Int("transB", 0) != 0; l.transB {
		l.k, l.n = l.n, l.k
	}
	if l.k == 0 || l.n == 0 || x.Dims[len(x.Dims)-1].Size != l.k || n.Int("transA", 0) != 0 {
		return layer{}, false
	}
	if len(n.Inputs) < 3 || n.Inputs[2] == "" {
		return l, true
	}
	l.bias = v.weight(n.Inputs[2])
	if l.bias == nil {
		return layer{}, false
	}
	ok := true
	l.biasShape, ok = lastDim(l.bias, 2)
	return l, ok && (l.biasShape == 1 || l.biasShape == l.n)
}

// lastDim is the size of a constant's last dimension (1 for a scalar) when its other dimensions are 1 and it has at
// most rank dimensions: it is the same for every row then.
func lastDim(w *graph.Weight, rank int) (int, bool) {
	if len(w.Shape) > rank {
		return 0, false
	}
	last := 1
	for i, d := range w.Shape {
		if i < len(w.Shape)-1 && d != 1 {
			return 0, false
		}
		last = d
	}
	return last, true
}

// bytes is the size of a weight.
func bytes(w *graph.Weight) int64 {
	n, err := w.Shape.Elements()
	if err != nil {
		return 0
	}
	return int64(n) * int64(w.DType.Size())
}
