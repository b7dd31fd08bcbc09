package tensor

import (
	"bytes"
	"fmt"
	"math"
)

// Tolerance says how far a value y may lie from its reference r. Exact: equal bits, where any NaN equals any NaN.
// Otherwise |y-r| <= Abs + Rel*|r| + Scale*max|reference|, the greatest finite one; NaN must meet NaN, and an
// infinity itself. The fields are those of the manifest's rule, in the same order, so that either converts to the other.
type Tolerance struct {
	Exact bool
	Rel   float64
	Abs   float64
	Scale float64
}

// Difference is how a tensor differs from its reference. Indices are flat, -1 for none.
type Difference struct {
	Elements int
	Unequal  int // elements whose bits differ, pairs of NaN apart
	First    int // index of the first of them
	NaN      int // elements that are NaN on one side only
	// MaxULP is the greatest distance in units in the last place: how many values of the dtype lie between, 0 for -0
	// against +0; math.MaxUint64 when NaN > 0. For integers it is the plain distance. ULPAt is its first index.
	MaxULP uint64
	ULPAt  int
	// MaxAbs and MaxRel (|y-r|/|r|, infinite for r = 0) are over pairs of which neither is NaN; they are infinite when an
	// infinity meets something else.
	MaxAbs, MaxRel float64
	AbsAt          int
	Beyond         int // elements outside the tolerance
	BeyondAt       int // index of the first of them
}

// String is one line for people.
func (d Difference) String() string {
	if d.Unequal == 0 {
		return fmt.Sprintf("%d elements, all equal", d.Elements)
	}
	s := fmt.Sprintf("%d of %d elements differ (first at %d), at most %d ULP (at %d), %.3g absolute (at %d), %.3g relative",
		d.Unequal, d.Elements, d.First, d.MaxULP, d.ULPAt, d.MaxAbs, d.AbsAt, d.MaxRel)
	if d.NaN > 0 {
		s += fmt.Sprintf(", %d NaN on one side only", d.NaN)
	}
	return s + fmt.Sprintf("; %d beyond the tolerance", d.Beyond)
}

// Diff compares got with the reference want, which must have the same dtype and shape. Strings are compared for
// equality: ULP, absolute and relative distances stay 0, and an unequal one is beyond every tolerance.
//
// The tests of readers, importers and operators use it, of any dtype and to the ULP; what verify reports to people, by row
// and column, is internal/cli/compare's.
func Diff(got, want *Tensor, tol Tolerance) (Difference, error) {
	if got.dtype != want.dtype || !got.shape.Equal(want.shape) {
		return Difference{}, fmt.Errorf("compare: found %v where the reference is %v", got, want)
	}
	d := Difference{Elements: got.n, First: -1, ULPAt: -1, AbsAt: -1, BeyondAt: -1}
	if got.dtype == String {
		diffStrings(&d, got, want)
		return d, nil
	}
	if bytes.Equal(got.data, want.data) {
		return d, nil // pairs of NaN included
	}
	size := got.dtype.Size()
	ulp := ulps(got, want)
	a, b := reader(got), reader(want)
	slack := tol.Abs
	if tol.Scale != 0 {
		slack += tol.Scale * maxFinite(want)
	}
	for i := range got.n {
		if bytes.Equal(got.data[i*size:(i+1)*size], want.data[i*size:(i+1)*size]) {
			continue
		}
		x, y := a(i), b(i)
		if x.isNaN() && y.isNaN() {
			continue
		}
		d.add(i, ulp(i), x, y, tol, slack)
	}
	return d, nil
}

// add enters an element whose bits differ.
func (d *Difference) add(i int, ulp uint64, x, y number, tol Tolerance, slack float64) {
	if d.Unequal++; d.First < 0 {
		d.First = i
	}
	beyond := true
	if x.isNaN() || y.isNaN() {
		d.NaN++
		ulp = math.MaxUint64
	} else {
		abs := distance(x, y)
		r := math.Abs(y.float64())
		if rel := abs / r; abs != 0 && (rel > d.MaxRel || rel != rel) {
			d.MaxRel = rel
			if rel != rel { // infinity against infinity of the other sign, or a number against infinity
				d.MaxRel = math.Inf(1)
			}
		}
		if abs > d.MaxAbs {
			d.MaxAbs, d.AbsAt = abs, i
		}
		// An infinite reference makes the bound infinite, too; only itself is near it.
		beyond = tol.Exact || math.IsInf(abs, 1) || abs > slack+float64(tol.Rel*r)
	}
	if ulp > d.MaxULP {
		d.MaxULP, d.ULPAt = ulp, i
	}
	if beyond {
		if d.Beyond++; d.BeyondAt < 0 {
			d.BeyondAt = i
		}
	}
}

func (v number) isNaN() bool { return !v.whole && v.f != v.f }

// distance is |x-y|, for integers from their exact difference.
func distance(x, y number) float64 {
	if !x.whole {
		return math.Abs(x.f - y.f)
	}
	return float64(intDistance(x, y))
}

func intDistance(x, y number) uint64 {
	switch {
	case x.neg != y.neg:
		return x.mag + y.mag // at most 2^63 + 2^63-1
	case x.mag > y.mag:
		return x.mag - y.mag
	}
	return y.mag - x.mag
}

// ulps returns the distance in ULP of element i of two tensors of the same dtype.
func ulps(a, b *Tensor) func(i int) uint64 {
	switch a.dtype {
	case F16, BF16:
		x, y := Of[uint16](a), Of[uint16](b)
		return func(i int) uint64 { return steps(uint64(x[i]), uint64(y[i]), 1<<15) }
	case F32:
		x, y := Of[uint32](a), Of[uint32](b)
		return func(i int) uint64 { return steps(uint64(x[i]), uint64(y[i]), 1<<31) }
	case F64:
		x, y := Of[uint64](a), Of[uint64](b)
		return func(i int) uint64 { return steps(x[i], y[i], 1<<63) }
	}
	x, y := reader(a), reader(b)
	return func(i int) uint64 { return intDistance(x(i), y(i)) }
}

// steps counts the values between two floating-point bit patterns with the given sign bit.
func steps(x, y, sign uint64) uint64 {
	return intDistance(number{neg: x&sign != 0, mag: x &^ sign}, number{neg: y&sign != 0, mag: y &^ sign})
}

func maxFinite(t *Tensor) float64 {
	read, m := reader(t), 0.0
	for i := range t.n {
		if v := math.Abs(read(i).float64()); v > m && !math.IsInf(v, 1) {
			m = v
		}
	}
	return m
}

func diffStrings(d *Difference, got, want *Tensor) {
	for i := range got.n {
		if got.StringAt(i) == want.StringAt(i) {
			continue
		}
		d.Unequal++
		d.Beyond++
		if d.First < 0 {
			d.First, d.BeyondAt = i, i
		}
	}
}

// MaxULP is the greatest distance in ULP between two tensors of the same dtype and shape, as Diff defines it;
// math.MaxUint64 when they are not of the same dtype and shape or when NaN meets a number.
func MaxULP(got, want *Tensor) uint64 {
	d, err := Diff(got, want, Tolerance{Exact: true})
	if err != nil {
		return math.MaxUint64
	}
	return d.MaxULP
}
