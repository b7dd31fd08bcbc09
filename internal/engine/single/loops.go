package single

import "math"

// ExpAll overwrites dst with Exp of the elements of x, which is at least as long; so do the other loops.
func ExpAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		s, p := parts(within(float64(v)))
		dst[i] = float32(s + s*p)
	}
}

// LogAll is Log of all elements.
func LogAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		bits := math.Float32bits(v)
		if bits-leastNormal < infinity-leastNormal {
			dst[i] = float32(logNormal(bits))
		} else {
			dst[i] = float32(math.Log(float64(v)))
		}
	}
}

// SigmoidAll is Sigmoid of all elements.
func SigmoidAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		s, p := parts(within(-float64(v)))
		dst[i] = float32(1 / (1 + (s + s*p)))
	}
}

// SwishAll is v·Sigmoid(alpha·v) of all elements.
func SwishAll(alpha float64) func(dst, x []float32) {
	return func(dst, x []float32) {
		for i, v := range x[:len(dst)] {
			s, p := parts(within(-alpha * float64(v)))
			dst[i] = float32(float64(v) * (1 / (1 + (s + s*p))))
		}
	}
}

// TanhAll is Tanh of all elements.
func TanhAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		if v == 0 {
			dst[i] = v
			continue
		}
		s, p := parts(within(2 * float64(v)))
		e := (s - 1) + s*p
		dst[i] = float32(e / (e + 2))
	}
}

// ErfAll is Erf of all elements.
func ErfAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		a := math.Abs(float64(v))
		if a > 6 {
			a = 6
		}
		dst[i] = float32(math.Copysign(sum(errorFunction.near(a)), float64(v)))
	}
}

// GeluAll is Gelu of all elements.
func GeluAll(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		z := float64(v) * (1 / math.Sqrt2)
		a := math.Abs(z)
		if a > 6 {
			a = 6
		}
		dst[i] = float32(0.5 * float64(v) * (1 + math.Copysign(sum(errorFunction.near(a)), z)))
	}
}

// ExponentialUnit is gain·v from 0 on and gain·alpha·Expm1(v/width) below, of all elements, where width is positive. It keeps the sign of -0.
func ExponentialUnit(gain, alpha, width float64) func(dst, x []float32) {
	inverse, below := 1/width, gain*alpha
	return func(dst, x []float32) {
		for i, v := range x[:len(dst)] {
			if v == 0 {
				dst[i] = v
				continue
			}
			bits := math.Float64bits(float64(v))
			negative := uint64(int64(bits) >> 63)
			z := inverse * math.Float64frombits(bits&negative)
			if z < -limit {
				z = -limit
			}
			s, p := parts(z)
			dst[i] = float32(gain*math.Float64frombits(bits&^negative) + below*((s-1)+s*p))
		}
	}
}

// SumExp is the sum of exp(v - top) over the elements of x, none of which is greater than top, in their order.
func SumExp(x []float32, top float64) float64 {
	total := 0.0
	for _, v := range x {
		d := float64(v) - top
		if d < -limit {
			d = -limit
		}
		s, p := parts(d)
		total += s + s*p
	}
	return total
}

// ExpBelow overwrites each element of x, none of which is greater than top, with exp(x - top), and returns their sum in
// that order.
func ExpBelow(x []float64, top float64) float64 {
	total := 0.0
	for i, v := range x {
		d := v - top
		if d < -limit {
			d = -limit
		}
		s, p := parts(d)
		e := s + s*p
		x[i] = e
		total += e
	}
	return total
}
