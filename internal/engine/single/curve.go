package single

import "math"

const (
	// density is how many nodes a curve has for each 1.
	density = 16
	// nodes is a power of two, so that an index needs no check; a curve may end before.
	nodes = 128
)

// curve is a function by its Taylor series at 0, 1/16, 2/16 and so on, up to the seventh power: so near to a node that the
// rest is below 1e-12.
type curve [nodes][8]float64

var (
	errorFunction = around(errorSeries)
	arcTangent    = around(tangentSeries)
	logOnePlus    = around(logSeries)
	arcSine       = around(sineSeries)
)

// around builds the curve of the series at each node.
func around(series func(c float64) [8]float64) *curve {
	var t curve
	for i := range t {
		t[i] = series(float64(i) / density)
	}
	return &t
}

// near is the series of the node next to x and how far away x is, whose sum is the value; x must lie between 0 and the
// curve's end, and NaN gives NaN. The two are apart so that both are short enough to be inlined.
func (t *curve) near(x float64) (c *[8]float64, h float64) {
	n := x*density + shift
	return &t[math.Float64bits(n)%nodes], x - (n-shift)*(1./density)
}

// sum is the series at h, in pairs that do not wait for one another.
func sum(c *[8]float64, h float64) float64 {
	g := h * h
	return (c[0] + h*c[1]) + g*((c[2]+h*c[3])+g*((c[4]+h*c[5])+g*(c[6]+h*c[7])))
}

// errorSeries is that of erf at c. Its derivative g = 2/√π·exp(-x²) has g' = -2·x·g.
func errorSeries(c float64) (a [8]float64) {
	var g [8]float64
	g[0] = 2 / math.SqrtPi * math.Exp(-c*c)
	a[0], g[1] = math.Erf(c), -2*c*g[0]
	for n := 1; n < 7; n++ {
		g[n+1] = -2 * (c*g[n] + g[n-1]) / float64(n+1)
	}
	for n := range 7 {
		a[n+1] = g[n] / float64(n+1)
	}
	return a
}

// tangentSeries is that of atan at c. Its derivative g has (1 + x²)·g = 1.
func tangentSeries(c float64) (a [8]float64) {
	var g [8]float64
	d := 1 + c*c
	a[0], g[0], g[1] = math.Atan(c), 1/d, -2*c/(d*d)
	for n := 2; n < 7; n++ {
		g[n] = -(2*c*g[n-1] + g[n-2]) / d
	}
	for n := range 7 {
		a[n+1] = g[n] / float64(n+1)
	}
	return a
}

// logSeries is that of log(1 + x) at c.
func logSeries(c float64) (a [8]float64) {
	a[0] = math.Log1p(c)
	power := 1.0
	for n := 1; n < 8; n++ {
		power /= -(1 + c)
		a[n] = -power / float64(n)
	}
	return a
}

// sineSeries is that of asin at c, which is below 1. Its derivative g has (1 - x²)·g' = x·g.
func sineSeries(c float64) (a [8]float64) {
	var g [8]float64
	d := 1 - c*c
	a[0], g[0] = math.Asin(c), 1/math.Sqrt(d)
	g[1] = c * g[0] / d
	for n := 1; n < 6; n++ {
		g[n+1] = (c*float64(2*n+1)*g[n] + float64(n)*g[n-1]) / (d * float64(n+1))
	}
	for n := range 7 {
		a[n+1] = g[n] / float64(n+1)
	}
	return a
}
