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

// Atan is the arc tangent.
func Atan(x float64) float64 {
	a := math.Abs(x)
	// Above 1 it is π/2 less the arc tangent of the inverse. Both are computed so that no branch depends on the number.
	over := uint64(int64(math.Float64bits(1-a)) >> 63)
	inverse, whole := 1/a, math.Float64bits(a)
	y := sum(arcTangent.near(math.Float64frombits(math.Float64bits(inverse)&over | whole&^over)))
	flipped := math.Pi/2 - y
	return math.Copysign(math.Float64frombits(math.Float64bits(flipped)&over|math.Float64bits(y)&^over), x)
}

// Asin is the arc sine, NaN beyond ±1.
func Asin(x float64) float64 {
	a := math.Abs(x)
	// Above 1/2 it is π/2 less twice the arc sine of √((1 - a) / 2).
	over := uint64(int64(math.Float64bits(0.5-a)) >> 63)
	root, whole := math.Sqrt(0.5*(1-a)), math.Float64bits(a)
	y := sum(arcSine.near(math.Float64frombits(math.Float64bits(root)&over | whole&^over)))
	flipped := math.Pi/2 - 2*y
	return math.Copysign(math.Float64frombits(math.Float64bits(flipped)&over|math.Float64bits(y)&^over), x)
}

// Acos is the arc cosine, NaN beyond ±1.
func Acos(x float64) float64 { return math.Pi/2 - Asin(x) }
