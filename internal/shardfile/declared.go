package shardfile

import "github.com/shardwise/shardwise/internal/tensor"

// Declared is a tensor of a weights file before its bytes are written. Origin, when set, says which slice of which
// tensor of the original model it is, so that the unsharded model can be put together again from the shards.
type Declared struct {
	Name   string
	DType  tensor.DType
	Shape  tensor.Shape
	Origin *Origin
}

// Origin is a slice [Start, Stop) along Dim of tensor Of, whose full shape is Shape. With an Outer above 1 the dimension is
// [Outer, Shape[Dim]/Outer], and the slice is taken of every one of the Outer blocks. It stands in the file's __metadata__ as
// JSON under the tensor's name.
type Origin struct {
	Of    string       `json:"of"`
	Dim   int          `json:"dim"`
	Outer int          `json:"outer,omitempty"`
	Start int          `json:"start"`
	Stop  int          `json:"stop"`
	Shape tensor.Shape `json:"shape"`
}

// Blocks is the number of blocks that the slice is taken of, at least 1.
func (o *Origin) Blocks() int { return max(o.Outer, 1) }

// Extent is the size of the dimension that Start and Stop count in.
func (o *Origin) Extent() int { return o.Shape[o.Dim] / o.Blocks() }

// Complete reports whether the slice is the whole tensor.
func (o *Origin) Complete() bool { return o.Start == 0 && o.Stop == o.Extent() }
