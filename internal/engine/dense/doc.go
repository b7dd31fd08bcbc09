// Package dense is the family of matrix products: MatMul, Gemm and Einsum of ai.onnx, and Det.
//
// Floats multiply through internal/kernel, so a row's bits do not depend on the other rows of its batch; integers
// multiply in plain loops and wrap around. The package is called by internal/engine/native alone.
package dense

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
	k := &kernels{f32: &kernel.Gonum[float32]{}, f64: &kernel.Gonum[float64]{}}
	numbers := []engine.Types{engine.Numbers()}
	return engine.Table{
		{Op: "Gemm"}:   {{Since: 1, Build: k.gemm, In: numbers, Half: true}},
		{Op: "MatMul"}: {{Since: 1, Build: k.matMul, In: numbers, Half: true}},
		{Op: "Einsum"}: {{Since: 12, Build: k.einsum, In: numbers, Half: true}},
		{Op: "Det"}:    {{Since: 11, Build: det, In: []engine.Types{engine.Floats()}, Half: true}},
	}
}

type whole interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// multiplier writes the product of two matrices [m, k] and [k, n] that begin at these elements of a and b to element out
// of dst.
type multiplier func(dst, a, b *tensor.Tensor, out, ia, ib, m, n, k int)

// multiplier is the loop of a dtype; nil when it is not a number.
func (k *kernels) multiplier(d tensor.DType) multiplier {
	switch d {
	case tensor.F32:
		return through(k.f32)
	case tensor.F64:
		return through(k.f64)
	case tensor.I8:
		return plain[int8]
	case tensor.I16:
		return plain[int16]
	case tensor.I32:
		return plain[int32]
	case tensor.I64:
		return plain[int64]
	case tensor.U8:
		return plain[uint8]
	case tensor.U16:
		return plain[uint16]
	case tensor.U32:
		return plain[uint32]
	case tensor.U64:
		return plain[uint64]
	}
	return nil
}

func through[T kernel.Float](d kernel.Dense[T]) multiplier {
	return func(dst, a, b *tensor.Tensor, out, ia, ib, m, n, k int) {
		d.Mul(tensor.Of[T](dst)[out:out+m*n], tensor.Of[T](a)[ia:ia+m*k], tensor.Of[T](b)[ib:ib+k*n], m, n, k)
	}
}

func plain[T whole](dst, a, b *tensor.Tensor, out, ia, ib, m, n, k int) {
	d, x, w := tensor.Of[T](dst)[out:out+m*n], tensor.Of[T](a)[ia:ia+m*k], tensor.Of[T](b)[ib:ib+k*n]
	clear(d)
	for i := range m {
		row := d[i*n : (i+1)*n]
		for l := range k {
			v := x[i*k+l]
			for j, u := range w[l*n : (l+1)*n] {
				row[j] += v * u
			}
		}
	}
}
