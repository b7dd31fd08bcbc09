// Package jsoncheck decides whether a byte string is one JSON value in valid
// UTF-8, and nothing else: it builds no tree, allocates only on failure, and touches each byte once. AWS Lambda refuses an
// event that fails this test, so the simulator runs it over every request body;
// tensors travel as long base64 strings, hence the word-wise scan of strings.
//
// Accepted is exactly what encoding/json.Valid and utf8.Valid both accept. The
// package keeps no state and is safe for concurrent use. Only the simulator uses
// it.
package jsoncheck

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is the deepest nesting accepted, as in encoding/json.
const MaxDepth = 10000

// Error says where a text stops being JSON. Reason is worded as AWS Lambda words
// it; Line and Column count from 1, in bytes, and name the offending byte.
type Error struct {
	Offset       int
	Line, Column int
	Reason       string
}

// Error returns the reason and the place.
func (e *Error) Error() string {
	return fmt.Sprintf("%s at line %d, column %d", e.Reason, e.Line, e.Column)
}

// Check returns nil when p is one JSON value in valid UTF-8 (white space around
// it is allowed), and otherwise an *Error for the first offending byte. p is
// only read.
func Check(p []byte) error {
	s := scanner{p: p}
	if reason := s.document(); reason != "" {
		return s.fail(reason)
	}
	return nil
}

const (
	unexpectedEnd = "Unexpected end-of-input"
	wantValue     = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
)

type scanner struct {
	p      []byte
	i      int
	depth  int                     // how many brackets are open
	braces [MaxDepth/64 + 1]uint64 // bit d is set when the bracket at depth d is a brace
}

func (s *scanner) fail(reason string) error {
	at := min(s.i, len(s.p))
	e := &Error{Offset: at, Line: 1, Column: 1, Reason: reason}
	for _, c := range s.p[:at] {
		e.Column++
		if c == '\n' {
			e.Line++
			e.Column = 1
		}
	}
	return e
}

// document scans the whole text; it returns the reason for a refusal, or "".
func (s *scanner) document() string {
	for {
		opened, reason := s.value()
		if reason != "" {
			return reason
		}
		if opened {
			continue // the next thing is the first element or member value
		}
		more, reason := s.afterValue()
		if reason != "" || !more {
			return reason
		}
	}
}

// value scans one scalar or an opening bracket. opened reports that a value must
// follow (inside a bracket just opened); an empty array or object is complete.
func (s *scanner) value() (opened bool, reason string) {
	s.space()
	if s.i >= len(s.p) {
		return false, unexpectedEnd
	}
	switch c := s.p[s.i]; {
	case c == '"':
		return false, s.str()
	case c == '{' || c == '[':
		return s.open(c)
	case c == '-' || c >= '0' && c <= '9':
		return false, s.number()
	case c == 't':
		return false, s.literal("true")
	case c == 'f':
		return false, s.literal("false")
	case c == 'n':
		return false, s.literal("null")
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return false, s.unknownToken()
	default:
		return false, s.unexpected("expected a valid value " + wantValue)
	}
}

func (s *scanner) open(c byte) (opened bool, reason string) {
	if s.depth >= MaxDepth {
		return false, fmt.Sprintf("Document nesting depth (%d) exceeds the maximum allowed (%d)", s.depth+1, MaxDepth)
	}
	s.i++
	s.space()
	if s.i < len(s.p) && s.p[s.i] == c+2 { // '{'+2 is '}', '['+2 is ']'
		s.i++
		return false, ""
	}
	s.depth++
	word, bit := &s.braces[s.depth/64], uint64(1)<<(s.depth%64)
	*word &^= bit
	if c == '{' {
		*word |= bit
		if reason = s.key(); reason != "" {
			return false, reason
		}
	}
	return true, ""
}

func (s *scanner) key() string {
	s.space()
	if s.i >= len(s.p) {
		return unexpectedEnd
	}
	if s.p[s.i] != '"' {
		return s.unexpected("was expecting double-quote to start field name")
	}
	if reason := s.str(); reason != "" {
		return reason
	}
	s.space()
	if s.i >= len(s.p) {
		return unexpectedEnd
	}
	if s.p[s.i] != ':' {
		return s.unexpected("was expecting a colon to separate field name and value")
	}
	s.i++
	return ""
}

// afterValue closes what ends here; more reports that another value follows.
func (s *scanner) afterValue() (more bool, reason string) {
	for {
		s.space()
		if s.depth == 0 {
			if s.i < len(s.p) {
				return false, s.unexpected("Expected end of input after the value")
			}
			return false, ""
		}
		if s.i >= len(s.p) {
			return false, unexpectedEnd
		}
		brace := s.braces[s.depth/64]>>(s.depth%64)&1 == 1
		closing := byte(']')
		if brace {
			closing = '}'
		}
		switch s.p[s.i] {
		case ',':
			s.i++
			if brace {
				return true, s.key()
			}
			return true, ""
		case closing:
			s.i++
			s.depth--
		default:
			return false, s.unexpected("was expecting comma to separate entries")
		}
	}
}

