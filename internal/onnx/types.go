package onnx

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// dtypeOf gives the dtype of a TensorProto.DataType number; it is false for those that Shardwise has no dtype for.
func dtypeOf(number uint64) (tensor.DType, bool) {
	switch number {
	case 1:
		return tensor.F32, true
	case 2:
		return tensor.U8, true
	case 3:
		return tensor.I8, true
	case 4:
		return tensor.U16, true
	case 5:
		return tensor.I16, true
	case 6:
		return tensor.I32, true
	case 7:
		return tensor.I64, true
	case 8:
		return tensor.String, true
	case 9:
		return tensor.Bool, true
	case 10:
		return tensor.F16, true
	case 11:
		return tensor.F64, true
	case 12:
		return tensor.U32, true
	case 13:
		return tensor.U64, true
	case 16:
		return tensor.BF16, true
	}
	return tensor.Invalid, false
}

// DTypeOf gives the dtype of a TensorProto.DataType number, as operators such as Cast name it in attributes. It is
// false for the numbers that Shardwise does not know (complex, 8-bit floats, 4- and 2-bit integers).
func DTypeOf(number int64) (tensor.DType, bool) { return dtypeOf(uint64(number)) }

// TypeNumber is the inverse of DTypeOf; it is 0 for tensor.Invalid.
func TypeNumber(d tensor.DType) int64 {
	for n := range uint64(17) {
		if known, ok := dtypeOf(n); ok && known == d {
			return int64(n)
		}
	}
	return 0
}

// opaqueOf names the element types that Shardwise has no dtype for, with the bits that an element takes. A number that
// no version of ONNX defines yet has a name, too, and an unknown size; 0, which ONNX calls undefined, is none.
func opaqueOf(number uint64) (*graph.Opaque, bool) {
	types := []graph.Opaque{{Type: "COMPLEX64", Bits: 64}, {Type: "COMPLEX128", Bits: 128}, {}, {Type: "FLOAT8E4M3FN", Bits: 8},
		{Type: "FLOAT8E4M3FNUZ", Bits: 8}, {Type: "FLOAT8E5M2", Bits: 8}, {Type: "FLOAT8E5M2FNUZ", Bits: 8}, {Type: "UINT4", Bits: 4},
		{Type: "INT4", Bits: 4}, {Type: "FLOAT4E2M1", Bits: 4}, {Type: "FLOAT8E8M0", Bits: 8}, {Type: "UINT2", Bits: 2}, {Type: "INT2", Bits: 2}}
	const first = 14 // COMPLEX64
	switch {
	case number == 0 || number > 1<<31:
		return nil, false
	case number < first || number-first >= uint64(len(types)):
		return &graph.Opaque{Type: fmt.Sprintf("data type %d", number)}, true
	}
	return &types[number-first], true
}

// typeName names an element type in messages.
func typeName(number uint64) string {
	if d, ok := dtypeOf(number); ok {
		return d.String()
	}
	if o, ok := opaqueOf(number); ok {
		return o.Type
	}
	return fmt.Sprintf("undefined data type %d", number)
}
