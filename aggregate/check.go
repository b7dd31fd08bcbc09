package aggregate

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// holds reports whether dtype to holds every value of dtype from.
func holds(to, from tensor.DType) bool {
	if to == from {
		return true
	}
	type kind struct{ float, signed bool }
	bits := func(d tensor.DType) (whole int, k kind) {
		switch d {
		case tensor.U8, tensor.U16, tensor.U32, tensor.U64:
			return 8 * d.Size(), kind{}
		case tensor.I8, tensor.I16, tensor.I32, tensor.I64:
			return 8*d.Size() - 1, kind{signed: true}
		case tensor.BF16:
			return 8, kind{float: true, signed: true}
		case tensor.F16:
			return 11, kind{float: true, signed: true}
		case tensor.F32:
			return 24, kind{float: true, signed: true}
		case tensor.F64:
			return 53, kind{float: true, signed: true}
		}
		return 0, kind{}
	}
	wide, k := bits(to)
	narrow, l := bits(from)
	switch {
	case wide == 0 || narrow == 0:
		return false
	case l.float:
		return k.float && to.Size() > from.Size()
	case k.float:
		return wide >= narrow && to != tensor.F16 // F16's range ends before U16's
	}
	return wide >= narrow && (k.signed || !l.signed)
}

// wantDType refuses a component whose values the dtype want does not hold.
func (s *stage) wantDType(i int, role string, t *tensor.Tensor, want tensor.DType) error {
	if !holds(want, t.DType()) {
		return s.refuse(i, role, "a dtype that "+want.String()+" holds", t.DType().String())
	}
	return nil
}

// same remembers the first contribution's dtype and shape and holds later ones to it; along dimension free (-1: none)
// extents may differ.
type same struct {
	set   bool
	dtype tensor.DType
	shape tensor.Shape
	from  int
}

// check compares without remembering, so that a contribution refused later leaves no trace.
func (e *same) check(s *stage, i int, role string, t *tensor.Tensor, free int) error {
	if !e.set {
		return nil
	}
	if t.DType() != e.dtype {
		return s.refuse(i, role, fmt.Sprintf("%v as from shard %d/%d", e.dtype, e.from, s.n), t.DType().String())
	}
	shape := t.Shape()
	ok := len(shape) == len(e.shape)
	for d := 0; ok && d < len(shape); d++ {
		ok = d == free || shape[d] == e.shape[d]
	}
	if !ok {
		want := fmt.Sprintf("shape %v as from shard %d/%d", e.shape, e.from, s.n)
		if free >= 0 {
			want += fmt.Sprintf(" (dimension %d may differ)", free)
		}
		return s.refuse(i, role, want, t.Shape().String())
	}
	return nil
}

func (e *same) remember(i int, t *tensor.Tensor) {
	if !e.set {
		*e = same{set: true, dtype: t.DType(), shape: t.Shape().Clone(), from: i}
	}
}

// spans splits a shape at dimension dim: the product of the dimensions before it, its extent, and the product after it.
func spans(shape tensor.Shape, dim int) (outer, extent, inner int) {
	outer, inner = 1, 1
	for d, n := range shape {
		switch {
		case d < dim:
			outer *= n
		case d > dim:
			inner *= n
		}
	}
	return outer, shape[dim], inner
}

// as views or converts t as dtype d, which must hold it.
func as(t *tensor.Tensor, d tensor.DType) (*tensor.Tensor, error) { return tensor.Convert(t, d) }
