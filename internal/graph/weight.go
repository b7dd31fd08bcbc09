package graph

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/tensor"
)

// Weight is a constant: its type and where its bytes are. Either Data holds them (row-major little-endian), or they are
// Length bytes at Offset of the file Location, which is relative to the model file ("" means the model file itself), or
// Sparse says which elements are not zero.
type Weight struct {
	Name     string
	DType    tensor.DType
	Shape    tensor.Shape
	Data     []byte
	Strings  []string // dtype String only
	Location string
	Offset   int64
	Length   int64
	Sparse   *Sparse
	Opaque   *Opaque // not nil when the elements have no dtype here; DType is Invalid then
}

// Sparse are the elements of a weight that are not zero. Values has shape [n] and the weight's dtype. Indices is I64 of
// shape [n], positions in row-major order, or [n, rank], one coordinate per dimension; both ascend.
type Sparse struct{ Values, Indices *Weight }

// Opaque is an element type that Shardwise carries and counts but does not compute with.
type Opaque struct {
	Type string // ONNX's name, for example "FLOAT8E4M3FN"
	Bits int    // per element, packed without gaps; 0 when not even that is known
}

// Bytes is the size of the weight's elements in memory, dense. It is 0 for strings and for opaque types of unknown size, and
// an error when the shape is invalid or the size does not fit into an int64.
func (w *Weight) Bytes() (int64, error) {
	n, err := w.Shape.Elements()
	if err != nil {
		return 0, err
	}
	bits := 8 * w.DType.Size()
	if w.Opaque != nil {
		bits = w.Opaque.Bits
	}
	if bits > 0 && n > (math.MaxInt64-7)/bits {
		return 0, fmt.Errorf("shape %v of %s is larger than any memory", w.Shape, w.Type())
	}
	return (int64(n)*int64(bits) + 7) / 8, nil
}

// Type names the element type: the dtype, or what Opaque says.
func (w *Weight) Type() string {
	if w.Opaque != nil {
		return w.Opaque.Type
	}
	return w.DType.String()
}
