package kernel

import "github.com/shardwise/shardwise/internal/tensor"

// lanes is how many elements a conversion takes at a time.
const lanes = 8

// Widen writes src, halves of the dtype F16 or BF16, as float32: exact, a NaN becomes quiet and keeps its payload. The lengths must be equal.
func Widen(dst []float32, src []uint16, half tensor.DType) {
	dst = dst[:len(src)]
	done := 0
	if n := len(src) / lanes; n > 0 && converts() {
		if done = n * lanes; half == tensor.F16 {
			widenF16(&dst[0], &src[0], uintptr(n))
		} else {
			widenBF16(&dst[0], &src[0], uintptr(n))
		}
	}
	dst, src = dst[done:], src[done:]
	if half == tensor.F16 {
		for i, v := range src {
			dst[i] = tensor.F16ToF32(v)
		}
		return
	}
	for i, v := range src {
		dst[i] = tensor.BF16ToF32(v)
	}
}

// Narrow writes src as halves of the dtype F16 or BF16, rounded to nearest with ties to even, as tensor.F32ToF16 and
// tensor.F32ToBF16 do. The lengths must be equal.
func Narrow(dst []uint16, src []float32, half tensor.DType) {
	dst = dst[:len(src)]
	done := 0
	if n := len(src) / lanes; n > 0 && converts() {
		if done = n * lanes; half == tensor.F16 {
			narrowF16(&dst[0], &src[0], uintptr(n))
		} else {
			narrowBF16(&dst[0], &src[0], uintptr(n))
		}
	}
	dst, src = dst[done:], src[done:]
	if half == tensor.F16 {
		for i, v := range src {
			dst[i] = tensor.F32ToF16(v)
		}
		return
	}
	for i, v := range src {
		dst[i] = tensor.F32ToBF16(v)
	}
}

// WidenBytes writes src, bytes of I8 (signed) or U8, minus a zero point, which must be one of theirs, as float32: exact. The lengths must be equal.
func WidenBytes(dst []float32, src []byte, signed bool, zero float32) {
	dst = dst[:len(src)]
	done := 0
	if n := len(src) / lanes; n > 0 && converts() {
		if done = n * lanes; signed {
			widenI8(&dst[0], &src[0], uintptr(n), zero)
		} else {
			widenU8(&dst[0], &src[0], uintptr(n), zero)
		}
	}
	dst, src = dst[done:], src[done:]
	if signed {
		for i, v := range src {
			dst[i] = float32(int8(v)) - zero
		}
		return
	}
	for i, v := range src {
		dst[i] = float32(v) - zero
	}
}