func (s *scanner) space() {
	for s.i < len(s.p) {
		switch s.p[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) literal(word string) string {
	if len(s.p)-s.i >= len(word) && string(s.p[s.i:s.i+len(word)]) == word {
		s.i += len(word)
		return ""
	}
	return s.unknownToken()
}

func (s *scanner) unknownToken() string {
	end := s.i
	for end < len(s.p) && end-s.i < 64 && (s.p[end]|0x20 >= 'a' && s.p[end]|0x20 <= 'z' || s.p[end] >= '0' && s.p[end] <= '9' || s.p[end] == '_') {
		end++
	}
	return fmt.Sprintf("Unrecognized token '%s': was expecting %s", string(s.p[s.i:end]), wantValue)
}

func (s *scanner) number() string {
	if s.p[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.p) && s.p[s.i] == '0' {
		s.i++
	} else if reason := s.digits(); reason != "" {
		return reason
	}
	if s.i < len(s.p) && s.p[s.i] == '.' {
		s.i++
		if reason := s.digits(); reason != "" {
			return reason
		}
	}
	if s.i < len(s.p) && s.p[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.p) && (s.p[s.i] == '+' || s.p[s.i] == '-') {
			s.i++
		}
		return s.digits()
	}
	return ""
}

func (s *scanner) digits() string {
	start := s.i
	for s.i < len(s.p) && s.p[s.i] >= '0' && s.p[s.i] <= '9' {
		s.i++
	}
	if s.i > start {
		return ""
	}
	if s.i >= len(s.p) {
		return unexpectedEnd
	}
	return s.unexpected("expected digit (0-9) in number")
}

// unexpected words the refusal of the byte at s.i.
func (s *scanner) unexpected(why string) string {
	c := s.p[s.i]
	if c >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(s.p[s.i:])
		if r == utf8.RuneError && size <= 1 {
			return fmt.Sprintf("Invalid UTF-8 start byte 0x%x", c)
		}
		return fmt.Sprintf("Unexpected character ('%c' (code %d / 0x%x)): %s", r, r, r, why)
	}
	if c < 0x20 {
		return fmt.Sprintf("Illegal character ((CTRL-CHAR, code %d)): only regular white space (\\r, \\n, \\t) is allowed between tokens", c)
	}
	return fmt.Sprintf("Unexpected character ('%c' (code %d)): %s", c, c, why)
}

// str scans a string from its opening to its closing quote.
func (s *scanner) str() string {
	s.i++
	for {
		s.i = plain(s.p, s.i)
		if s.i >= len(s.p) {
			return unexpectedEnd + ": was expecting closing quote for a string value"
		}
		switch c := s.p[s.i]; {
		case c == '"':
			s.i++
			return ""
		case c == '\\':
			if reason := s.escape(); reason != "" {
				return reason
			}
		case c < 0x20:
			return fmt.Sprintf("Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		default:
			r, size := utf8.DecodeRune(s.p[s.i:])
			if r == utf8.RuneError && size <= 1 {
				return fmt.Sprintf("Invalid UTF-8 start byte 0x%x", c)
			}
			s.i += size
		}
	}
}

func (s *scanner) escape() string {
	if s.i+1 >= len(s.p) {
		s.i = len(s.p)
		return unexpectedEnd + " in character escape sequence"
	}
	s.i++
	switch s.p[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return ""
	case 'u':
	default:
		return "Unrecognized character escape " + s.unexpected("was expecting an escape")
	}
	s.i++
	for range 4 {
		if s.i >= len(s.p) {
			return unexpectedEnd + " in character escape sequence"
		}
		c := s.p[s.i]
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return s.unexpected("expected a hex-digit for character escape sequence")
		}
		s.i++
	}
	return ""
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has the high bit set in the first byte of w that is a quote, a
// backslash, a control character or not ASCII. Bits above that byte may be set
// falsely (the subtractions borrow upwards), never below it.
func special(w uint64) uint64 {
	quote := (w ^ ones*'"') - ones
	slash := (w ^ ones*'\\') - ones
	control := w - ones*0x20
	return (w | quote | slash | control) & highs
}

// plain returns the index of the first byte at or after i that needs a look:
// a quote, a backslash, a control character or a byte that is not ASCII.
func plain(p []byte, i int) int {
	for i+32 <= len(p) {
		q := p[i : i+32 : i+32]
		if special(binary.LittleEndian.Uint64(q))|special(binary.LittleEndian.Uint64(q[8:]))|
			special(binary.LittleEndian.Uint64(q[16:]))|special(binary.LittleEndian.Uint64(q[24:])) != 0 {
			break
		}
		i += 32
	}
	for i+8 <= len(p) {
		if m := special(binary.LittleEndian.Uint64(p[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
		i += 8
	}
	for i < len(p) && p[i] >= 0x20 && p[i] < utf8.RuneSelf && p[i] != '"' && p[i] != '\\' {
		i++
	}
	return i
}
