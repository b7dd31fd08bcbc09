// Package jsonscan reads JSON from one buffer without building a tree: the caller says what it expects and gets views.
// It is made for requests whose bulk is one long string or one long array of numbers.
//
// It accepts exactly RFC 8259, with two relaxations that callers ask for by name (Literal). Nesting is bounded where the
// scanner recurses (Skip). It allocates only to unescape a string that holds escapes, and keeps no reference to what it
// returned. It knows nothing of requests or tensors. A Scanner is for one goroutine.
package jsonscan

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// MaxDepth bounds the nesting that Skip follows, so that hostile input cannot exhaust the stack.
const MaxDepth = 64

// SyntaxError says where the text is not what was expected.
type SyntaxError struct {
	Offset int    // byte offset into the buffer
	Want   string // what was expected there
	Found  string // what stands there
}

// Error is one line with the offset, what was wanted and what was found.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("json: offset %d: wanted %s, found %s", e.Offset, e.Want, e.Found)
}

// Scanner walks one buffer, which it neither changes nor retains beyond its own life.
type Scanner struct {
	data []byte
	pos  int
}

// New starts at the first byte of data.
func New(data []byte) *Scanner { return &Scanner{data: data} }

// Offset is the position of the next byte to be read.
func (s *Scanner) Offset() int { return s.pos }

// Rest is the part of the buffer that has not been read.
func (s *Scanner) Rest() []byte { return s.data[s.pos:] }

// Fail makes a SyntaxError at the present offset.
func (s *Scanner) Fail(want string) error {
	return &SyntaxError{Offset: s.pos, Want: want, Found: s.found()}
}

func (s *Scanner) found() string {
	if s.pos >= len(s.data) {
		return "the end of the text"
	}
	c := s.data[s.pos]
	if c < utf8.RuneSelf {
		return strconv.QuoteRune(rune(c))
	}
	return fmt.Sprintf("byte 0x%02x", c)
}

// Peek skips white space and returns the next byte without reading it, 0 at the end of the text.
func (s *Scanner) Peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// End fails unless only white space is left.
func (s *Scanner) End() error {
	if s.Peek(); s.pos < len(s.data) {
		return s.Fail("the end of the text")
	}
	return nil
}

// Expect reads the byte c after white space.
func (s *Scanner) Expect(c byte) error {
	if s.Peek() != c || s.pos >= len(s.data) {
		return s.Fail(strconv.QuoteRune(rune(c)))
	}
	s.pos++
	return nil
}

// Literal reads word if it stands next and reports whether it did. The text after it is not looked at.
func (s *Scanner) Literal(word string) bool {
	s.Peek()
	if !bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
		return false
	}
	s.pos += len(word)
	return true
}

// Object reads an object and calls field after each key and its colon; field must read the value. The key is a view or
// a fresh copy, valid until the next call. Telling duplicates apart is the caller's, who knows its keys.
func (s *Scanner) Object(field func(key []byte) error) error {
	if err := s.Expect('{'); err != nil {
		return err
	}
	if s.Peek() == '}' {
		s.pos++
		return nil
	}
	for {
		key, err := s.String()
		if err != nil {
			return err
		}
		if err := s.Expect(':'); err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
		done, err := s.next('}')
		if done || err != nil {
			return err
		}
	}
}

// Array reads an array and calls elem before each element, with its index; elem must read it.
func (s *Scanner) Array(elem func(i int) error) error {
	if err := s.Expect('['); err != nil {
		return err
	}
	if s.Peek() == ']' {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		if err := elem(i); err != nil {
			return err
		}
		done, err := s.next(']')
		if done || err != nil {
			return err
		}
	}
}

// next reads a comma, or the closing byte and reports true.
func (s *Scanner) next(closing byte) (bool, error) {
	switch s.Peek() {
	case ',':
		s.pos++
		return false, nil
	case closing:
		s.pos++
		return true, nil
	}
	return false, s.Fail("',' or " + strconv.QuoteRune(rune(closing)))
}
