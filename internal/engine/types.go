package engine

import (
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

// Types is a set of dtypes. The zero value is the empty set.
type Types uint32

// TypesOf is the set of the given dtypes.
func TypesOf(list ...tensor.DType) Types {
	var s Types
	for _, d := range list {
		s |= 1 << d
	}
	return s
}

// Floats are F32 and F64, the types that kernels compute in. F16 and BF16 are reached through Operator.Half.
func Floats() Types { return TypesOf(tensor.F32, tensor.F64) }

// Signed are the signed integers.
func Signed() Types { return TypesOf(tensor.I8, tensor.I16, tensor.I32, tensor.I64) }

// Unsigned are the unsigned integers.
func Unsigned() Types { return TypesOf(tensor.U8, tensor.U16, tensor.U32, tensor.U64) }

// Integers are all integers.
func Integers() Types { return Signed() | Unsigned() }

// Numbers are F32, F64 and all integers.
func Numbers() Types { return Floats() | Integers() }

// Fixed are all dtypes whose elements have a size: everything but String.
func Fixed() Types {
	return Numbers() | TypesOf(tensor.Bool, tensor.F16, tensor.BF16)
}

// Any are all dtypes.
func Any() Types { return Fixed() | TypesOf(tensor.String) }

// Sequences are the values inside a program that are no tensors (tensor.Sequence). Only operators that list them get them.
func Sequences() Types { return 1 << tensor.Invalid }

// HasSequences reports whether the set holds Sequences.
func (s Types) HasSequences() bool { return s&Sequences() != 0 }

// Has reports whether the set holds the dtype.
func (s Types) Has(d tensor.DType) bool { return d != tensor.Invalid && s&(1<<d) != 0 }

// String lists the dtypes, for example "F32 or F64", and sequences last.
func (s Types) String() string {
	var names []string
	for d := tensor.Bool; d <= tensor.String; d++ {
		if s.Has(d) {
			names = append(names, d.String())
		}
	}
	if s.HasSequences() {
		names = append(names, "a sequence")
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// Takes are the dtypes that the operator runs at input position i: those of In, and F16 and BF16 where Half adds them.
func (o *Operator) Takes(i int) Types {
	if len(o.In) == 0 {
		return Any()
	}
	s := o.In[min(i, len(o.In)-1)]
	switch {
	case s == 0:
		return Any()
	case o.Half && s.Has(tensor.F32):
		return s | TypesOf(tensor.F16, tensor.BF16)
	}
	return s
}
