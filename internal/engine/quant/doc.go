// Package quant is the family of quantised arithmetic: to integers and back (QuantizeLinear, DequantizeLinear,
// DynamicQuantizeLinear), products of 8-bit integers (MatMulInteger, ConvInteger, QLinearMatMul, QLinearConv), and of floats with
// a matrix in few bits (MatMulNBits).
//
// Integer sums are exact: products run through internal/kernel in F32, in parts so short that no sum can exceed 2^24, and
// the parts are added as I32, which wraps. Types of 4 bits and less and the 8-bit floats have no dtype and are refused
// where a graph is read or by output_dtype. The package is called by internal/engine/native alone.
package quant

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// kernels are the multipliers of one table, shared by all its nodes.
type kernels struct{ dense kernel.Dense[float32] }

// Table is the family's operators, on gonum's kernels.
func Table() engine.Table {
	k := &kernels{dense: &kernel.Blocked[float32]{}}
	f32, bytes := engine.TypesOf(tensor.F32), engine.TypesOf(tensor.U8, tensor.I8)
	halves := f32 | engine.TypesOf(tensor.F16, tensor.BF16)
	short := bytes | engine.TypesOf(tensor.U16, tensor.I16)
	from := short | engine.TypesOf(tensor.I32)
	number := f32 | engine.TypesOf(tensor.I32)
	product := []engine.Types{bytes, f32, bytes, bytes, f32, bytes, f32, bytes, engine.TypesOf(tensor.I32)}
	return engine.Strict(engine.Table{
		{Op: "QuantizeLinear"}:        {{Since: 10, Build: quantize, In: []engine.Types{number, f32, short}, Half: true}},
		{Op: "DequantizeLinear"}:      {{Since: 10, Build: dequantize, In: []engine.Types{from, halves, from}}},
		{Op: "DynamicQuantizeLinear"}: {{Since: 11, Build: dynamic, In: []engine.Types{f32}}},
		{Op: "MatMulInteger"}:         {{Since: 10, Build: k.matMulInteger, In: []engine.Types{bytes}}},
		{Op: "ConvInteger"}:           {{Since: 10, Build: k.convInteger, In: []engine.Types{bytes}}},
		{Op: "QLinearMatMul"}:         {{Since: 10, Build: k.qlinearMatMul, In: product, Half: true}},
		{Op: "QLinearConv"}:           {{Since: 10, Build: k.qlinearConv, In: product}},
		{Domain: Microsoft, Op: "MatMulNBits"}: {{Since: 1, Build: k.matMulNBits, Half: true,
			In: []engine.Types{f32, engine.TypesOf(tensor.U8), f32, f32 | engine.TypesOf(tensor.U8), engine.TypesOf(tensor.I32), f32}}},
	})
}
