package infer

import (
	"math"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Kind says what a value is.
type Kind uint8

// The kinds of values, as in ONNX's TypeProto.
const (
	Tensor Kind = iota
	Sequence
	Optional
	Map
)

// Value is what is known of a value. The zero value is a tensor of unknown type.
type Value struct {
	Kind   Kind
	DType  tensor.DType // Invalid when unknown
	Ranked bool         // false: nothing is known about the shape
	Dims   []Dim
	// Element is the type of a sequence's or an optional's elements, nil when unknown.
	Element *Value
	// Elems are the elements of a scalar or vector of at most maxElems whole numbers or truth values (0 and 1), nil when
	// they are not known; single ones may be unknown.
	Elems []Dim
	// Floats are the elements of a constant float scalar or vector, nil when they are not known.
	Floats []float64
}

// maxElems bounds the vectors whose elements are followed.
const maxElems = 256

// OfValue is a graph's value; the elements are not known.
func OfValue(v graph.Value) Value {
	out := Value{DType: v.DType, Ranked: v.Ranked}
	for _, d := range v.Dims {
		out.Dims = append(out.Dims, Of(d))
	}
	return out
}

// OfWeight is a constant, with its elements when they are few and at hand.
func OfWeight(w *graph.Weight) Value {
	v := Value{DType: w.DType, Ranked: true}
	for _, n := range w.Shape {
		v.Dims = append(v.Dims, Const(int64(n)))
	}
	n, err := w.Shape.Elements()
	if err != nil || len(w.Shape) > 1 || n > maxElems || w.Data == nil || w.DType.Size() == 0 || len(w.Data) != n*w.DType.Size() {
		return v
	}
	data := tensor.Aligned(len(w.Data))
	copy(data, w.Data)
	t, err := tensor.FromBytes(w.DType, w.Shape, data)
	if err != nil {
		return v
	}
	v.Elems, v.Floats = elements(t)
	return v
}

func elements(t *tensor.Tensor) (elems []Dim, floats []float64) {
	if t.DType().Float() {
		f, err := tensor.Convert(t, tensor.F64)
		if err != nil {
			return nil, nil
		}
		return wholes(tensor.Of[float64](f)), slices.Clone(tensor.Of[float64](f))
	}
	switch t.DType() {
	case tensor.I64:
		elems = constants(tensor.Of[int64](t))
	case tensor.I32:
		elems = constants(tensor.Of[int32](t))
	case tensor.I16:
		elems = constants(tensor.Of[int16](t))
	case tensor.I8:
		elems = constants(tensor.Of[int8](t))
	case tensor.U8, tensor.Bool:
		elems = constants(t.Bytes())
	case tensor.U16:
		elems = constants(tensor.Of[uint16](t))
	case tensor.U32:
		elems = constants(tensor.Of[uint32](t))
	default:
		return nil, nil
	}
	return elems, nil
}

func constants[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](list []T) []Dim {
	out := make([]Dim, len(list))
	for i, v := range list {
		out[i] = Const(int64(v))
	}
	return out
}

// wholes are the elements that are whole numbers; the others are unknown.
func wholes(list []float64) []Dim {
	out := make([]Dim, len(list))
	for i, v := range list {
		if v == math.Trunc(v) && math.Abs(v) <= maxSize {
			out[i] = Const(int64(v))
		}
	}
	return out
}

// Graph is the value in a graph's terms; what is no tensor has an unknown type there.
func (v Value) Graph(name string) graph.Value {
	out := graph.Value{Name: name}
	if v.Kind != Tensor {
		return out
	}
	out.DType, out.Ranked = v.DType, v.Ranked
	for _, d := range v.Dims {
		out.Dims = append(out.Dims, d.Graph())
	}
	return out
}

// Ints are the elements when all of them are numbers.
func (v Value) Ints() ([]int64, bool) {
	if v.Elems == nil {
		return nil, false
	}
	out := make([]int64, len(v.Elems))
	for i, e := range v.Elems {
		n, ok := e.Fixed()
		if !ok {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// Rank is the number of dimensions, -1 when it is unknown.
func (v Value) Rank() int {
	if v.Kind != Tensor || !v.Ranked {
		return -1
	}
	return len(v.Dims)
}

// String is the type for messages, for example "F32[batch, 3]".
func (v Value) String() string {
	if v.Kind != Tensor {
		inner := "?"
		if v.Element != nil {
			inner = v.Element.String()
		}
		return []string{"tensor", "sequence", "optional", "map"}[v.Kind] + "(" + inner + ")"
	}
	d := "?"
	if v.DType != tensor.Invalid {
		d = v.DType.String()
	}
	if !v.Ranked {
		return d + "[...]"
	}
	return d + text(v.Dims)
}

func text(dims []Dim) string {
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = d.String()
		if !d.Known() {
			parts[i] = "?"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// join is what is known of a value that is one or the other: what both agree on.
func join(a, b Value) Value {
	if a.Kind != b.Kind {
		return Value{}
	}
	out := Value{Kind: a.Kind}
	if a.DType == b.DType {
		out.DType = a.DType
	}
	if a.Element != nil && b.Element != nil {
		e := join(*a.Element, *b.Element)
		out.Element = &e
	}
	if !a.Ranked || !b.Ranked || len(a.Dims) != len(b.Dims) {
		return out
	}
	out.Ranked = true
	out.Dims = make([]Dim, len(a.Dims))
	for i := range a.Dims {
		if a.Dims[i].Equal(b.Dims[i]) {
			out.Dims[i] = a.Dims[i]
		}
	}
	if len(a.Elems) == len(b.Elems) && a.Elems != nil && b.Elems != nil {
		out.Elems = make([]Dim, len(a.Elems))
		for i := range a.Elems {
			if a.Elems[i].Equal(b.Elems[i]) {
				out.Elems[i] = a.Elems[i]
			}
		}
	}
	if a.Floats != nil && b.Floats != nil && slices.Equal(a.Floats, b.Floats) {
		out.Floats = a.Floats
	}
	return out
}

// sameType reports whether nothing is known of one that is not known of the other.
func sameType(a, b Value) bool {
	if a.Kind != b.Kind || a.DType != b.DType || a.Ranked != b.Ranked || len(a.Dims) != len(b.Dims) || (a.Element == nil) != (b.Element == nil) {
		return false
	}
	for i := range a.Dims {
		if a.Dims[i].String() != b.Dims[i].String() {
			return false
		}
	}
	return a.Element == nil || sameType(*a.Element, *b.Element)
}
