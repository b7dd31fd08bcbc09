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

// Origin is a slice [Start, Stop) along Dim of tensor Of, whose full shape is Shape. It stands in the file's
// __metadata__ as JSON under the tensor's name.
type Origin struct {
	Of    string       `json:"of"`
	Dim   int          `json:"dim"`
	Start int          `json:"start"`
	Stop  int          `json:"stop"`
	Shape tensor.Shape `json:"shape"`
}
