package xgboost

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// string reads a quoted string, escapes resolved, appending to dst.
func (s *jsonStream) string(dst []byte) ([]byte, error) {
	s.at++ // the quote that next has seen
	for {
		c, err := s.byte()
		switch {
		case err != nil:
			return dst, err
		case c == '"':
			return dst, nil
		case c < 0x20:
			return dst, s.fail("control character %#x in a string", c)
		case len(dst) >= maxText:
			return dst, s.fail("a string is longer than %d bytes", maxText)
		case c != '\\':
			dst = append(dst, c)
			continue
		}
		if dst, err = s.escape(dst); err != nil {
			return dst, err
		}
	}
}

func (s *jsonStream) escape(dst []byte) ([]byte, error) {
	c, err := s.byte()
	if err != nil {
		return dst, err
	}
	switch c {
	case '"', '\\', '/':
		return append(dst, c), nil
	case 'b':
		return append(dst, '\b'), nil
	case 'f':
		return append(dst, '\f'), nil
	case 'n':
		return append(dst, '\n'), nil
	case 'r':
		return append(dst, '\r'), nil
	case 't':
		return append(dst, '\t'), nil
	case 'u':
		return s.unicode(dst)
	}
	return dst, s.fail("unknown escape \\%c in a string", c)
}

func (s *jsonStream) unicode(dst []byte) ([]byte, error) {
	r, err := s.hex()
	if err != nil {
		return dst, err
	}
	if utf16.IsSurrogate(r) {
		for _, want := range []byte(`\u`) {
			if c, err := s.byte(); err != nil || c != want {
				return dst, s.fail("half a surrogate pair in a string")
			}
		}
		low, err := s.hex()
		if err != nil {
			return dst, err
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return dst, s.fail("half a surrogate pair in a string")
		}
	}
	return utf8.AppendRune(dst, r), nil
}

func (s *jsonStream) hex() (rune, error) {
	var r rune
	for range 4 {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		d, err := strconv.ParseUint(string(c), 16, 8)
		if err != nil {
			return 0, s.fail("%q is not a hexadecimal digit", c)
		}
		r = r<<4 | rune(d)
	}
	return r, nil
}

// maxNumber is the length of the longest number read; XGBoost of 2020 wrote some with very long mantissas.
const maxNumber = 4096

// number reads a number once, in its own width: an integer as such, anything else as the nearest float32.
func (s *jsonStream) number(t *token) error {
	text, err := s.numberText(s.text[:0])
	s.text = text
	if err != nil {
		return err
	}
	if string(text) == "-" { // "-Infinity"
		if err := s.word(t); err != nil || t.kind != floatToken || t.float != t.float {
			return s.fail("found a lone minus sign")
		}
		t.float = float32(math.Inf(-1))
		return nil
	}
	whole, ok := grammar(text)
	if !ok {
		return s.fail("%q is not a number", text[:min(len(text), 40)])
	}
	view := unsafe.String(&text[0], len(text)) // not kept: ParseInt and ParseFloat copy it into their errors
	if whole && len(text) < 20 && view != "-0" {
		if v, err := strconv.ParseInt(view, 10, 64); err == nil {
			t.kind, t.int = intToken, v
			return nil
		}
	}
	v, err := strconv.ParseFloat(view, 32)
	if err != nil && v == 0 {
		return s.fail("%q is not a number", text[:min(len(text), 40)])
	}
	t.kind, t.float = floatToken, float32(v)
	return nil
}

func (s *jsonStream) numberText(dst []byte) ([]byte, error) {
	for {
		if err := s.fill(); err != nil {
			return dst, err
		}
		start := s.at
		for s.at < s.n {
			c := s.buf[s.at]
			if c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'E' || c == 'e' {
				s.at++
				continue
			}
			dst = append(dst, s.buf[start:s.at]...)
			if len(dst) == 0 {
				return dst, s.fail("found %q where a value was wanted", c)
			}
			return dst, nil
		}
		if dst = append(dst, s.buf[start:s.at]...); len(dst) > maxNumber {
			return dst, s.fail("a number is longer than %d bytes", maxNumber)
		}
	}
}

// grammar reports whether text is a JSON number, and whether it has neither fraction nor exponent.
func grammar(text []byte) (whole, ok bool) {
	i := 0
	digits := func() bool {
		start := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	start := i
	if !digits() || text[start] == '0' && i > start+1 {
		return false, false
	}
	whole = i == len(text)
	if i < len(text) && text[i] == '.' {
		if i++; !digits() {
			return false, false
		}
	}
	if i < len(text) && (text[i] == 'E' || text[i] == 'e') {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if !digits() {
			return false, false
		}
	}
	return whole, i == len(text)
}
