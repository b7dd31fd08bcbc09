// Package single has the functions that cost most in models, for arguments and results that are float32.
//
// The plain ones take and give float64: an argument that a float32 holds exactly gives a result with a relative error of
// about 1e-10, far below half a unit in the last place of a float32, so that the result rounded once is the nearest
// float32 but for ties that are as good as equal. That allows shorter polynomials than package math's, which are for 53
// bits. The loops over slices do the same element by element; what an element becomes depends on nothing but itself.
// TestErrorsInUnits holds the greatest errors over the whole range of float32.
//
// All is plain Go without branches that random data would mislead: the same on every processor, but that arm64 fuses
// multiplication and addition. The families of operators call it.
package single

import "math"

const (
	// shift moves a float64's fraction out, so that adding it rounds to an integer, which then stands in the low bits.
	shift = 0x1.8p52
	// limit is where every exponential is infinite or 0 as a float32.
	limit = 200
	// steps is how many parts a power of two has in the table.
	steps = 32
	// The coefficients of 2^(r/32) - 1, which are those of the exponential: (ln 2 / 32)^n / n!.
	e1 = math.Ln2 / steps
	e2 = e1 * e1 / 2
	e3 = e1 * e1 * e1 / 6
	e4 = e1 * e1 * e1 * e1 / 24
)

// powers[i] is 2^(i/32) as bits, less what i itself adds when it is shifted to the exponent.
var powers = powersOfTwo()

func powersOfTwo() (t [steps]uint64) {
	for i := range t {
		t[i] = math.Float64bits(math.Exp2(float64(i)/steps)) - uint64(i)<<47
	}
	return t
}

// parts are such that the exponential of x is s + s·p, and p is exact to its last digits where s is 1. They mean nothing
// beyond ±200; of NaN p is NaN.
func parts(x float64) (s, p float64) {
	z := x * (steps * math.Log2E)
	t := z + shift
	k := math.Float64bits(t)
	r := z - (t - shift)
	return math.Float64frombits(powers[k%steps] + k<<47), r * ((e1 + r*e2) + (r*r)*(e3+r*e4))
}

// within is the nearest number to x between ±200.
func within(x float64) float64 {
	if x > limit {
		return limit
	}
	if x < -limit {
		return -limit
	}
	return x
}

// Exp is the exponential of x. Beyond ±200 it is that of ±200, which as a float32 is infinite or 0.
func Exp(x float64) float64 {
	s, p := parts(within(x))
	return s + s*p
}

// Expm1 is exp(x) - 1; it loses the sign of -0.
func Expm1(x float64) float64 {
	s, p := parts(within(x))
	return (s - 1) + s*p
}

// Sigmoid is 1 / (1 + exp(-x)).
func Sigmoid(x float64) float64 {
	s, p := parts(within(-x))
	return 1 / (1 + (s + s*p))
}

// Tanh is the hyperbolic tangent.
func Tanh(x float64) float64 {
	if x == 0 {
		return x
	}
	e := Expm1(2 * x)
	return e / (e + 2)
}

// Softplus is log(1 + exp(x)).
func Softplus(x float64) float64 {
	return max(x, 0) + sum(logOnePlus.near(Exp(-math.Abs(x))))
}

// Mish is x·tanh(Softplus(x)). With e = exp(x) the tangent is e·(e + 2) / (e·(e + 2) + 2).
func Mish(x float64) float64 {
	e := Exp(x)
	n := e * (e + 2)
	return x * (n / (n + 2))
}

// Erf is the error function. Beyond ±6 it is that of ±6, which as a float64 is 1 but for its last bit.
func Erf(x float64) float64 {
	a := math.Abs(x)
	if a > 6 {
		a = 6
	}
	return math.Copysign(sum(errorFunction.near(a)), x)
}

// Gelu is x·Φ(x), Φ being the normal distribution's. Far below 0, where 1 + erf cancels, the error is 1e-14 absolute; so is
// that of GeluTanh.
func Gelu(x float64) float64 { return 0.5 * x * (1 + Erf(x*(1/math.Sqrt2))) }

// GeluTanh is Gelu by its approximation 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))). With e = exp(2·…) - 1 the sum is
// 2·(e + 1) / (e + 2).
func GeluTanh(x float64) float64 {
	e := Expm1(2 * math.Sqrt2 / math.SqrtPi * (x + 0.044715*x*x*x))
	return x * ((e + 1) / (e + 2))
}

// Sinh is the hyperbolic sine.
func Sinh(x float64) float64 {
	if x == 0 {
		return x
	}
	e := Expm1(x)
	return 0.5 * (e + e/(e+1))
}

// Cosh is the hyperbolic cosine.
func Cosh(x float64) float64 {
	e := Exp(x)
	return 0.5 * (e + 1/e)
}
