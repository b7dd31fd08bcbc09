package dataset

import (
	"bufio"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonKind is the kind of a JSON token: a structural byte as itself, or one of those below.
type jsonKind byte

const (
	jsonEnd    jsonKind = 0   // the input's end
	jsonString jsonKind = '"' // text is the value
	jsonNumber jsonKind = '0' // text is the number as written
	jsonWord   jsonKind = 'w' // text is true, false, null, NaN, Infinity or -Infinity
)

// maxToken bounds one string or number, so that hostile input cannot make a token fill the memory.
const maxToken = 1 << 20

// jsonScanner splits a stream into JSON tokens, one at a time, without a tree. NaN and infinities are taken as Python
// writes them. It checks tokens, not the grammar between them.
type jsonScanner struct {
	in   *bufio.Reader
	line int
	text []byte // of the last token, valid until the next
	kind jsonKind
	held bool // the last token is to be returned again
}

func newJSONScanner(in io.Reader) *jsonScanner {
	return &jsonScanner{in: bufio.NewReaderSize(in, readBuffer), line: 1}
}

func (s *jsonScanner) fail(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", s.line, fmt.Sprintf(format, args...))
}

// hold makes the next call of next return the same token.
func (s *jsonScanner) hold() { s.held = true }

// describe names the last token in errors.
func (s *jsonScanner) describe() string {
	switch s.kind {
	case jsonEnd:
		return "the end"
	case jsonString:
		return fmt.Sprintf("string %q", clip(string(s.text)))
	case jsonNumber, jsonWord:
		return clip(string(s.text))
	}
	return fmt.Sprintf("%q", rune(s.kind))
}

// next reads the next token.
func (s *jsonScanner) next() (jsonKind, error) {
	if s.held {
		s.held = false
		return s.kind, nil
	}
	s.text = s.text[:0]
	c, err := s.skip()
	if err == io.EOF {
		s.kind = jsonEnd
		return jsonEnd, nil
	}
	if err != nil {
		return 0, err
	}
	switch c {
	case '{', '}', '[', ']', ',', ':':
		s.kind = jsonKind(c)
		return s.kind, nil
	case '"':
		s.kind = jsonString
		return s.kind, s.str()
	}
	return s.bare(c)
}

func (s *jsonScanner) skip() (byte, error) {
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		default:
			return c, nil
		}
	}
}

// bare reads a number or a word that begins with c.
func (s *jsonScanner) bare(c byte) (jsonKind, error) {
	for {
		if c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			s.text = append(s.text, c)
		} else if err := s.in.UnreadByte(); err != nil {
			return 0, err
		} else {
			break
		}
		if len(s.text) > maxToken {
			return 0, s.fail("a value is longer than %d bytes", maxToken)
		}
		var err error
		if c, err = s.in.ReadByte(); err == io.EOF {
			break
		} else if err != nil {
			return 0, err
		}
	}
	switch str(s.text) {
	case "true", "false", "null", "NaN", "Infinity", "-Infinity":
		s.kind = jsonWord
		return s.kind, nil
	case "":
		if c, err := s.in.ReadByte(); err == nil {
			return 0, s.fail("%q does not belong there", c)
		}
	}
	if !numberGrammar(s.text) {
		return 0, s.fail("%q is no JSON value", clip(string(s.text)))
	}
	s.kind = jsonNumber
	return s.kind, nil
}

// numberGrammar is JSON's: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func numberGrammar(t []byte) bool {
	i := 0
	digits := func() int {
		from := i
		for i < len(t) && t[i] >= '0' && t[i] <= '9' {
			i++
		}
		return i - from
	}
	if i < len(t) && t[i] == '-' {
		i++
	}
	first := i
	if n := digits(); n == 0 || n > 1 && t[first] == '0' {
		return false
	}
	if i < len(t) && t[i] == '.' {
		i++
		if digits() == 0 {
			return false
		}
	}
	if i < len(t) && t[i]|0x20 == 'e' {
		i++
		if i < len(t) && (t[i] == '+' || t[i] == '-') {
			i++
		}
		if digits() == 0 {
			return false
		}
	}
	return i == len(t)
}

// str reads a string after its opening quote.
func (s *jsonScanner) str() error {
	for {
		c, err := s.in.ReadByte()
		if err == io.EOF {
			return s.fail("a string does not end")
		}
		if err != nil {
			return err
		}
		switch {
		case c == '"':
			if !utf8.Valid(s.text) {
				return s.fail("a string is not valid UTF-8")
			}
			return nil
		case c < ' ':
			return s.fail("a string has a raw control character")
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			s.text = append(s.text, c)
		}
		if len(s.text) > maxToken {
			return s.fail("a string is longer than %d bytes", maxToken)
		}
	}
}

func (s *jsonScanner) escape() error {
	c, err := s.in.ReadByte()
	if err != nil {
		return s.fail("a string does not end")
	}
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return s.unicode()
	default:
		return s.fail("a string has the unknown escape \\%c", c)
	}
	s.text = append(s.text, c)
	return nil
}

func (s *jsonScanner) unicode() error {
	r, err := s.hex4()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		if more, err := s.in.Peek(2); err != nil || string(more) != `\u` {
			return s.fail("a string has half of a surrogate pair")
		}
		if _, err := s.in.Discard(2); err != nil {
			return err
		}
		low, err := s.hex4()
		if err != nil {
			return err
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return s.fail("a string has half of a surrogate pair")
		}
	}
	s.text = utf8.AppendRune(s.text, r)
	return nil
}

func (s *jsonScanner) hex4() (rune, error) {
	var r rune
	for range 4 {
		c, err := s.in.ReadByte()
		if err != nil {
			return 0, s.fail("a string does not end")
		}
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, s.fail("a string has a \\u escape with %q", c)
		}
	}
	return r, nil
}

// expect reads the next token, which must be of the kind.
func (s *jsonScanner) expect(kind jsonKind) error {
	got, err := s.next()
	if err != nil {
		return err
	}
	if got != kind {
		want := fmt.Sprintf("%q", rune(kind))
		if kind == jsonString {
			want = "a string"
		}
		return s.fail("wanted %s, found %s", want, s.describe())
	}
	return nil
}

// more is called between the elements of a list or object: it reports whether another follows, and consumes the comma or
// the closing byte. first says that no element has been read.
func (s *jsonScanner) more(closing jsonKind, first bool) (bool, error) {
	kind, err := s.next()
	switch {
	case err != nil:
		return false, err
	case kind == closing:
		return false, nil
	case first:
		s.hold()
		return true, nil
	case kind != ',':
		return false, s.fail("wanted a comma or %q, found %s", rune(closing), s.describe())
	}
	if kind, err = s.next(); err == nil && kind == closing {
		return false, s.fail("a comma stands before %q", rune(closing))
	}
	s.hold()
	return true, err
}
