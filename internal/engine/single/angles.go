package single

import "math"

const (
	// plenty is the angle from which the reduction would lose digits; package math takes over there.
	plenty = 1 << 20
	// A quarter of a turn in two parts; the first has 31 bits, so that its multiples are exact.
	quarterHi = 0x1.921fb544p+00
	quarterLo = 0x1.0b4611a626331p-34
)

// quarters reduces an angle below plenty to one between ±π/4 and a number of quarter turns.
func quarters(x float64) (r float64, k uint64) {
	t := x*(2/math.Pi) + shift
	n := t - shift
	return (x - n*quarterHi) - n*quarterLo, math.Float64bits(t)
}

// turned is the sine for angles between ±π/4 after k quarter turns.
func turned(r float64, k uint64) float64 {
	v := r * r
	sine := r + r*v*(-1./6+v*(1./120+v*(-1./5040+v*(1./362880+v*(-1./39916800)))))
	cosine := 1 + v*(-1./2+v*(1./24+v*(-1./720+v*(1./40320+v*(-1./3628800+v*(1./479001600))))))
	odd := -(k & 1)
	bits := math.Float64bits(sine)&^odd | math.Float64bits(cosine)&odd
	return math.Float64frombits(bits ^ k>>1<<63)
}

// Sin is the sine of a float32.
func Sin(x float64) float64 {
	if !(math.Abs(x) < plenty) {
		return math.Sin(x)
	}
	return turned(quarters(x))
}

// Cos is the cosine of a float32.
func Cos(x float64) float64 {
	if !(math.Abs(x) < plenty) {
		return math.Cos(x)
	}
	r, k := quarters(x)
	return turned(r, k+1)
}

// choose is a where the mask is all ones, b where it is 0.
func choose(mask uint64, a, b float64) float64 {
	return math.Float64frombits(math.Float64bits(a)&mask | math.Float64bits(b)&^mask)
}

// above is all ones where x is above the border, else 0: a choice without a branch, which random data would mislead.
func above(x, border float64) uint64 { return uint64(int64(math.Float64bits(border-x)) >> 63) }

// Atan is the arc tangent. Above 1 it is π/2 less that of the inverse.
func Atan(x float64) float64 {
	a := math.Abs(x)
	over := above(a, 1)
	y := sum(arcTangent.near(choose(over, 1/a, a)))
	return math.Copysign(choose(over, math.Pi/2-y, y), x)
}

// Asin is the arc sine, NaN beyond ±1. Above 1/2 it is π/2 less twice that of √((1 - x) / 2).
func Asin(x float64) float64 {
	a := math.Abs(x)
	over := above(a, 0.5)
	y := sum(arcSine.near(choose(over, math.Sqrt(0.5*(1-a)), a)))
	return math.Copysign(choose(over, math.Pi/2-2*y, y), x)
}

// Acos is the arc cosine, NaN beyond ±1.
func Acos(x float64) float64 { return math.Pi/2 - Asin(x) }

// AtanAll is Atan of all elements.
func AtanAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		a := math.Abs(float64(v))
		over := above(a, 1)
		y := sum(arcTangent.near(choose(over, 1/a, a)))
		dst[i] = float32(math.Copysign(choose(over, math.Pi/2-y, y), float64(v)))
	}
}

// AsinAll is Asin of all elements.
func AsinAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		a := math.Abs(float64(v))
		over := above(a, 0.5)
		y := sum(arcSine.near(choose(over, math.Sqrt(0.5*(1-a)), a)))
		dst[i] = float32(math.Copysign(choose(over, math.Pi/2-2*y, y), float64(v)))
	}
}

// AcosAll is Acos of all elements.
func AcosAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		a := math.Abs(float64(v))
		over := above(a, 0.5)
		y := sum(arcSine.near(choose(over, math.Sqrt(0.5*(1-a)), a)))
		dst[i] = float32(math.Pi/2 - math.Copysign(choose(over, math.Pi/2-2*y, y), float64(v)))
	}
}
