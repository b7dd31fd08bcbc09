package onnx

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// windowBytes is how much of a file is held at a time: large enough that a run of small nodes is few reads.
	windowBytes = 64 << 10
	// maxText bounds one string (name, operator, text attribute): far beyond real ones, far below memory.
	maxText = 16 << 20
	// maxItems bounds nodes, values, attributes and tensors together, so that a file of empty messages cannot take
	// a hundred times its size in memory. The largest real models have some tens of thousands.
	maxItems = 1 << 22
	// maxDepth bounds graphs inside attributes of nodes of graphs.
	maxDepth = 32
)

// span is a range of the file.
type span struct{ off, end int64 }

func (s span) len() int64 { return s.end - s.off }

// field is one protobuf field: number holds varints and fixed numbers, body a length-delimited value.
type field struct {
	num    protowire.Number
	typ    protowire.Type
	off    int64 // of the tag
	number uint64
	body   span
}

// cursor reads a file through a window. A view that it returns is valid until the next call.
type cursor struct {
	r      io.ReaderAt
	size   int64
	window []byte
	base   int64
	items  int
	texts  map[string]string // that were read, so that a name takes memory once; nil to keep none
}

// view returns the n bytes at off, which the caller has checked to lie inside the file.
func (c *cursor) view(off int64, n int) ([]byte, error) {
	if off >= c.base && off+int64(n) <= c.base+int64(len(c.window)) {
		return c.window[off-c.base:][:n], nil
	}
	want := min(max(int64(n), windowBytes), c.size-off)
	if want < int64(n) {
		return nil, &FormatError{Offset: off, Field: "file", Reason: fmt.Sprintf("%d bytes wanted, the file ends at %d", n, c.size)}
	}
	if int64(cap(c.window)) < want {
		c.window = make([]byte, want)
	}
	c.window, c.base = c.window[:want], off
	got, err := c.r.ReadAt(c.window, off)
	if int64(got) < want {
		c.window = c.window[:0]
		if err == nil || errors.Is(err, io.EOF) {
			return nil, &FormatError{Offset: off + int64(got), Field: "file", Reason: "the file ends early: it was cut off or is still being written"}
		}
		return nil, fmt.Errorf("onnx: read at byte %d: %w", off, err)
	}
	return c.window[:n], nil
}

// each calls fn for every field of the message in s, in order.
func (c *cursor) each(s span, name string, fn func(f field) error) error {
	for s.off < s.end {
		f, next, err := c.field(s, name)
		if err != nil {
			return err
		}
		if err := fn(f); err != nil {
			return err
		}
		s.off = next
	}
	return nil
}

// field reads the field at s.off and returns where the next one begins.
func (c *cursor) field(s span, name string) (field, int64, error) {
	bad := func(reason string) (field, int64, error) {
		return field{}, 0, &FormatError{Offset: s.off, Field: name, Reason: reason}
	}
	// A tag and a varint take at most 10 bytes each.
	head, err := c.view(s.off, int(min(20, s.len())))
	if err != nil {
		return field{}, 0, err
	}
	num, typ, n := protowire.ConsumeTag(head)
	if n < 0 {
		return bad("not a protobuf field tag")
	}
	f := field{num: num, typ: typ, off: s.off}
	rest, at := head[n:], s.off+int64(n)
	var m int
	switch typ {
	case protowire.VarintType:
		f.number, m = protowire.ConsumeVarint(rest)
	case protowire.Fixed32Type:
		var v uint32
		v, m = protowire.ConsumeFixed32(rest)
		f.number = uint64(v)
	case protowire.Fixed64Type:
		f.number, m = protowire.ConsumeFixed64(rest)
	case protowire.BytesType:
		f.number, m = protowire.ConsumeVarint(rest)
		if m >= 0 && f.number > uint64(s.end-at-int64(m)) {
			return bad(fmt.Sprintf("field %d claims %d bytes, %d remain", num, f.number, s.end-at-int64(m)))
		}
		f.body = span{at + int64(m), at + int64(m) + int64(f.number)}
		if m >= 0 {
			return f, f.body.end, nil
		}
	default:
		return bad(fmt.Sprintf("field %d has wire type %d, which ONNX does not use", num, typ))
	}
	if m < 0 {
		return bad(fmt.Sprintf("the number of field %d is cut off or too long", num))
	}
	return f, at + int64(m), nil
}

// want fails unless the field has the wire type.
func (f field) want(typ protowire.Type, name string) error {
	if f.typ != typ {
		return &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("wire type %d, wanted %d", f.typ, typ)}
	}
	return nil
}

// text reads a string field. Invalid UTF-8 is refused, as protobuf does.
func (c *cursor) text(f field, name string) (string, error) {
	b, err := c.bytes(f, name)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", &FormatError{Offset: f.off, Field: name, Reason: "text that is not valid UTF-8"}
	}
	return c.keep(b), nil
}

// maxKept is how long a text may be to be looked for among those that were read.
const maxKept = 128

// keep makes a string of b, the one that was made before where there is one: most names stand in several nodes.
func (c *cursor) keep(b []byte) string {
	if c.texts == nil || len(b) > maxKept {
		return string(b)
	}
	s, ok := c.texts[string(b)]
	if !ok {
		s = string(b)
		c.texts[s] = s
	}
	return s
}

// bytes reads a short bytes field; the view is valid until the next call.
func (c *cursor) bytes(f field, name string) ([]byte, error) {
	if err := f.want(protowire.BytesType, name); err != nil {
		return nil, err
	}
	if f.body.len() > maxText {
		return nil, &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("%d bytes, at most %d are accepted", f.body.len(), maxText)}
	}
	return c.view(f.body.off, int(f.body.len()))
}

// item counts one more message against maxItems.
func (c *cursor) item(f field, name string) error {
	c.items++
	if c.items > maxItems {
		return &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("more than %d nodes, values and tensors", maxItems)}
	}
	return f.want(protowire.BytesType, name)
}

// numbers reads a repeated numeric field in either form: one number, or packed numbers of wire type typ.
func (c *cursor) numbers(f field, typ protowire.Type, name string, add func(uint64) error) error {
	if f.typ == typ {
		return add(f.number)
	}
	if err := f.want(protowire.BytesType, name); err != nil {
		return err
	}
	for at := f.body.off; at < f.body.end; {
		head, err := c.view(at, int(min(10, f.body.end-at)))
		if err != nil {
			return err
		}
		var v uint64
		n := -1
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(head)
		case protowire.Fixed32Type:
			var w uint32
			w, n = protowire.ConsumeFixed32(head)
			v = uint64(w)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(head)
		}
		if n < 0 {
			return &FormatError{Offset: at, Field: name, Reason: "a packed number is cut off or too long"}
		}
		if err := add(v); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
