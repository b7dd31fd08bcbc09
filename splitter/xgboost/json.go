package xgboost

import (
	"math"
)

// jsonStream is a strict JSON tokenizer, apart from the bare words NaN, Infinity and -Infinity, which XGBoost writes.
type jsonStream struct {
	input
	open  []byte // '{' and '[' that are open
	after bool   // a value has just ended: a comma or an end must follow
	colon bool   // a key has just ended
	text  []byte
}

func (s *jsonStream) next(t *token) error {
	c, err := s.separator()
	if err != nil {
		return err
	}
	inObject := len(s.open) > 0 && s.open[len(s.open)-1] == '{' && !s.colon
	switch {
	case c == '}' || c == ']':
		return s.close(t, c)
	case inObject && c != '"':
		return s.fail("wanted a key in quotes, found %q", c)
	case inObject:
		return s.key(t)
	}
	s.colon, s.after = false, true
	switch {
	case c == '{' || c == '[':
		if len(s.open) == maxDepth {
			return s.fail("more than %d levels of nesting", maxDepth)
		}
		s.at++
		s.open, s.after = append(s.open, c), false
		t.kind = objectStart
		if c == '[' {
			t.kind = arrayStart
		}
		return nil
	case c == '"':
		t.kind = stringToken
		s.text, err = s.string(s.text[:0])
		t.text = s.text
		return err
	case c == 't' || c == 'f' || c == 'n' || c == 'N' || c == 'I':
		return s.word(t)
	}
	return s.number(t)
}

// separator passes white space, commas and colons as the grammar wants them, and peeks at what follows.
func (s *jsonStream) separator() (byte, error) {
	c, err := s.space()
	if err != nil {
		return 0, err
	}
	if s.colon {
		if c != ':' {
			return 0, s.fail("wanted a colon after the key, found %q", c)
		}
		s.at++
		return s.space()
	}
	if !s.after || c == '}' || c == ']' {
		return c, nil
	}
	if c != ',' || len(s.open) == 0 {
		return 0, s.fail("wanted a comma or the end, found %q", c)
	}
	s.at++
	if c, err = s.space(); err == nil && (c == '}' || c == ']') {
		return 0, s.fail("a comma stands before %q", c)
	}
	return c, err
}

func (s *jsonStream) space() (byte, error) {
	for {
		c, err := s.peek()
		if err != nil || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, err
		}
		s.at++
	}
}

func (s *jsonStream) close(t *token, c byte) error {
	want := byte('}')
	t.kind = objectEnd
	if c == ']' {
		want, t.kind = ']', arrayEnd
	}
	if len(s.open) == 0 || s.open[len(s.open)-1]+2 != want || s.colon {
		return s.fail("found %q where nothing of the kind is open", c)
	}
	s.at++
	s.open, s.after = s.open[:len(s.open)-1], true
	return nil
}

func (s *jsonStream) key(t *token) (err error) {
	t.kind = keyToken
	s.text, err = s.string(s.text[:0])
	t.text, s.colon, s.after = s.text, true, false
	return err
}

// word reads true, false, null, NaN or Infinity.
func (s *jsonStream) word(t *token) error {
	first, err := s.peek()
	if err != nil {
		return err
	}
	word := bareWord(first)
	if word == "" {
		return s.fail("found %q where a value was wanted", first)
	}
	for i := range len(word) {
		c, err := s.byte()
		if err != nil {
			return err
		}
		if c != word[i] {
			return s.fail("found %q in the word %s", c, word)
		}
	}
	switch first {
	case 'N':
		t.kind, t.float = floatToken, float32(math.NaN())
	case 'I':
		t.kind, t.float = floatToken, float32(math.Inf(1))
	case 'n':
		t.kind = nullToken
	default:
		t.kind, t.bool = boolToken, first == 't'
	}
	return nil
}

func bareWord(first byte) string {
	switch first {
	case 't':
		return "true"
	case 'f':
		return "false"
	case 'n':
		return "null"
	case 'N':
		return "NaN"
	case 'I':
		return "Infinity"
	}
	return ""
}

func (s *jsonStream) skip(t *token) error {
	if t.kind != objectStart && t.kind != arrayStart {
		return nil
	}
	for depth := len(s.open); len(s.open) >= depth; {
		var inner token
		if t.kind == arrayStart && len(s.open) == depth {
			if err := s.skipPlain(); err != nil {
				return err
			}
		}
		if err := s.next(&inner); err != nil {
			return err
		}
	}
	return nil
}

// skipPlain passes over the numbers of an array that is skipped, without decoding them: it stops before the first byte that
// no number, comma or space has. What it passes over is not checked.
func (s *jsonStream) skipPlain() error {
	for {
		if err := s.fill(); err != nil {
			return err
		}
		for s.at < s.n {
			switch c := s.buf[s.at]; {
			case c >= '0' && c <= '9', c == ',', c == '.', c == '-', c == '+', c == 'E', c == 'e', c == ' ':
				s.at++
				s.after = c != ',' && (c != ' ' || s.after)
			default:
				return nil
			}
		}
	}
}
