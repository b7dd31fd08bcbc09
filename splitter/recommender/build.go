package recommender

import (
	"encoding/binary"
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// denseInput is the name of the dense features.
const denseInput = "dense"

// Location is where the graph's weights say that they lie; there is no such file.
const Location = "described"

// builder makes the graph and the types of its values.
type builder struct {
	g      *graph.Graph
	values map[string]graph.Value
}

// Build makes the graph and the types of all values. Weights have no data. The names of tables, with "_ids", and "dense" are its inputs, "score" is its
// output; every first dimension is the batch.
func (d *Description) Build() (*graph.Graph, map[string]graph.Value) {
	b := &builder{g: &graph.Graph{Name: d.Name, Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}}, values: map[string]graph.Value{}}
	var features []string
	var widths []int
	if d.Dense.Features > 0 {
		x := b.input(denseInput, tensor.F32, d.Dense.Features)
		features, widths = append(features, b.network("bottom", x, d.Dense.Features, d.Dense.Bottom, true)), append(widths, last(d.Dense.Features, d.Dense.Bottom))
	}
	for _, t := range d.Tables {
		features, widths = append(features, b.table(t)), append(widths, t.Dim)
	}
	x, width := b.interact(d, features, widths)
	y := b.network("top", x, width, d.Top, false)
	b.node("Sigmoid", "score", tensor.F32, []int{last(0, d.Top)}, nil, y)
	b.g.Outputs = []graph.Value{b.values["score"]}
	return b.g, b.values
}

func last(def int, widths []int) int {
	if len(widths) == 0 {
		return def
	}
	return widths[len(widths)-1]
}

// typed enters a value with the batch and dims behind it.
func (b *builder) typed(name string, d tensor.DType, dims []int) graph.Value {
	v := graph.Value{Name: name, DType: d, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: manifest.Batch}}}
	for _, n := range dims {
		v.Dims = append(v.Dims, graph.Dim{Size: n})
	}
	b.values[name] = v
	return v
}

func (b *builder) input(name string, d tensor.DType, dims ...int) string {
	b.g.Inputs = append(b.g.Inputs, b.typed(name, d, dims))
	return name
}

func (b *builder) node(op, out string, d tensor.DType, dims []int, attrs map[string]graph.Attr, in ...string) string {
	b.g.Nodes = append(b.g.Nodes, &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
	b.typed(out, d, dims)
	return out
}

// weight enters a weight without data, or with it.
func (b *builder) weight(name string, d tensor.DType, data []byte, shape ...int) string {
	w := &graph.Weight{Name: name, DType: d, Shape: shape, Data: data}
	if data == nil {
		w.Location, w.Length = Location, int64(d.Size())
		for _, n := range shape {
			w.Length *= int64(n)
		}
	}
	b.g.Weights[name] = w
	v := graph.Value{Name: name, DType: d, Ranked: true}
	for _, n := range shape {
		v.Dims = append(v.Dims, graph.Dim{Size: n})
	}
	b.values[name] = v
	return name
}

func (b *builder) ints(name string, list ...int) string {
	var data []byte
	for _, n := range list {
		data = binary.LittleEndian.AppendUint64(data, uint64(int64(n)))
	}
	return b.weight(name, tensor.I64, data, len(list))
}

func number(n int64) graph.Attr { return graph.Attr{Kind: graph.AttrInt, Int: n} }

// network is dense layers with Relu between them, and behind the last if so wished.
func (b *builder) network(name, x string, from int, widths []int, closing bool) string {
	for i, to := range widths {
		layer := fmt.Sprintf("%s.%d", name, i)
		x = b.node("Gemm", layer, tensor.F32, []int{to}, nil, x, b.weight(layer+".weight", tensor.F32, nil, from, to), b.weight(layer+".bias", tensor.F32, nil, to))
		if closing || i < len(widths)-1 {
			x = b.node("Relu", layer+".relu", tensor.F32, []int{to}, nil, x)
		}
		from = to
	}
	return x
}

// table is a look-up and its pooling.
func (b *builder) table(t Table) string {
	d, _ := tensor.ParseDType(t.DType) // Parse has checked it
	weight := b.weight(t.Name+".weight", d, nil, t.Rows, t.Dim)
	dims := []int{t.Pooling}
	if t.Pooling == 1 {
		dims = nil
	}
	x := b.node("Gather", t.Name, d, append(dims, t.Dim), nil, weight, b.input(t.Name+"_ids", tensor.I64, dims...))
	if t.Pooling > 1 && t.Mode == Mean {
		x = b.node("ReduceMean", t.Name+".mean", d, []int{t.Dim}, map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: []int64{1}}, "keepdims": number(0)}, x)
	} else if t.Pooling > 1 {
		x = b.node("ReduceSum", t.Name+".sum", d, []int{t.Dim}, map[string]graph.Attr{"keepdims": number(0)}, x, b.ints(t.Name+".axes", 1))
	}
	if d != tensor.F32 {
		x = b.node("Cast", t.Name+".f32", tensor.F32, []int{t.Dim}, map[string]graph.Attr{"to": number(1)}, x)
	}
	return x
}

