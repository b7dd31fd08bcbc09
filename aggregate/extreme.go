package aggregate

import (
	"math"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newExtreme makes the rules max and min: element by element, in the component's dtype. A NaN anywhere gives NaN (the
// one of math.NaN, whichever it was); -0 is less than +0. So the order plays no part.
func newExtreme(s stage) (rule, error) {
	return &extreme{stage: s}, nil
}

type extreme struct {
	stage
	same same
	out  *tensor.Tensor // in the component's dtype, halves as F32
}

func (r *extreme) accept(i int, p Partial) error {
	t := p[manifest.RoleValue]
	if t.DType() == tensor.String || t.DType() == tensor.Bool {
		return r.refuse(i, manifest.RoleValue, "numbers", t.DType().String())
	}
	if err := r.wantDType(i, manifest.RoleValue, t, r.DType); err != nil {
		return err
	}
	if err := r.same.check(&r.stage, i, manifest.RoleValue, t, -1); err != nil {
		return err
	}
	r.same.remember(i, t)
	// Halves have no Go type; float32 holds them and compares the same.
	in := t
	if t.DType() == tensor.F16 || t.DType() == tensor.BF16 {
		wide, err := as(t, tensor.F32)
		if err != nil {
			return r.bad("%v", err)
		}
		in = wide
	}
	if r.out == nil {
		r.out = tensor.New(in.DType(), in.Shape()...)
		copy(r.out.Bytes(), in.Bytes())
	}
	r.combine(in)
	return nil
}

func (r *extreme) combine(in *tensor.Tensor) {
	least := r.Kind == manifest.MergeMin
	switch in.DType() {
	case tensor.F32:
		extremeFloats(tensor.Of[float32](r.out), tensor.Of[float32](in), least, float32(math.NaN()))
	case tensor.F64:
		extremeFloats(tensor.Of[float64](r.out), tensor.Of[float64](in), least, math.NaN())
	case tensor.U8:
		extremeInts(tensor.Of[uint8](r.out), tensor.Of[uint8](in), least)
	case tensor.I8:
		extremeInts(tensor.Of[int8](r.out), tensor.Of[int8](in), least)
	case tensor.U16:
		extremeInts(tensor.Of[uint16](r.out), tensor.Of[uint16](in), least)
	case tensor.I16:
		extremeInts(tensor.Of[int16](r.out), tensor.Of[int16](in), least)
	case tensor.U32:
		extremeInts(tensor.Of[uint32](r.out), tensor.Of[uint32](in), least)
	case tensor.I32:
		extremeInts(tensor.Of[int32](r.out), tensor.Of[int32](in), least)
	case tensor.U64:
		extremeInts(tensor.Of[uint64](r.out), tensor.Of[uint64](in), least)
	case tensor.I64:
		extremeInts(tensor.Of[int64](r.out), tensor.Of[int64](in), least)
	}
}

// extremeFloats relies on the language's min and max, which know NaN and the signs of zero; only the NaN's bits are
// left open there.
func extremeFloats[T float32 | float64](dst, src []T, least bool, nan T) {
	for i, v := range src {
		m := max(dst[i], v)
		if least {
			m = min(dst[i], v)
		}
		if m != m {
			m = nan
		}
		dst[i] = m
	}
}

func extremeInts[T uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64](dst, src []T, least bool) {
	for i, v := range src {
		if least {
			dst[i] = min(dst[i], v)
		} else {
			dst[i] = max(dst[i], v)
		}
	}
}

func (r *extreme) result() (*tensor.Tensor, error) { return r.round(r.out) }
