package program

import (
	"encoding/binary"
	"math"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// OnceNodes are the nodes that add to a partial result what counts once: the bias of a Gemm (times beta) or of a convolution, added
// along its channels. They read out.Name and yield out.Of. Constants that they need beside the model's weights are returned by name.
func OnceNodes(g *sharding.Graph, out *Output) ([]*graph.Node, map[string]*graph.Weight) {
	n := g.Nodes[out.Once]
	name, bias := out.Of+"/once", n.Inputs[2]
	consts := map[string]*graph.Weight{}
	var nodes []*graph.Node
	switch n.Op {
	case "Gemm":
		if beta := n.Float("beta", 1); beta != 1 {
			consts[name+"/beta"] = scalar(name+"/beta", g.Values[bias].DType, beta)
			nodes = append(nodes, &graph.Node{Name: name + "/scale", Op: "Mul", Inputs: []string{bias, name + "/beta"}, Outputs: []string{name + "/scaled"}})
			bias = name + "/scaled"
		}
	default: // a convolution's bias lies along dimension 1
		shape := make([]int64, len(g.Values[out.Of].Dims)-1)
		for i := range shape {
			shape[i] = 1
		}
		shape[0] = -1
		consts[name+"/shape"] = ints(name+"/shape", shape)
		nodes = append(nodes, &graph.Node{Name: name + "/along", Op: "Reshape", Inputs: []string{bias, name + "/shape"}, Outputs: []string{name + "/channels"}})
		bias = name + "/channels"
	}
	return append(nodes, &graph.Node{Name: n.Name + "/once", Op: "Add", Inputs: []string{out.Name, bias}, Outputs: []string{out.Of}}), consts
}

func scalar(name string, d tensor.DType, v float32) *graph.Weight {
	w := &graph.Weight{Name: name, DType: d, Shape: tensor.Shape{1}}
	if d == tensor.F64 {
		w.Data = binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(v)))
	} else {
		w.Data = binary.LittleEndian.AppendUint32(nil, math.Float32bits(v))
	}
	return w
}

func ints(name string, values []int64) *graph.Weight {
	w := &graph.Weight{Name: name, DType: tensor.I64, Shape: tensor.Shape{len(values)}}
	for _, v := range values {
		w.Data = binary.LittleEndian.AppendUint64(w.Data, uint64(v))
	}
	return w
}
