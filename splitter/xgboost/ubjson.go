package xgboost

import (
	"encoding/binary"
	"math"
)

// container is an open object or array of a UBJSON document.
type container struct {
	object  bool
	counted bool
	left    int64 // counted: elements to come
	marker  byte  // type of all elements, 0 when each has its own
}

// ubjStream is a tokenizer for the part of UBJSON that XGBoost writes and reads, in its big-endian form.
type ubjStream struct {
	input
	open  []container
	value bool // a key has just been read
	text  []byte
	word  [8]byte
}

func (s *ubjStream) next(t *token) error {
	if len(s.open) == 0 || s.value {
		s.value = false
		return s.marked(t)
	}
	top := &s.open[len(s.open)-1]
	if top.counted {
		if top.left == 0 {
			return s.close(t, top)
		}
		top.left--
		if top.marker != 0 {
			return s.number(t, top.marker)
		}
		return s.marked(t)
	}
	c, err := s.peek()
	if err != nil {
		return err
	}
	if top.object && c == '}' || !top.object && c == ']' {
		s.at++
		return s.close(t, top)
	}
	if !top.object {
		return s.marked(t)
	}
	s.value, t.kind = true, keyToken
	t.text, err = s.string()
	return err
}

func (s *ubjStream) close(t *token, top *container) error {
	t.kind = arrayEnd
	if top.object {
		t.kind = objectEnd
	}
	s.open = s.open[:len(s.open)-1]
	return nil
}

// marked reads a value that begins with its type marker.
func (s *ubjStream) marked(t *token) (err error) {
	m, err := s.byte()
	if err != nil {
		return err
	}
	switch m {
	case '{', '[':
		return s.start(t, m)
	case 'S':
		t.kind = stringToken
		t.text, err = s.string()
		return err
	case 'Z':
		t.kind = nullToken
		return nil
	case 'T', 'F':
		t.kind, t.bool = boolToken, m == 'T'
		return nil
	case 'C':
		m = 'i'
	}
	return s.number(t, m)
}

func (s *ubjStream) start(t *token, m byte) error {
	if len(s.open) == maxDepth {
		return s.fail("more than %d levels of nesting", maxDepth)
	}
	c := container{object: m == '{'}
	t.kind = objectStart
	if m == '[' {
		t.kind = arrayStart
		if err := s.header(&c); err != nil {
			return err
		}
	}
	s.open = append(s.open, c)
	return nil
}

// header reads an array's common type and count, where it has them, and checks the count against the rest of the input.
func (s *ubjStream) header(c *container) error {
	b, err := s.peek()
	if err != nil {
		return err
	}
	width := int64(1)
	if b == '$' {
		s.at++
		if c.marker, err = s.byte(); err != nil {
			return err
		}
		if width = markerWidth(c.marker); width == 0 {
			return s.fail("arrays of type %q are not read", c.marker)
		}
		if b, err = s.peek(); err != nil {
			return err
		}
		if b != '#' {
			return s.fail("wanted the count of a typed array, found %q", b)
		}
	}
	if b != '#' {
		return nil
	}
	s.at++
	c.counted = true
	c.left, err = s.length(width)
	return err
}

// length reads a count of things that take at least width bytes each.
func (s *ubjStream) length(width int64) (int64, error) {
	m, err := s.byte()
	if err != nil {
		return 0, err
	}
	var t token
	if err := s.number(&t, m); err != nil {
		return 0, err
	}
	if t.kind != intToken || t.int < 0 || t.int > s.remaining()/width {
		return 0, s.fail("a length of %d is announced where %d bytes are left", t.int, s.remaining())
	}
	return t.int, nil
}

// string reads a length and so many bytes.
func (s *ubjStream) string() ([]byte, error) {
	n, err := s.length(1)
	if err != nil {
		return nil, err
	}
	if n > maxText {
		return nil, s.fail("a string is longer than %d bytes", maxText)
	}
	s.text, err = s.take(s.text[:0], int(n))
	return s.text, err
}

func markerWidth(m byte) int64 {
	switch m {
	case 'i', 'U':
		return 1
	case 'I':
		return 2
	case 'l', 'd':
		return 4
	case 'L', 'D':
		return 8
	}
	return 0
}

// number reads the big-endian number that marker m announces.
func (s *ubjStream) number(t *token, m byte) error {
	width := int(markerWidth(m))
	if width == 0 {
		return s.fail("marker %q is not one that is read", m)
	}
	b := s.word[:width]
	if s.n-s.at >= width {
		b = s.buf[s.at : s.at+width]
		s.at += width
	} else if _, err := s.take(s.word[:0], width); err != nil {
		return err
	}
	t.kind = intToken
	switch m {
	case 'i':
		t.int = int64(int8(b[0]))
	case 'U':
		t.int = int64(b[0])
	case 'I':
		t.int = int64(int16(binary.BigEndian.Uint16(b)))
	case 'l':
		t.int = int64(int32(binary.BigEndian.Uint32(b)))
	case 'L':
		t.int = int64(binary.BigEndian.Uint64(b))
	case 'd':
		t.kind, t.float = floatToken, math.Float32frombits(binary.BigEndian.Uint32(b))
	case 'D':
		t.kind, t.float = floatToken, float32(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	return nil
}

func (s *ubjStream) skip(t *token) error {
	if t.kind != objectStart && t.kind != arrayStart {
		return nil
	}
	for depth := len(s.open); len(s.open) >= depth; {
		if top := &s.open[len(s.open)-1]; top.marker != 0 {
			if err := s.discard(top.left * markerWidth(top.marker)); err != nil {
				return err
			}
			top.left = 0
		}
		var inner token
		if err := s.next(&inner); err != nil {
			return err
		}
	}
	return nil
}
