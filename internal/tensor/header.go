package tensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// MetadataKey is the header key of the string-to-string metadata; no tensor may have it as its name.
const MetadataKey = "__metadata__"

// Limits bounds what a safetensors header may ask for. A zero field means its default.
type Limits struct {
	Header  int // bytes of the JSON header; default 1 MiB (the format's own limit is 100,000,000)
	Tensors int // entries; default 4096
	Rank    int // dimensions of one tensor; default 32
}

func (l Limits) withDefaults() Limits {
	if l.Header == 0 {
		l.Header = 1 << 20
	}
	if l.Tensors == 0 {
		l.Tensors = 4096
	}
	if l.Rank == 0 {
		l.Rank = 32
	}
	return l
}

// Entry is one tensor of a safetensors header: bytes [Begin, End) of the data section. DType is never String, which
// is not the format's.
type Entry struct {
	Name       string
	DType      DType
	Shape      Shape
	Begin, End int
}

// AppendHeader appends a safetensors header (length, JSON without whitespace, padding by spaces) to dst, such that its
// size is a multiple of align, a positive multiple of 8. Entries appear in the given order, metadata first with its keys
// ascending. It checks names and sizes but not that the entries tile the data section.
func AppendHeader(dst []byte, entries []Entry, meta map[string]string, align int) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, '{')
	if len(meta) > 0 {
		var err error
		if dst, err = appendMetadata(dst, meta); err != nil {
			return nil, err
		}
	}
	for i := range entries {
		e := &entries[i]
		if err := e.check(); err != nil {
			return nil, err
		}
		if i > 0 || len(meta) > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendJSON(dst)
	}
	dst = append(dst, '}')
	for (len(dst)-start)%align != 0 {
		dst = append(dst, ' ')
	}
	binary.LittleEndian.PutUint64(dst[start:], uint64(len(dst)-start-8))
	return dst, nil
}

func appendMetadata(dst []byte, meta map[string]string) ([]byte, error) {
	dst = append(dst, `"`+MetadataKey+`":{`...)
	for i, k := range slices.Sorted(maps.Keys(meta)) {
		if !utf8.ValidString(k) || !utf8.ValidString(meta[k]) {
			return nil, fmt.Errorf("metadata %q is not valid UTF-8", k)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, k)
		dst = append(dst, ':')
		dst = appendQuoted(dst, meta[k])
	}
	return append(dst, '}'), nil
}

func (e *Entry) appendJSON(dst []byte) []byte {
	dst = appendQuoted(dst, e.Name)
	dst = append(dst, `:{"dtype":"`...)
	dst = append(dst, e.DType.String()...)
	dst = append(dst, `","shape":[`...)
	for i, d := range e.Shape {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(d), 10)
	}
	dst = append(dst, `],"data_offsets":[`...)
	dst = strconv.AppendInt(dst, int64(e.Begin), 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(e.End), 10)
	return append(dst, `]}`...)
}

// check compares an entry's name, dtype, shape and extent with one another.
func (e *Entry) check() error {
	switch {
	case !utf8.ValidString(e.Name):
		return fmt.Errorf("tensor name %q is not valid UTF-8", e.Name)
	case e.Name == MetadataKey:
		return fmt.Errorf("no tensor may be named %s", MetadataKey)
	case e.DType.Size() == 0:
		return fmt.Errorf("tensor %q: dtype %s is not one of safetensors", e.Name, e.DType)
	case e.Begin < 0 || e.End < e.Begin:
		return fmt.Errorf("tensor %q: data offsets %d to %d fall", e.Name, e.Begin, e.End)
	}
	n, err := e.Shape.Elements()
	if err != nil {
		return fmt.Errorf("tensor %q: %w", e.Name, err)
	}
	if have := e.End - e.Begin; have%e.DType.Size() != 0 || have/e.DType.Size() != n {
		return fmt.Errorf("tensor %q: %s%v needs %d elements of %d bytes, found %d bytes",
			e.Name, e.DType, e.Shape, n, e.DType.Size(), have)
	}
	return nil
}

// HeaderSize reads the length prefix of a safetensors file and returns the size of prefix plus JSON, which is where the
// data begins. It needs the first 8 bytes, and the total number of bytes to check against.
func HeaderSize(prefix []byte, total int, limits Limits) (int, error) {
	if len(prefix) < 8 || total < 8 {
		return 0, fmt.Errorf("%d bytes are too few for the 8 bytes of the header's length", min(len(prefix), total))
	}
	n := binary.LittleEndian.Uint64(prefix)
	if l := limits.withDefaults().Header; n > uint64(l) {
		return 0, fmt.Errorf("the header claims %d bytes, more than the limit of %d", n, l)
	}
	if n > uint64(total-8) {
		return 0, fmt.Errorf("the header claims %d bytes, of which only %d are there: truncated", n, total-8)
	}
	return int(n) + 8, nil
}

