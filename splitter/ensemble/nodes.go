package ensemble

import (
	"encoding/binary"
	"math"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// own is the prefix of what the combination adds to the graph.
const own = "ensemble/"

// elementType is ONNX's number of a type that the combination casts to; 0 for others.
func elementType(d tensor.DType) int64 {
	switch d {
	case tensor.F32:
		return 1
	case tensor.I32:
		return 6
	case tensor.I64:
		return 7
	case tensor.F64:
		return 11
	}
	return 0
}

// node adds a node of ai.onnx and returns its result's name, which is also the node's.
func (g *merged) node(op, name string, in []string, attrs map[string]graph.Attr, d tensor.DType, dims ...graph.Dim) string {
	name = own + name
	g.graph.Nodes = append(g.graph.Nodes, &graph.Node{Name: name, Op: op, Inputs: in, Outputs: []string{name}, Attrs: attrs})
	g.values[name] = graph.Value{Name: name, DType: d, Ranked: true, Dims: dims}
	return name
}

func attr(name string, v int64) map[string]graph.Attr {
	return map[string]graph.Attr{name: {Kind: graph.AttrInt, Int: v}}
}

// cast is the value in another dtype, or itself.
func (g *merged) cast(in, name string, d tensor.DType) string {
	v := g.values[in]
	if v.DType == d {
		return in
	}
	return g.node("Cast", name, []string{in}, attr("to", elementType(d)), d, v.Dims...)
}

// constant adds a constant.
func (g *merged) constant(name string, d tensor.DType, data []byte, shape ...int) string {
	name = own + name
	g.graph.Weights[name] = &graph.Weight{Name: name, DType: d, Shape: shape, Data: data}
	v := graph.Value{Name: name, DType: d, Ranked: true}
	for _, n := range shape {
		v.Dims = append(v.Dims, graph.Dim{Size: n})
	}
	g.values[name] = v
	return name
}

func (g *merged) ints(name string, values []int64, shape ...int) string {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return g.constant(name, tensor.I64, data, shape...)
}

func (g *merged) doubles(name string, values []float64, shape ...int) string {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	return g.constant(name, tensor.F64, data, shape...)
}

func rowDim() graph.Dim { return graph.Dim{Size: -1, Symbol: manifest.Batch} }

// answer is a member's output as it counts: the columns that the description names, and a single column as one number a row.
func (g *merged) answer(m *member, name string) (string, error) {
	v := g.values[name]
	columns := m.Columns
	if columns == nil && len(v.Dims) == 2 && v.Dims[1].Size == 1 {
		columns = []int{0}
	}
	if columns == nil {
		return name, nil
	}
	if len(v.Dims) != 2 || v.Dims[1].Size < 0 {
		return "", m.wrong("the shape of its output", "rows and columns of a known number, to choose columns from", shapeText(v.Dims), "leave columns away")
	}
	wanted := make([]int64, len(columns))
	for i, c := range columns {
		if wanted[i] = int64(c); c >= v.Dims[1].Size {
			return "", m.wrong("the columns of its output", shapeText([]graph.Dim{{Size: v.Dims[1].Size}})+" at most", shapeText([]graph.Dim{{Size: c}}), "columns are counted from 0")
		}
	}
	if len(columns) == 1 {
		return g.node("Gather", m.prefix+"column", []string{name, g.ints(m.prefix+"at", wanted)}, attr("axis", 1), v.DType, v.Dims[0]), nil
	}
	return g.node("Gather", m.prefix+"columns", []string{name, g.ints(m.prefix+"at", wanted, len(wanted))}, attr("axis", 1), v.DType, v.Dims[0], graph.Dim{Size: len(wanted)}), nil
}
