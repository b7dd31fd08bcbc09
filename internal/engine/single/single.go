// Package single has the functions that cost most in models, for arguments and results that are float32.
//
// Each computes in float64, with an error far below half a unit in the last place of a float32, so that the result
// rounded once is the nearest float32 but for ties that are as good as equal. That allows shorter polynomials than
// package math's, which are for 53 bits. They are plain Go: the same on every processor, but that arm64 fuses
// multiplication and addition. The families of operators call it.
package single

import "math"

const (
	// shift moves a float64's fraction out, so that adding it rounds to an integer, which then stands in the low bits.
	shift  = 0x1.8p52
	ln2Hi  = 0x1.62e42feep-01
	ln2Lo  = 0x1.a39ef35793c76p-33
	limit  = 200 // beyond it every exponential is infinite or 0 as a float32
	middle = 0.625
)

// Exp is the exponential of x with a relative error below 1e-11. Beyond ±200 it is that of ±200, which as a float32 is
// infinite or 0.
func Exp(x float64) float64 {
	switch {
	case x > limit:
		x = limit
	case x < -limit:
		x = -limit
	case x != x:
		return x
	}
	t := x*math.Log2E + shift
	k := t - shift
	r := (x - k*ln2Hi) - k*ln2Lo
	r2 := r * r
	r4 := r2 * r2
	// 1 + r + r²/2 + ... + r⁹/9!, in pairs that do not wait for one another.
	p := (1 + r) + r2*(1./2+r*(1./6)) + r4*((1./24+r*(1./120))+r2*(1./720+r*(1./5040))+r4*(1./40320+r*(1./362880)))
	return math.Float64frombits(math.Float64bits(p) + math.Float64bits(t)<<52)
}

// Sigmoid is 1 / (1 + exp(-x)).
func Sigmoid(x float64) float64 { return 1 / (1 + Exp(-x)) }

// Tanh is the hyperbolic tangent.
func Tanh(x float64) float64 {
	if math.Abs(x) < middle {
		return math.Tanh(x) // where 1 - 2/(...) would lose digits; math has a short formula here
	}
	return 1 - 2/(1+Exp(2*x))
}

// Expm1 is exp(x) - 1.
func Expm1(x float64) float64 {
	if math.Abs(x) < middle {
		return math.Expm1(x)
	}
	return Exp(x) - 1
}

// Softplus is log(1 + exp(x)).
func Softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(Exp(-x))
	}
	return math.Log1p(Exp(x))
}
