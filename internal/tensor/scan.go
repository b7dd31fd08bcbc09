package tensor

import (
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads the JSON subset of safetensors headers: objects, strings and unsigned integers. It builds no tree and
// never reads beyond buf.
type scanner struct {
	buf []byte
	pos int
}

func (s *scanner) fail(want string) error {
	if s.pos >= len(s.buf) {
		return fmt.Errorf("byte %d: wanted %s, found the header's end", s.pos, want)
	}
	return fmt.Errorf("byte %d: wanted %s, found %q", s.pos, want, s.buf[s.pos])
}

func (s *scanner) space() {
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// accept skips space and consumes c when it is next.
func (s *scanner) accept(c byte) bool {
	s.space()
	if s.pos < len(s.buf) && s.buf[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) expect(c byte) error {
	if !s.accept(c) {
		return s.fail(fmt.Sprintf("%q", c))
	}
	return nil
}

// list calls item for each element up to the closing byte; the opening byte has been consumed.
func (s *scanner) list(closing byte, item func() error) error {
	if s.accept(closing) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.accept(closing) {
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}

// object calls member for each key of an object, after its colon.
func (s *scanner) object(member func(key string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	return s.list('}', func() error {
		key, err := s.str()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		return member(key)
	})
}

// uint reads a non-negative integer without sign, leading zero, fraction or exponent.
func (s *scanner) uint() (int, error) {
	s.space()
	start, v := s.pos, 0
	for s.pos < len(s.buf) && s.buf[s.pos] >= '0' && s.buf[s.pos] <= '9' {
		d := int(s.buf[s.pos] - '0')
		if v > (math.MaxInt-d)/10 {
			return 0, fmt.Errorf("byte %d: the number is too large", start)
		}
		v = v*10 + d
		s.pos++
	}
	switch {
	case s.pos == start:
		return 0, s.fail("a non-negative integer")
	case s.buf[start] == '0' && s.pos > start+1:
		return 0, fmt.Errorf("byte %d: the number has a leading zero", start)
	}
	return v, nil
}

// str reads a string. The result is a copy. Invalid UTF-8, raw control characters and lone surrogates are refused.
func (s *scanner) str() (string, error) {
	if err := s.expect('"'); err != nil {
		return "", err
	}
	start := s.pos
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; {
		case c == '"':
			raw := s.buf[start:s.pos]
			if !utf8.Valid(raw) {
				return "", fmt.Errorf("byte %d: the string is not valid UTF-8", start)
			}
			s.pos++
			return string(raw), nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return "", s.fail("no control character in a string")
		}
		s.pos++
	}
	return "", s.fail("the string's closing quote")
}

// escaped finishes a string whose first escape is at s.pos.
func (s *scanner) escaped(start int) (string, error) {
	out := append([]byte(nil), s.buf[start:s.pos]...)
	for s.pos < len(s.buf) {
		c := s.buf[s.pos]
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return "", fmt.Errorf("byte %d: the string is not valid UTF-8", start)
			}
			s.pos++
			return string(out), nil
		case c < ' ':
			return "", s.fail("no control character in a string")
		case c != '\\':
			out = append(out, c)
			s.pos++
			continue
		}
		r, err := s.escape()
		if err != nil {
			return "", err
		}
		out = utf8.AppendRune(out, r)
	}
	return "", s.fail("the string's closing quote")
}

// escape reads one escape sequence; s.pos is at its backslash.
func (s *scanner) escape() (rune, error) {
	s.pos++
	if s.pos >= len(s.buf) {
		return 0, s.fail("an escape sequence")
	}
	c := s.buf[s.pos]
	s.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return s.unicode()
	}
	s.pos--
	return 0, s.fail("an escape sequence")
}

func (s *scanner) unicode() (rune, error) {
	r, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if s.pos+1 < len(s.buf) && s.buf[s.pos] == '\\' && s.buf[s.pos+1] == 'u' {
		s.pos += 2
		low, err := s.hex4()
		if err != nil {
			return 0, err
		}
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, fmt.Errorf("byte %d: the escape is half of a surrogate pair", s.pos)
}

func (s *scanner) hex4() (rune, error) {
	var r rune
	for range 4 {
		if s.pos >= len(s.buf) {
			return 0, s.fail("a hexadecimal digit")
		}
		switch c := s.buf[s.pos]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, s.fail("a hexadecimal digit")
		}
		s.pos++
	}
	return r, nil
}

// appendQuoted appends v as a JSON string with the fewest escapes. v must be valid UTF-8.
func appendQuoted(dst []byte, v string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	plain := 0 // where the part begins that has not been copied yet
	for i := range len(v) {
		c := v[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, v[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, v[plain:]...), '"')
}
