package xgboost

import "math"

// The numbers that fill a model are short and follow each other with nothing but a comma between. moreInts and moreFloats
// read such runs straight from the buffer, after a first entry that was read as a token. They stop in front of the
// comma of whatever is not plain, which the tokenizer then reads: what they take is exactly what it would have taken.

// moreInts appends the integers of at most 9 digits that follow.
func (s *jsonStream) moreInts(dst []int32) []int32 {
	buf := s.buf[:s.n]
	for i := s.at; i < len(buf) && buf[i] == ','; s.at = i {
		i++
		negative := i < len(buf) && buf[i] == '-'
		if negative {
			i++
		}
		start, v := i, int32(0)
		for ; i < len(buf) && i < start+9 && buf[i]-'0' < 10; i++ {
			v = v*10 + int32(buf[i]-'0')
		}
		if i == start || buf[start] == '0' && (negative || i > start+1) || !ends(buf, i) {
			return dst
		}
		if negative {
			v = -v
		}
		dst = append(dst, v)
	}
	return dst
}

// ends reports whether an entry of an array ends before buf[i].
func ends(buf []byte, i int) bool { return i < len(buf) && (buf[i] == ',' || buf[i] == ']') }

// moreFloats appends the numbers with a fraction or an exponent that follow and whose nearest float32 is found by one
// exact step in float64.
func (s *jsonStream) moreFloats(dst []float32) []float32 {
	buf := s.buf[:s.n]
	for s.at < len(buf) && buf[s.at] == ',' {
		v, end, ok := plainFloat(buf, s.at+1)
		if !ok || !ends(buf, end) {
			return dst
		}
		dst, s.at = append(dst, v), end
	}
	return dst
}

// plainFloat reads -d.dddE-dd at buf[i]: up to 15 digits, one before the point, and a power of ten of at most 22. Both are
// exact in float64, so their product or quotient is the number rounded once. Rounding that to float32 gives the nearest
// one unless it is a midpoint between two: then ok is false, as for all else.
func plainFloat(buf []byte, i int) (v float32, end int, ok bool) {
	negative := i < len(buf) && buf[i] == '-'
	if negative {
		i++
	}
	if i+1 >= len(buf) || buf[i]-'0' > 9 {
		return 0, 0, false
	}
	mantissa, exponent := uint64(buf[i]-'0'), 0
	i++
	plain := buf[i] == '.'
	if plain {
		i++
		start := i
		for ; i < len(buf) && i < start+14 && buf[i]-'0' < 10; i++ {
			mantissa = mantissa*10 + uint64(buf[i]-'0')
		}
		if exponent = start - i; exponent == 0 {
			return 0, 0, false
		}
	}
	if i < len(buf) && buf[i] == 'E' {
		plain = true
		power, next, ok := tens(buf, i+1)
		if !ok {
			return 0, 0, false
		}
		i, exponent = next, exponent+power
	}
	if !plain || exponent < -22 || exponent > 22 {
		return 0, 0, false
	}
	f := float64(mantissa)
	if exponent < 0 {
		f /= pow10[-exponent]
	} else {
		f *= pow10[exponent]
	}
	const below = 1<<29 - 1 // the bits of a float64 that a float32 lacks
	if f != 0 && (f < 0x1p-126 || f > math.MaxFloat32) || math.Float64bits(f)&below == 1<<28 {
		return 0, 0, false
	}
	if negative {
		f = -f
	}
	return float32(f), i, true
}

// tens reads an exponent of one or two digits at buf[i].
func tens(buf []byte, i int) (power, end int, ok bool) {
	negative := i < len(buf) && buf[i] == '-'
	if negative || i < len(buf) && buf[i] == '+' {
		i++
	}
	start := i
	for ; i < len(buf) && i < start+2 && buf[i]-'0' < 10; i++ {
		power = power*10 + int(buf[i]-'0')
	}
	if negative {
		power = -power
	}
	return power, i, i > start
}

// pow10 are the powers of ten that float64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
