package tensor

import (
	"fmt"
	"slices"

	"github.com/segmentio/asm/base64"
)

// strictBase64 is read-only. Strict makes the last digit's unused bits be zero, so that a value has one encoding.
var strictBase64 = base64.StdEncoding.Strict()

// Base64Size is the number of characters that n bytes take in padded standard base64.
func Base64Size(n int) int { return (n + 2) / 3 * 4 }

// AppendBase64 appends src in padded standard base64 to dst and returns the extended buffer. src and dst must not overlap.
func AppendBase64(dst, src []byte) []byte {
	at, size := len(dst), Base64Size(len(src))
	dst = slices.Grow(dst, size)[:at+size]
	strictBase64.Encode(dst[at:], src)
	return dst
}

// DecodeBase64 decodes padded standard base64 into a fresh Aligned buffer. It is strict: no line breaks, no missing
// padding, no bits beyond the value. Only len(text)/4*3 bytes are allocated, whatever the text says.
func DecodeBase64(text []byte) ([]byte, error) {
	n, err := decodedSize(text)
	if err != nil {
		return nil, err
	}
	return decodeBase64(Aligned(n), text)
}

// DecodeBase64Into is DecodeBase64 into dst's memory when its capacity suffices and it starts at a multiple of 8; otherwise
// into a fresh buffer. It returns the buffer that holds the bytes.
func DecodeBase64Into(dst, text []byte) ([]byte, error) {
	n, err := decodedSize(text)
	if err != nil {
		return nil, err
	}
	if cap(dst) < n || !aligned(dst) {
		dst = Aligned(n)
	}
	return decodeBase64(dst[:n], text)
}

func decodedSize(text []byte) (int, error) {
	if len(text)%4 != 0 {
		return 0, fmt.Errorf("decode base64: %d characters are not a multiple of 4: truncated", len(text))
	}
	n := len(text) / 4 * 3
	for pad := 1; pad <= 2 && n > 0 && text[len(text)-pad] == '='; pad++ {
		n--
	}
	return n, nil
}

func decodeBase64(dst, text []byte) ([]byte, error) {
	n, err := strictBase64.Decode(dst, text)
	if err != nil {
		return nil, fmt.Errorf("decode base64: %w", err)
	}
	// The library skips line breaks; then fewer bytes come out than the length promises.
	if n != len(dst) {
		return nil, fmt.Errorf("decode base64: %d bytes instead of %d: the text has line breaks", n, len(dst))
	}
	return dst, nil
}
