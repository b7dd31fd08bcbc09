// Package attention is the family of fused attention: Attention and RotaryEmbedding of ai.onnx, in F32 and F64.
//
// Attention that was exported as MatMul and Softmax is the business of other families. Products run through
// internal/kernel, head by head, so that a head's bits depend on nothing else. The package is called by
// internal/engine/native alone.
package attention

import (
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
	f, ids := engine.Floats(), engine.TypesOf(tensor.I64)
	mask := engine.Numbers() | engine.TypesOf(tensor.Bool)
	return engine.Strict(engine.Table{
		{Op: "Attention"}:       {{Since: 23, Build: k.attention, In: []engine.Types{f, f, f, mask, f, f, ids}, Half: true}},
		{Op: "RotaryEmbedding"}: {{Since: 23, Build: rotary, In: []engine.Types{f, f, f, ids}, Half: true}},
	})
}
