package tensor

import "math"

// F16ToF32 widens an IEEE half: exact for every number. A NaN keeps its sign and payload and becomes quiet, as the
// processors' own conversions (F16C, FCVT) do.
func F16ToF32(h uint16) float32 {
	sign, mag := uint32(h&0x8000)<<16, uint32(h&0x7fff)
	if mag >= 0x7c00 {
		bits := sign | 0x7f800000 | (mag&0x3ff)<<13
		if mag > 0x7c00 {
			bits |= 0x400000
		}
		return math.Float32frombits(bits)
	}
	// Read as a float32 the half's exponent is 112 too small; the product mends it, for subnormals too, and is exact.
	f := math.Float32frombits(mag<<13) * 0x1p112
	return math.Float32frombits(math.Float32bits(f) | sign)
}

// F32ToF16 narrows to an IEEE half, to nearest with ties to even; what rounds beyond 65504 becomes infinite. A NaN keeps
// its sign and the payload's upper bits and is quiet.
func F32ToF16(f float32) uint16 {
	bits := math.Float32bits(f)
	sign, mag := uint16(bits>>16)&0x8000, bits&0x7fffffff
	switch {
	case mag > 0x7f800000:
		return sign | 0x7e00 | uint16(mag>>13)&0x3ff
	case mag >= 0x47800000: // 65536 and more
		return sign | 0x7c00
	case mag < 0x38800000: // below the least normal half, 2^-14
		// Adding 0.5 leaves the half's bits at the float's end, rounded by the adder to nearest even.
		return sign | uint16(math.Float32bits(math.Float32frombits(mag)+0.5)-0x3f000000)
	}
	mag += 0xc8000fff + mag>>13&1 // exponent bias 127 -> 15, then half an ulp, ties to even
	return sign | uint16(mag>>13)
}

// BF16ToF32 widens a bfloat16: exact, NaN payloads included.
func BF16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// F32ToBF16 narrows to a bfloat16, to nearest with ties to even. A NaN keeps its sign and the payload's upper bits and
// is quiet.
func F32ToBF16(f float32) uint16 {
	bits := math.Float32bits(f)
	if bits&0x7fffffff > 0x7f800000 {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// F64ToF16 narrows with one rounding, to nearest even: going through float32 in the ordinary way would round twice.
func F64ToF16(f float64) uint16 { return F32ToF16(oddF32(f)) }

// F64ToBF16 narrows with one rounding, to nearest even.
func F64ToBF16(f float64) uint16 { return F32ToBF16(oddF32(f)) }

// oddF32 rounds to float32 towards zero and sets the last bit when that was inexact. A further rounding to at most 22
// bits then gives what a single rounding of f would have given.
func oddF32(f float64) float32 {
	near := float32(f)
	if float64(near) == f || f != f {
		return near
	}
	bits := math.Float32bits(near)
	if math.Abs(float64(near)) > math.Abs(f) {
		bits-- // from infinity to the greatest number, too
	}
	return math.Float32frombits(bits | 1)
}

// oddF64 is the float64 of an integer, truncated with the last bit set when inexact, in the manner of oddF32.
func oddF64(v uint64) float64 {
	if v>>53 != 0 && v&0x7ff != 0 {
		v = v&^0x7ff | 0x800
	}
	return float64(v)
}
