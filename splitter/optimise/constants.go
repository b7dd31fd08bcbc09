package optimise

import (
	"math"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// maxVector is the size in bytes up to which constants are read when the graph is optimised: scales, biases, moments.
const maxVector = 1 << 20

// numbers are the elements of a small constant of floats, row-major; ok is false when the value is none.
func (w *work) numbers(name string) (list []float64, c *graph.Weight, ok bool) {
	c = w.g.Weights[name]
	if c == nil || c.Opaque != nil || c.DType != tensor.F32 && c.DType != tensor.F64 {
		return nil, nil, false
	}
	size, err := c.Bytes()
	if err != nil || size > maxVector {
		return nil, nil, false
	}
	data := c.Data
	if data == nil {
		if data, err = w.weights.Read(c); err != nil {
			w.fail(&graph.Node{Name: name, Op: "Constant"}, err)
			return nil, nil, false
		}
	}
	t, err := toTensor(c.DType, c.Shape, data)
	if err != nil {
		return nil, nil, false
	}
	return floats(t), c, true
}

// toTensor is a tensor over a copy of the bytes.
func toTensor(d tensor.DType, shape tensor.Shape, data []byte) (*tensor.Tensor, error) {
	aligned := tensor.Aligned(len(data))
	copy(aligned, data)
	return tensor.FromBytes(d, shape, aligned)
}

// floats are the elements of an F32 or F64 tensor.
func floats(t *tensor.Tensor) []float64 {
	if t.DType() == tensor.F64 {
		return tensor.Of[float64](t)
	}
	out := make([]float64, t.Len())
	for i, v := range tensor.Of[float32](t) {
		out[i] = float64(v)
	}
	return out
}

// floatWeight rounds each number once.
func floatWeight(d tensor.DType, shape tensor.Shape, list []float64) *graph.Weight {
	t := tensor.New(d, shape...)
	if d == tensor.F64 {
		copy(tensor.Of[float64](t), list)
	} else {
		for i, v := range list {
			tensor.Of[float32](t)[i] = float32(v)
		}
	}
	return &graph.Weight{DType: d, Shape: shape, Data: t.Bytes()}
}

// single is the only element of a constant of floats.
func (w *work) single(name string) (float64, bool) {
	if c := w.g.Weights[name]; c == nil || len(c.Shape) > 8 {
		return 0, false
	} else if n, err := c.Shape.Elements(); err != nil || n != 1 {
		return 0, false
	}
	list, _, ok := w.numbers(name)
	if !ok {
		return 0, false
	}
	return list[0], true
}

// near reports whether two numbers are the same but for the rounding to float32.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) }

// list are the numbers of an attribute or, where the attribute became an input, of that constant input. given is false
// when there are none; ok is false when they are not known.
func (w *work) list(n *graph.Node, attr string, input int) (list []int64, given, ok bool) {
	if a, found := n.Attrs[attr]; found {
		if a.Kind == graph.AttrInt {
			return []int64{a.Int}, true, true
		}
		return a.Ints, true, a.Kind == graph.AttrInts
	}
	if input >= len(n.Inputs) || n.Inputs[input] == "" {
		return nil, false, true
	}
	if c := w.g.Weights[n.Inputs[input]]; c != nil && c.DType == tensor.I64 && len(c.Data) > 0 {
		t, err := toTensor(c.DType, c.Shape, c.Data) // also numbers beyond those that types follow
		if err != nil {
			return nil, true, false
		}
		return tensor.Of[int64](t), true, true
	}
	list, ok = w.value(n.Inputs[input]).Ints()
	return list, true, ok
}

func intAttr(v int64) graph.Attr { return graph.Attr{Kind: graph.AttrInt, Int: v} }
