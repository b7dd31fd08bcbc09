// Package dense is the family of matrix products: Gemm and MatMul of ai.onnx, in F32 and F64.
//
// Rows multiply through internal/kernel, so a row's bits do not depend on the other rows of its batch. The package is
// called by internal/engine/native alone.
package dense

import (
	"fmt"

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
	k := &kernels{f32: &kernel.Gonum[float32]{}, f64: &kernel.Gonum[float64]{}}
	return engine.Table{
		{Op: "Gemm"}:   {{Since: 7, In: []engine.Types{engine.Floats()}, Half: true, Build: k.gemm}},
		{Op: "MatMul"}: {{Since: 1, In: []engine.Types{engine.Floats()}, Half: true, Build: k.matMul}},
	}
}

// same fails unless both operands have one of the dtypes of the family, the same one.
func same(a, b *tensor.Tensor) error {
	if a.DType() != b.DType() || a.DType() != tensor.F32 && a.DType() != tensor.F64 {
		return fmt.Errorf("wanted two operands of F32 or of F64, found %v and %v", a, b)
	}
	return nil
}
