// Package dense is the family of matrix products: MatMul, Gemm and Einsum of ai.onnx, and Det.
//
// Floats multiply through internal/kernel, so a row's bits do not depend on the other rows of its batch; weights that are
// halves stay so and are widened as they are read. Integers multiply in plain loops and wrap around. The package is called by internal/engine/native alone.
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
	// half multiplies float32 with weights that are F16 or BF16; native leaves the second operand as it is.
	half *kernel.Half
	by   map[tensor.DType]multiplier // for each type of number
}

// Table is the family's operators, on gonum's kernels.
func Table() engine.Table {
	k := &kernels{f32: &kernel.Blocked[float32]{}, f64: &kernel.Blocked[float64]{}, half: &kernel.Half{}}
	k.by = map[tensor.DType]multiplier{
		tensor.F32: through(k.f32), tensor.F64: through(k.f64),
		tensor.I8: plain[int8], tensor.I16: plain[int16], tensor.I32: plain[int32], tensor.I64: plain[int64],
		tensor.U8: plain[uint8], tensor.U16: plain[uint16], tensor.U32: plain[uint32], tensor.U64: plain[uint64],
	}
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

func through[T kernel.Float](d kernel.Dense[T]) multiplier {
	return func(dst, a, b *tensor.Tensor, out, ia, ib, m, n, k int) {
		d.Mul(tensor.Of[T](dst)[out:out+m*n], tensor.Of[T](a)[ia:ia+m*k], tensor.Of[T](b)[ib:ib+k*n], m, n, k)
	}
}

// ofHalves multiplies float32 with halves.
func ofHalves(h *kernel.Half) multiplier {
	return func(dst, a, b *tensor.Tensor, out, ia, ib, m, n, k int) {
		h.Mul(tensor.Of[float32](dst)[out:out+m*n], tensor.Of[float32](a)[ia:ia+m*k], tensor.Of[uint16](b)[ib:ib+k*n], b.DType(), m, n, k)
	}
}

// isHalf reports whether b are halves to be multiplied with the float32 of a.
func isHalf(a, b *tensor.Tensor) bool {
	return a.DType() == tensor.F32 && (b.DType() == tensor.F16 || b.DType() == tensor.BF16)
}

// halfWeights is a kernel whose second operand may stay F16 or BF16 where the others are widened.
type halfWeights struct{ engine.Kernel }

// TakesHalf reports whether input i may be F16 or BF16 beside F32.
func (halfWeights) TakesHalf(i int) bool { return i == 1 }

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
