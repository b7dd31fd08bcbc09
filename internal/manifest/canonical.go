package manifest

import (
	"fmt"
	"slices"
)

// maxDepth is how deep JSON may nest: a manifest needs 9 levels, the rest is room for later formats.
const maxDepth = 32

// SyntaxError says where and why bytes are not strict JSON: RFC 8259 with unique keys, valid Unicode and numbers that
// a float64 holds (RFC 7493, which RFC 8785 builds on).
type SyntaxError struct {
	Offset int // byte offset of the fault
	Reason string
}

// Error names the offset and the reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not strict json at byte %d: %s", e.Offset, e.Reason)
}

// canonicalise rewrites one JSON text in the canonical form of RFC 8785: no whitespace, object members ordered by the
// UTF-16 code units of their names, numbers as ECMAScript writes them, only necessary escapes. It refuses, with a
// *SyntaxError, duplicate names, lone surrogates, invalid UTF-8, integers that a float64 cannot hold, trailing data
// and nesting beyond maxDepth.
func canonicalise(data []byte) ([]byte, error) {
	c := &canoniser{in: data, out: make([]byte, 0, len(data))}
	if err := c.value(0); err != nil {
		return nil, err
	}
	c.space()
	if c.pos < len(c.in) {
		return nil, c.fail("data after the end of the document")
	}
	return c.out, nil
}

// canoniser reads in from pos on and appends the canonical form to out.
type canoniser struct {
	in  []byte
	pos int
	out []byte
}

func (c *canoniser) fail(format string, args ...any) error {
	return &SyntaxError{Offset: c.pos, Reason: fmt.Sprintf(format, args...)}
}

func (c *canoniser) space() {
	for c.pos < len(c.in) {
		switch c.in[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return
		}
	}
}

// peek skips whitespace and returns the next byte, 0 at the end (a literal 0 byte is no JSON either).
func (c *canoniser) peek() byte {
	c.space()
	if c.pos == len(c.in) {
		return 0
	}
	return c.in[c.pos]
}

func (c *canoniser) value(depth int) error {
	if depth > maxDepth {
		return c.fail("nested deeper than %d levels", maxDepth)
	}
	switch b := c.peek(); {
	case b == '{':
		return c.object(depth)
	case b == '[':
		return c.array(depth)
	case b == '"':
		text, err := c.text()
		if err != nil {
			return err
		}
		c.out = appendText(c.out, text)
		return nil
	case b == '-' || '0' <= b && b <= '9':
		return c.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if end := c.pos + len(word); end <= len(c.in) && string(c.in[c.pos:end]) == word {
			c.out = append(c.out, word...)
			c.pos = end
			return nil
		}
	}
	if c.pos == len(c.in) {
		return c.fail("the text ends where a value was wanted")
	}
	return c.fail("a value was wanted, found %q", c.in[c.pos])
}

func (c *canoniser) array(depth int) error {
	c.pos++
	c.out = append(c.out, '[')
	for first := true; ; first = false {
		b := c.peek()
		if b == ']' && first {
			break
		}
		if err := c.value(depth + 1); err != nil {
			return err
		}
		if b = c.peek(); b == ']' {
			break
		}
		if b != ',' {
			return c.fail("a comma or the end of the array was wanted")
		}
		c.pos++
		c.out = append(c.out, ',')
	}
	c.pos++
	c.out = append(c.out, ']')
	return nil
}

// member is one written object member: its name and where its text lies in out, without commas.
type member struct {
	name       string
	start, end int
}

func (c *canoniser) object(depth int) error {
	c.pos++
	c.out = append(c.out, '{')
	body := len(c.out)
	var members []member
	for first := true; ; first = false {
		b := c.peek()
		if b == '}' && first {
			break
		}
		m, err := c.member(b, depth)
		if err != nil {
			return err
		}
		members = append(members, m)
		if b = c.peek(); b == '}' {
			break
		}
		if b != ',' {
			return c.fail("a comma or the end of the object was wanted")
		}
		c.pos++
		c.out = append(c.out, ',')
	}
	if err := c.order(body, members); err != nil {
		return err
	}
	c.pos++
	c.out = append(c.out, '}')
	return nil
}

func (c *canoniser) member(next byte, depth int) (member, error) {
	if next != '"' {
		return member{}, c.fail("a member name in quotes was wanted")
	}
	name, err := c.text()
	if err != nil {
		return member{}, err
	}
	m := member{name: name, start: len(c.out)}
	c.out = appendText(c.out, name)
	if c.peek() != ':' {
		return member{}, c.fail("a colon was wanted after member name %.40q", name)
	}
	c.pos++
	c.out = append(c.out, ':')
	err = c.value(depth + 1)
	m.end = len(c.out)
	return m, err
}

// order sorts the members that out holds from body on and refuses duplicate names.
func (c *canoniser) order(body int, members []member) error {
	compare := func(a, b member) int { return compareUTF16(a.name, b.name) }
	if !slices.IsSortedFunc(members, compare) {
		slices.SortStableFunc(members, compare)
		written := slices.Clone(c.out[body:])
		c.out = c.out[:body]
		for i, m := range members {
			if i > 0 {
				c.out = append(c.out, ',')
			}
			c.out = append(c.out, written[m.start-body:m.end-body]...)
		}
	}
	for i := 1; i < len(members); i++ {
		if members[i].name == members[i-1].name {
			return c.fail("member %.40q stands twice in one object", members[i].name)
		}
	}
	return nil
}

// compareUTF16 orders two strings of valid UTF-8 by their UTF-16 code units. That is the order of the bytes, except
// where a rune beyond the basic plane (first byte 0xf0 or more), whose first unit is a surrogate, meets one from U+E000
// to U+FFFF (first byte 0xee or 0xef).
func compareUTF16(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		switch {
		case x == y:
			continue
		case x >= 0xf0 && (y == 0xee || y == 0xef):
			return -1
		case y >= 0xf0 && (x == 0xee || x == 0xef):
			return 1
		}
		return int(x) - int(y)
	}
	return len(a) - len(b)
}
