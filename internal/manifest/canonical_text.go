package manifest

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxInteger is the largest integer up to which a float64, and so JSON, holds every integer.
const maxInteger = 1 << 53

// text reads the string literal at pos and returns what it stands for.
func (c *canoniser) text() (string, error) {
	c.pos++
	start := c.pos
	for c.pos < len(c.in) && c.in[c.pos] != '"' && c.in[c.pos] != '\\' && c.in[c.pos] >= ' ' {
		c.pos++
	}
	decoded := c.in[start:c.pos:c.pos]
	for c.pos < len(c.in) && c.in[c.pos] != '"' {
		switch b := c.in[c.pos]; {
		case b < ' ':
			return "", c.fail("a control character stands unescaped in a string")
		case b == '\\':
			var err error
			if decoded, err = c.escape(decoded); err != nil {
				return "", err
			}
		default:
			decoded = append(decoded, b)
			c.pos++
		}
	}
	if c.pos == len(c.in) {
		return "", c.fail("the text ends inside a string")
	}
	if !utf8.Valid(decoded) {
		return "", c.fail("the string that ends here is not valid UTF-8")
	}
	c.pos++
	return string(decoded), nil
}

// escape reads the escape sequence at pos and appends what it stands for.
func (c *canoniser) escape(dst []byte) ([]byte, error) {
	if c.pos+1 >= len(c.in) {
		c.pos = len(c.in)
		return nil, c.fail("the text ends inside a string")
	}
	kind := c.in[c.pos+1]
	if kind == 'u' {
		return c.unicode(dst)
	}
	i := strings.IndexByte(`"\/bfnrt`, kind)
	if i < 0 {
		return nil, c.fail("escape \\%c is unknown", kind)
	}
	c.pos += 2
	return append(dst, "\"\\/\b\f\n\r\t"[i]), nil
}

// unicode reads \uXXXX, or two of them that form a surrogate pair.
func (c *canoniser) unicode(dst []byte) ([]byte, error) {
	r, ok := c.unit()
	if !ok {
		return nil, c.fail("\\u wants 4 hex digits")
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), nil
	}
	low, ok := c.unit()
	pair := utf16.DecodeRune(r, low)
	if !ok || pair == utf8.RuneError {
		return nil, c.fail("\\u%04x is a lone surrogate", r)
	}
	return utf8.AppendRune(dst, pair), nil
}

func (c *canoniser) unit() (rune, bool) {
	if c.pos+6 > len(c.in) || c.in[c.pos] != '\\' || c.in[c.pos+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(c.in[c.pos+2:c.pos+6]), 16, 16)
	if err != nil {
		return 0, false
	}
	c.pos += 6
	return rune(v), true
}

// appendText appends the string literal of RFC 8785: escapes for what JSON demands, the short ones where they exist,
// and everything else as it is.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch b := s[i]; {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b >= ' ':
			dst = append(dst, b)
		case strings.IndexByte("\b\f\n\r\t", b) >= 0:
			dst = append(dst, '\\', "bfnrt"[strings.IndexByte("\b\f\n\r\t", b)])
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[b>>4], "0123456789abcdef"[b&15])
		}
	}
	return append(dst, '"')
}

// number reads the number at pos and appends it as ECMAScript writes it.
func (c *canoniser) number() error {
	start := c.pos
	if c.in[c.pos] == '-' {
		c.pos++
	}
	whole := c.digits()
	if whole == 0 || whole > 1 && c.in[c.pos-whole] == '0' {
		return c.fail("a number wants digits, without leading zeros")
	}
	integer := true
	if c.pos < len(c.in) && c.in[c.pos] == '.' {
		integer = false
		c.pos++
		if c.digits() == 0 {
			return c.fail("a number wants digits after the point")
		}
	}
	if c.pos < len(c.in) && (c.in[c.pos] == 'e' || c.in[c.pos] == 'E') {
		integer = false
		c.pos++
		if c.pos < len(c.in) && (c.in[c.pos] == '+' || c.in[c.pos] == '-') {
			c.pos++
		}
		if c.digits() == 0 {
			return c.fail("a number wants digits in its exponent")
		}
	}
	literal := string(c.in[start:c.pos])
	v, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return c.fail("number %.40s exceeds a float64", literal)
	}
	written := len(c.out)
	c.out = appendNumber(c.out, v)
	// ECMAScript pads large numbers with zeros beyond the digits that tell them apart: its own form is always legal.
	if integer && math.Abs(v) >= maxInteger && string(c.out[written:]) != literal && !sameInteger(literal, v) {
		return c.fail("integer %.40s has no exact float64", literal)
	}
	return nil
}

func (c *canoniser) digits() int {
	start := c.pos
	for c.pos < len(c.in) && '0' <= c.in[c.pos] && c.in[c.pos] <= '9' {
		c.pos++
	}
	return c.pos - start
}

func sameInteger(literal string, v float64) bool {
	want, ok := new(big.Int).SetString(literal, 10)
	got, accuracy := big.NewFloat(v).Int(nil)
	return ok && accuracy == big.Exact && want.Cmp(got) == 0
}

// appendNumber appends a finite float64 as ECMAScript's Number::toString does.
func appendNumber(dst []byte, v float64) []byte {
	if v == 0 {
		return append(dst, '0') // also for -0
	}
	if a := math.Abs(v); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	// Go writes at least two exponent digits, ECMAScript as few as there are.
	if n := len(dst); n-start >= 4 && dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
