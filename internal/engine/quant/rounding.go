package quant

import "math"

// rounding makes integers of numbers: saturate(round(v) + zero), to nearest even. NaN is the least value.
type rounding struct {
	low, high    float64 // what lo and hi are without the zero point
	zero, lo, hi int32
}

// roundingTo is the rounding around a zero point to integers between lo and hi, all of 16 bits at most.
func roundingTo(zero int64, lo, hi float64) rounding {
	return rounding{low: lo - float64(zero), high: hi - float64(zero), zero: int32(zero), lo: int32(lo), hi: int32(hi)}
}

// shift moves a float64's fraction out, so that adding it rounds to an integer, which then stands in the low bits.
const shift = 0x1.8p52

func (r *rounding) of(v float64) int32 {
	if !(v > r.low) {
		return r.lo
	}
	if v > r.high {
		return r.hi
	}
	return int32(uint32(math.Float64bits(v+shift))) + r.zero
}
