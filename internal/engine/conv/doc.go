// Package conv is the family of operators on images and signals [N, C, spatial...]: convolution and its transpose, pooling
// and its inverse, regions of interest, and resampling (Resize, GridSample), in F32 and F64 (pooling also in I8 and U8,
// what only moves elements in every dtype).
//
// Products run through internal/kernel over the patches of one image at a time: the order in which the products of one
// output element are added follows from the weights' shape alone. Padding takes part as zeros, so that an infinite weight
// over it gives NaN, as IEEE says. The package is called by internal/engine/native alone.
package conv

import (
	"maps"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// kernels are the multipliers of one table, shared by all its nodes.
type kernels struct {
	f32 kernel.Dense[float32]
	f64 kernel.Dense[float64]
}

// Table is the family's operators, on gonum's kernels.
func Table() engine.Table {
	k := &kernels{f32: &kernel.Blocked[float32]{}, f64: &kernel.Blocked[float64]{}}
	t := engine.Table{
		{Op: "Conv"}:          {{Since: 1, Build: k.conv, In: floats(), Half: true}},
		{Op: "ConvTranspose"}: {{Since: 1, Build: k.convTranspose, In: floats(), Half: true}},
		{Op: "DeformConv"}:    {{Since: 19, Build: k.deformConv, In: floats(), Half: true}},
	}
	maps.Copy(t, pooling())
	maps.Copy(t, regions())
	maps.Copy(t, resampling())
	maps.Copy(t, arranging())
	return engine.Strict(t)
}

// floats are the inputs of most operators of the family.
func floats() []engine.Types { return []engine.Types{engine.Floats()} }

// image fails unless t is [N, C, spatial...] of F32 or F64.
func image(t *tensor.Tensor) error {
	if t.DType() != tensor.F32 && t.DType() != tensor.F64 || t.Rank() < 3 {
		return shapeError("input", t, "F32 or F64 [N, C, spatial...]")
	}
	return nil
}
