package single

import "math"

// Erf is the error function with an absolute error below 1e-10, in the middle by polynomials that were fitted to it at
// Chebyshev points.
func Erf(x float64) float64 {
	switch a := math.Abs(x); {
	case a < 0.84375:
		return math.Erf(x) // a short rational function there
	case a < 2.25:
		return math.Copysign(polynomial(a-1.546875, erfNear), x)
	case a < 4:
		return math.Copysign(polynomial(a-3.125, erfFar), x)
	case x != x:
		return x
	}
	return math.Copysign(1, x) // erf(4) is 1 - 1.5e-8, which as a float32 is 1
}

var (
	erfNear = []float64{0.9713020941504507, 0.10310163518208539, -0.15948533996074196, 0.13010204664258404,
		-0.04746408492125282, -0.009662240215457767, 0.017639946444938846, -0.005495452643964534, -0.0016592002864922043,
		0.00163787100488434, -0.00019870439807874723, -0.00020970597644067753, 6.502005592466207e-05, 1.1206844251207962e-05}
	erfFar = []float64{0.9999901032609356, 6.475869864954579e-05, -0.0002023703192083832, 0.0004000190287050263,
		-0.0005575857099312834, 0.0005769721873126563, -0.00045222374998629016, 0.0002664141858632239,
		-0.00011160052047430968, 2.5666026278042135e-05, 4.504365005781067e-06, -6.7389607137070085e-06,
		2.1590550223586557e-06, -8.038589180591968e-08}
)

// polynomial is Σ c[i]·u^i, even and odd powers apart.
func polynomial(u float64, c []float64) float64 {
	_ = c[13] // one check of bounds for all
	v := u * u
	even := c[0] + v*(c[2]+v*(c[4]+v*(c[6]+v*(c[8]+v*(c[10]+v*c[12])))))
	odd := c[1] + v*(c[3]+v*(c[5]+v*(c[7]+v*(c[9]+v*(c[11]+v*c[13])))))
	return even + u*odd
}
