package xgboost

import "math"

// logf is the natural logarithm of a positive float32 with the bits that glibc's logf has (2.27 and later, on processors
// with fused multiply-add, which all of the supported ones are). XGBoost stores a probability and turns it into a margin with
// logf; a logarithm that is rounded better differs in one of two hundred values, and then in every prediction.
//
// The method is that of Arm's optimized routines: x = 2^k z with z in [0.699, 1.398), log x = k ln2 + log c + log1p(z/c - 1)
// for one of sixteen c near z, the last term by a polynomial of degree 4, all in float64.
func logf(x float32) float32 {
	b := math.Float32bits(x)
	switch {
	case b == 0x3f800000:
		return 0
	case b<<1 == 0:
		return float32(math.Inf(-1))
	case b == 0x7f800000 || x != x:
		return x
	case b>>31 != 0:
		return float32(math.NaN())
	}
	if b < 0x00800000 { // subnormal
		b = math.Float32bits(x*(1<<23)) - 23<<23
	}
	const offset = 0x3f330000
	t := b - offset
	c := logfTable()[t>>19&15]
	k := float64(int32(t) >> 23)
	z := float64(math.Float32frombits(b - t&0xff800000))
	r := math.FMA(z, c.inverse, -1)
	y0 := math.FMA(k, 0x1.62e42fefa39efp-1, c.log)
	r2 := float64(r * r)
	y := math.FMA(0x1.5575b0be00b6ap-2, r, -0x1.ffffef20a4123p-2)
	y = math.FMA(-0x1.00ea348b88334p-2, r2, y)
	return float32(math.FMA(y, r2, y0+r))
}

// logfCentre is 1/c and log c of a centre c.
type logfCentre struct{ inverse, log float64 }

// logfTable are the sixteen centres. The one of the interval around 1 is exactly 1, so that values near 1 lose nothing.
func logfTable() *[16]logfCentre {
	return &[16]logfCentre{
		{0x1.661ec79f8f3bep+0, -0x1.57bf7808caadep-2},
		{0x1.571ed4aaf883dp+0, -0x1.2bef0a7c06ddbp-2},
		{0x1.49539f0f010bp+0, -0x1.01eae7f513a67p-2},
		{0x1.3c995b0b80385p+0, -0x1.b31d8a68224e9p-3},
		{0x1.30d190c8864a5p+0, -0x1.6574f0ac07758p-3},
		{0x1.25e227b0b8eap+0, -0x1.1aa2bc79c81p-3},
		{0x1.1bb4a4a1a343fp+0, -0x1.a4e76ce8c0e5ep-4},
		{0x1.12358f08ae5bap+0, -0x1.1973c5a611cccp-4},
		{0x1.0953f419900a7p+0, -0x1.252f438e10c1ep-5},
		{1, 0},
		{0x1.e608cfd9a47acp-1, 0x1.aa5aa5df25984p-5},
		{0x1.ca4b31f026aap-1, 0x1.c5e53aa362eb4p-4},
		{0x1.b2036576afce6p-1, 0x1.526e57720db08p-3},
		{0x1.9c2d163a1aa2dp-1, 0x1.bc2860d22477p-3},
		{0x1.886e6037841edp-1, 0x1.1058bc8a07ee1p-2},
		{0x1.767dcf5534862p-1, 0x1.4043057b6ee09p-2},
	}
}
