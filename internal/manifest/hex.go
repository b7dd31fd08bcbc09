package manifest

import (
	"fmt"
	"math"
	"strconv"
)

// HexF32 writes a float32 as the 8 lower-case hex digits of its bits, the sign first: 1 is "3f800000". Every value,
// NaN payloads included, survives the way through ParseHexF32.
func HexF32(v float32) string { return fmt.Sprintf("%08x", math.Float32bits(v)) }

// HexF64 writes a float64 as the 16 lower-case hex digits of its bits, the sign first: 1 is "3ff0000000000000".
func HexF64(v float64) string { return fmt.Sprintf("%016x", math.Float64bits(v)) }

// ParseHexF32 is the inverse of HexF32. Anything but 8 lower-case hex digits is an error.
func ParseHexF32(s string) (float32, error) {
	bits, err := parseHex(s, 8)
	return math.Float32frombits(uint32(bits)), err
}

// ParseHexF64 is the inverse of HexF64. Anything but 16 lower-case hex digits is an error.
func ParseHexF64(s string) (float64, error) {
	bits, err := parseHex(s, 16)
	return math.Float64frombits(bits), err
}

// ParseHexI64 reads an int64 from the 16 lower-case hex digits of its two's complement. Anything else is an error.
func ParseHexI64(s string) (int64, error) {
	bits, err := parseHex(s, 16)
	return int64(bits), err
}

func parseHex(s string, digits int) (uint64, error) {
	if !lowerHex(s, digits) {
		return 0, fmt.Errorf("%.40q is not the bits of a number in %d lower-case hex digits", s, digits)
	}
	bits, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, err)
	}
	return bits, nil
}

// lowerHex reports whether s is exactly so many lower-case hex digits.
func lowerHex(s string, digits int) bool {
	if len(s) != digits {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}