// interact joins the features and returns the result's width.
func (b *builder) interact(d *Description, features []string, widths []int) (string, int) {
	if d.Interaction.Kind == Dot {
		return b.dot(features, widths[0], d.Dense.Features > 0)
	}
	width := 0
	for _, w := range widths {
		width += w
	}
	x := features[0]
	if len(features) > 1 {
		x = b.node("Concat", "features", tensor.F32, []int{width}, map[string]graph.Attr{"axis": number(1)}, features...)
	}
	if d.Interaction.Kind == Cat {
		return x, width
	}
	first := x
	for i := range d.Interaction.Layers {
		name := fmt.Sprintf("cross.%d", i)
		y := b.node("MatMul", name+".down", tensor.F32, []int{d.Interaction.Rank}, nil, x, b.weight(name+".v", tensor.F32, nil, width, d.Interaction.Rank))
		y = b.node("Gemm", name+".up", tensor.F32, []int{width}, nil, y, b.weight(name+".w", tensor.F32, nil, d.Interaction.Rank, width), b.weight(name+".bias", tensor.F32, nil, width))
		y = b.node("Mul", name+".product", tensor.F32, []int{width}, nil, first, y)
		x = b.node("Add", name, tensor.F32, []int{width}, nil, y, x)
	}
	return x, width
}

// dot is DLRM's interaction: the products of all pairs of features, each pair once, behind the bottom network's result.
func (b *builder) dot(features []string, dim int, bottom bool) (string, int) {
	n := len(features)
	rows := make([]string, n)
	for i, f := range features {
		rows[i] = b.node("Unsqueeze", f+".row", tensor.F32, []int{1, dim}, nil, f, b.ints(f+".row_axes", 1))
	}
	stack := b.node("Concat", "features", tensor.F32, []int{n, dim}, map[string]graph.Attr{"axis": number(1)}, rows...)
	turned := b.node("Transpose", "features.turned", tensor.F32, []int{dim, n}, map[string]graph.Attr{"perm": {Kind: graph.AttrInts, Ints: []int64{0, 2, 1}}}, stack)
	products := b.node("MatMul", "products", tensor.F32, []int{n, n}, nil, stack, turned)
	flat := b.node("Flatten", "products.flat", tensor.F32, []int{n * n}, map[string]graph.Attr{"axis": number(1)}, products)
	var pairs []int
	for i := range n {
		for j := range i {
			pairs = append(pairs, i*n+j)
		}
	}
	x := b.node("Gather", "pairs", tensor.F32, []int{len(pairs)}, map[string]graph.Attr{"axis": number(1)}, flat, b.ints("pairs.at", pairs...))
	if !bottom {
		return x, len(pairs)
	}
	return b.node("Concat", "interaction", tensor.F32, []int{dim + len(pairs)}, map[string]graph.Attr{"axis": number(1)}, features[0], x), dim + len(pairs)
}