// ParseHeader reads the JSON of a safetensors header (without its 8-byte length) whose data section has dataBytes
// bytes. Entries come in ascending order of their data and tile the section exactly: holes, overlaps and trailing
// bytes are errors, as are duplicate keys, unknown fields and anything that does not add up. The metadata is nil when the
// header has none. Nothing aliases the header. Memory is bounded by a small multiple of len(header).
func ParseHeader(header []byte, dataBytes int, limits Limits) ([]Entry, map[string]string, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, errors.New("header does not begin with {")
	}
	p := headerParser{scanner: scanner{buf: header}, limits: limits.withDefaults(), seen: map[string]struct{}{}}
	if err := p.object(p.member); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	p.space()
	if p.pos != len(header) {
		return nil, nil, fmt.Errorf("header: %w", p.fail("nothing after the closing brace"))
	}
	if err := tile(p.entries, dataBytes); err != nil {
		return nil, nil, err
	}
	return p.entries, p.meta, nil
}

// tile sorts the entries by their data and checks that they cover it exactly.
func tile(entries []Entry, dataBytes int) error {
	slices.SortFunc(entries, func(a, b Entry) int {
		if a.Begin != b.Begin {
			return a.Begin - b.Begin
		}
		if a.End != b.End {
			return a.End - b.End
		}
		// Empty tensors may share a place.
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	end := 0
	for i := range entries {
		e := &entries[i]
		if e.Begin != end {
			return fmt.Errorf("tensor %q begins at data byte %d where %d is due: a hole or an overlap", e.Name, e.Begin, end)
		}
		end = e.End
	}
	if end != dataBytes {
		return fmt.Errorf("the header describes %d data bytes, found %d: truncated, or trailing bytes", end, dataBytes)
	}
	return nil
}

type headerParser struct {
	scanner
	limits  Limits
	seen    map[string]struct{}
	entries []Entry
	meta    map[string]string
}

func (p *headerParser) member(key string) error {
	if _, dup := p.seen[key]; dup {
		return fmt.Errorf("key %q appears twice", key)
	}
	p.seen[key] = struct{}{}
	if key == MetadataKey {
		p.meta = map[string]string{}
		return p.object(p.metaMember)
	}
	if len(p.entries) == p.limits.Tensors {
		return fmt.Errorf("more than %d tensors", p.limits.Tensors)
	}
	e, err := p.entry(key)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", key, err)
	}
	if err := e.check(); err != nil {
		return err
	}
	p.entries = append(p.entries, e)
	return nil
}

func (p *headerParser) metaMember(key string) error {
	if _, dup := p.meta[key]; dup {
		return fmt.Errorf("metadata key %q appears twice", key)
	}
	v, err := p.str()
	if err != nil {
		return fmt.Errorf("metadata %q: %w", key, err)
	}
	p.meta[key] = v
	return nil
}

// The fields of an entry, as bits of those seen.
const (
	fieldDType = 1 << iota
	fieldShape
	fieldOffsets
	allFields = fieldDType | fieldShape | fieldOffsets
)

func (p *headerParser) entry(name string) (Entry, error) {
	e, seen := Entry{Name: name}, 0
	mark := func(field int, key string) error {
		if seen&field != 0 {
			return fmt.Errorf("field %s appears twice", key)
		}
		seen |= field
		return nil
	}
	err := p.object(func(key string) (err error) {
		switch key {
		case "dtype":
			if err = mark(fieldDType, key); err == nil {
				err = p.dtype(&e)
			}
		case "shape":
			if err = mark(fieldShape, key); err == nil {
				e.Shape, err = p.dims(p.limits.Rank)
			}
		case "data_offsets":
			if err = mark(fieldOffsets, key); err == nil {
				err = p.offsets(&e)
			}
		default:
			err = fmt.Errorf("field %q is unknown", key)
		}
		return err
	})
	if err == nil && seen != allFields {
		err = errors.New("dtype, shape and data_offsets are all needed")
	}
	return e, err
}

func (p *headerParser) dtype(e *Entry) error {
	name, err := p.str()
	if err != nil {
		return err
	}
	e.DType, err = ParseDType(name)
	return err
}

func (p *headerParser) dims(limit int) (Shape, error) {
	shape := Shape{}
	if err := p.expect('['); err != nil {
		return nil, err
	}
	err := p.list(']', func() error {
		if len(shape) == limit {
			return fmt.Errorf("more than %d numbers in a list", limit)
		}
		d, err := p.uint()
		shape = append(shape, d)
		return err
	})
	return shape, err
}

func (p *headerParser) offsets(e *Entry) error {
	pair, err := p.dims(2)
	if err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("data_offsets has %d numbers, not 2", len(pair))
	}
	e.Begin, e.End = pair[0], pair[1]
	return nil
}
