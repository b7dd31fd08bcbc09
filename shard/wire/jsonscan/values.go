package jsonscan

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// RawString reads a string and returns what stands between its quotes, as it stands, and whether it holds escapes.
// Only the end is looked for: the content is not checked, which is for callers whose own decoder does (base64).
func (s *Scanner) RawString() (raw []byte, escaped bool, err error) {
	if err := s.Expect('"'); err != nil {
		return nil, false, err
	}
	start := s.pos
	for {
		n := bytes.IndexByte(s.data[s.pos:], '"')
		if n < 0 {
			s.pos = len(s.data)
			return nil, false, s.Fail("the closing quote of the string at offset " + strconv.Itoa(start-1))
		}
		part := s.data[s.pos : s.pos+n]
		s.pos += n + 1
		if !escaped && bytes.IndexByte(part, '\\') < 0 {
			return s.data[start : s.pos-1], false, nil
		}
		escaped = true
		if !endsEscaped(s.data[start : s.pos-1]) {
			return s.data[start : s.pos-1], true, nil
		}
	}
}

// endsEscaped reports whether raw ends in an odd number of backslashes, so that the quote after it is part of the string.
func endsEscaped(raw []byte) bool {
	n := 0
	for n < len(raw) && raw[len(raw)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// String reads a string and returns its text: a view of the buffer, or a copy when it holds escapes. It refuses control
// characters, invalid UTF-8 and lone surrogates.
func (s *Scanner) String() ([]byte, error) {
	s.Peek()
	at := s.pos
	raw, escaped, err := s.RawString()
	if err != nil {
		return nil, err
	}
	for i, c := range raw {
		if c < 0x20 {
			return nil, &SyntaxError{Offset: at + 1 + i, Want: "no bare control character in a string", Found: fmt.Sprintf("byte 0x%02x", c)}
		}
	}
	if !utf8.Valid(raw) {
		return nil, &SyntaxError{Offset: at, Want: "a string of valid UTF-8", Found: "other bytes"}
	}
	if !escaped {
		return raw, nil
	}
	text, bad := Unescape(nil, raw)
	if bad >= 0 {
		return nil, &SyntaxError{Offset: at + 1 + bad, Want: "a JSON escape", Found: "another sequence"}
	}
	return text, nil
}

// Unescape appends the text of raw, which stood between quotes, to dst. bad is the offset in raw of the first escape that
// is not JSON's, or -1.
func Unescape(dst, raw []byte) (text []byte, bad int) {
	for i := 0; i < len(raw); {
		n := bytes.IndexByte(raw[i:], '\\')
		if n < 0 {
			return append(dst, raw[i:]...), -1
		}
		dst = append(dst, raw[i:i+n]...)
		i += n
		r, size := escape(raw[i:])
		if size == 0 {
			return dst, i
		}
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst, -1
}

// escape decodes one escape at the start of raw; size 0 means that it is none.
func escape(raw []byte) (r rune, size int) {
	if len(raw) < 2 {
		return 0, 0
	}
	switch raw[1] {
	case '"', '\\', '/':
		return rune(raw[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := unit(raw)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := unit(raw[6:])
	if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
		return pair, 12
	}
	return 0, 0
}

// unit decodes \uXXXX.
func unit(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	v := rune(0)
	for _, c := range raw[2:6] {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

// NumberLen is the length of the JSON number at the start of b, 0 when there is none.
func NumberLen(b []byte) int {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b) || b[i] < '0' || b[i] > '9':
		return 0
	case b[i] == '0':
		i++
	default:
		i = digits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		end := digits(b, i+1)
		if end == i+1 {
			return 0
		}
		i = end
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		j := i + 1
		if j < len(b) && (b[j] == '+' || b[j] == '-') {
			j++
		}
		end := digits(b, j)
		if end == j {
			return 0
		}
		i = end
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// Number reads a number and returns its text, a view of the buffer.
func (s *Scanner) Number() ([]byte, error) {
	s.Peek()
	n := NumberLen(s.data[s.pos:])
	if n == 0 {
		return nil, s.Fail("a number")
	}
	text := s.data[s.pos : s.pos+n]
	s.pos += n
	return text, nil
}

// Int reads an integer from lo to hi; a fraction or an exponent is refused.
func (s *Scanner) Int(lo, hi int64) (int64, error) {
	s.Peek()
	at := s.pos
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || v < lo || v > hi {
		shown := text
		if len(shown) > 24 {
			shown = shown[:24]
		}
		return 0, &SyntaxError{Offset: at, Want: fmt.Sprintf("an integer from %d to %d", lo, hi), Found: string(shown)}
	}
	return v, nil
}

// Bool reads true or false.
func (s *Scanner) Bool() (bool, error) {
	switch {
	case s.Literal("true"):
		return true, nil
	case s.Literal("false"):
		return false, nil
	}
	return false, s.Fail("true or false")
}

// Skip reads one value of any kind, at most MaxDepth deep, and checks its syntax.
func (s *Scanner) Skip() error { return s.skip(0) }

func (s *Scanner) skip(depth int) error {
	if depth > MaxDepth {
		return s.Fail("at most " + strconv.Itoa(MaxDepth) + " levels of nesting")
	}
	switch c := s.Peek(); {
	case c == '{':
		return s.Object(func([]byte) error { return s.skip(depth + 1) })
	case c == '[':
		return s.Array(func(int) error { return s.skip(depth + 1) })
	case c == '"':
		_, err := s.String()
		return err
	case c == '-' || '0' <= c && c <= '9':
		_, err := s.Number()
		return err
	case s.Literal("true") || s.Literal("false") || s.Literal("null"):
		return nil
	}
	return s.Fail("a JSON value")
}
