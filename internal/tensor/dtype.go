package tensor

import "fmt"

// DType is the type of a tensor's elements. The zero value is Invalid.
type DType uint8

// The dtypes, by the names that safetensors gives them. String is Shardwise's own: on the wire it is two tensors,
// offsets (I64) and bytes (U8).
const (
	Invalid DType = iota
	Bool
	U8
	I8
	U16
	I16
	F16
	BF16
	U32
	I32
	F32
	U64
	I64
	F64
	String
)

type dtypeInfo struct {
	name string // safetensors
	oip  string // Open Inference Protocol
	size int    // bytes per element; 0 for String
}

func (d DType) info() dtypeInfo {
	switch d {
	case Bool:
		return dtypeInfo{"BOOL", "BOOL", 1}
	case U8:
		return dtypeInfo{"U8", "UINT8", 1}
	case I8:
		return dtypeInfo{"I8", "INT8", 1}
	case U16:
		return dtypeInfo{"U16", "UINT16", 2}
	case I16:
		return dtypeInfo{"I16", "INT16", 2}
	case F16:
		return dtypeInfo{"F16", "FP16", 2}
	case BF16:
		return dtypeInfo{"BF16", "BF16", 2}
	case U32:
		return dtypeInfo{"U32", "UINT32", 4}
	case I32:
		return dtypeInfo{"I32", "INT32", 4}
	case F32:
		return dtypeInfo{"F32", "FP32", 4}
	case U64:
		return dtypeInfo{"U64", "UINT64", 8}
	case I64:
		return dtypeInfo{"I64", "INT64", 8}
	case F64:
		return dtypeInfo{"F64", "FP64", 8}
	case String:
		return dtypeInfo{"STRING", "BYTES", 0}
	}
	return dtypeInfo{"INVALID", "INVALID", 0}
}

// String is the safetensors name of the dtype, for example "F32".
func (d DType) String() string { return d.info().name }

// OIP is the Open Inference Protocol's name of the dtype, for example "FP32".
func (d DType) OIP() string { return d.info().oip }

// Size is the number of bytes of one element, 0 for String and Invalid.
func (d DType) Size() int { return d.info().size }

// Float reports whether the dtype is a floating-point one and so can hold NaN.
func (d DType) Float() bool { return d == F16 || d == BF16 || d == F32 || d == F64 }

// ParseDType is the inverse of DType.String.
func ParseDType(name string) (DType, error) {
	for d := Bool; d <= String; d++ {
		if d.info().name == name {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("dtype %q is unknown; known are BOOL, U8..U64, I8..I64, F16, BF16, F32, F64 and STRING", name)
}

// ParseOIP is the inverse of DType.OIP.
func ParseOIP(name string) (DType, error) {
	for d := Bool; d <= String; d++ {
		if d.info().oip == name {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("datatype %q is not one of the Open Inference Protocol's (BOOL, UINT8..UINT64, INT8..INT64, FP16, BF16, FP32, FP64, BYTES)", name)
}

// MarshalText writes the safetensors name.
func (d DType) MarshalText() ([]byte, error) {
	if d == Invalid || d > String {
		return nil, fmt.Errorf("dtype %d has no name", d)
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads the safetensors name.
func (d *DType) UnmarshalText(text []byte) error {
	v, err := ParseDType(string(text))
	*d = v
	return err
}
