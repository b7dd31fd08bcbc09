package tensor

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// A frame is a safetensors file in its canonical form: entries in descending order of element size, then by name; JSON
// without whitespace, padded by spaces to a multiple of 8, so that every tensor lies at a multiple of its element size. Equal
// values and metadata give equal bytes.
//
// A String tensor x is two entries, x.offsets (I64, one more than x has elements) and x.bytes (U8), and the metadata key
// string:x whose value is the shape, for example "2,3". Metadata keys that begin so are reserved.
const (
	frameAlign    = 8
	stringPrefix  = "string:"
	offsetsSuffix = ".offsets"
	bytesSuffix   = ".bytes"
)

// FramePlan is a frame that has been laid out and not written yet, so that its size is known before anything is copied. It
// refers to the tensors, which must not change until it has been written.
type FramePlan struct {
	header []byte
	parts  []framePart // in their order
	size   int
}

type framePart struct {
	entry Entry
	data  []byte
}

// Size is the number of bytes that Append appends.
func (p *FramePlan) Size() int { return p.size }

// Append appends the frame to dst, which it grows at most once, and returns the extended buffer. The data is aligned when
// dst's end is a multiple of 8 in memory.
func (p *FramePlan) Append(dst []byte) []byte {
	dst = append(slices.Grow(dst, p.size), p.header...)
	for i := range p.parts {
		dst = append(dst, p.parts[i].data...)
	}
	return dst
}

// AppendFrame appends the canonical frame of n and meta to dst and returns the extended buffer: PlanFrame and Append.
func AppendFrame(dst []byte, n Named, meta map[string]string) ([]byte, error) {
	p, err := PlanFrame(n, meta)
	if err != nil {
		return nil, err
	}
	return p.Append(dst), nil
}

// PlanFrame lays out the canonical frame of n and meta. What it allocates depends on the number of tensors, not of
// elements. It fails on nil tensors, names that are not UTF-8 or clash with a String tensor's parts, reserved metadata
// keys, and on what the default Limits refuse.
func PlanFrame(n Named, meta map[string]string) (*FramePlan, error) {
	p, err := planFrame(n, meta)
	if err != nil {
		return nil, fmt.Errorf("encode frame: %w", err)
	}
	return p, nil
}

func planFrame(n Named, meta map[string]string) (*FramePlan, error) {
	parts, meta, err := frameParts(n, meta)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(parts))
	at := 0
	for i := range parts {
		e := &parts[i].entry
		e.Begin, e.End = at, at+len(parts[i].data)
		at = e.End
		entries[i] = *e
	}
	header, err := AppendHeader(make([]byte, 0, headerGuess(entries, meta)), entries, meta, frameAlign)
	if err != nil {
		return nil, err
	}
	limits := Limits{}.withDefaults()
	if len(parts) > limits.Tensors || len(header)-8 > limits.Header {
		return nil, fmt.Errorf("%d tensors with a header of %d bytes exceed the limits of %d and %d",
			len(parts), len(header)-8, limits.Tensors, limits.Header)
	}
	return &FramePlan{header, parts, len(header) + at}, nil
}

// headerGuess is what a header without escapes takes, and a little more, so that it seldom grows while it is written.
func headerGuess(entries []Entry, meta map[string]string) int {
	size := 64 + 128*len(entries)
	for i := range entries {
		size += len(entries[i].Name)
	}
	for k, v := range meta {
		size += len(k) + len(v) + len(`"":"",`)
	}
	return size
}

func frameParts(n Named, meta map[string]string) ([]framePart, map[string]string, error) {
	for k := range meta {
		if strings.HasPrefix(k, stringPrefix) {
			return nil, nil, fmt.Errorf("metadata key %q is reserved for string tensors", k)
		}
	}
	parts := make([]framePart, 0, len(n))
	copied := false
	for name, t := range n {
		if t == nil || t.dtype == Invalid {
			return nil, nil, fmt.Errorf("tensor %q is nil or has no dtype", name)
		}
		if r := len(t.shape); r > (Limits{}).withDefaults().Rank {
			return nil, nil, fmt.Errorf("tensor %q has %d dimensions", name, r)
		}
		if t.dtype != String {
			parts = append(parts, framePart{Entry{Name: name, DType: t.dtype, Shape: t.shape}, t.data})
			continue
		}
		if err := clash(n, name); err != nil {
			return nil, nil, err
		}
		if !copied {
			meta, copied = withRoom(meta), true
		}
		meta[stringPrefix+name] = shapeText(t.shape)
		parts = append(parts,
			framePart{Entry{Name: name + offsetsSuffix, DType: I64, Shape: Shape{t.n + 1}}, int64Bytes(t.offsets)},
			framePart{Entry{Name: name + bytesSuffix, DType: U8, Shape: Shape{len(t.data)}}, t.data})
	}
	slices.SortFunc(parts, func(a, b framePart) int {
		if d := b.entry.DType.Size() - a.entry.DType.Size(); d != 0 {
			return d
		}
		return strings.Compare(a.entry.Name, b.entry.Name)
	})
	return parts, meta, nil
}

// clash refuses a tensor beside a String tensor that has the name of one of the latter's parts.
func clash(n Named, name string) error {
	for _, part := range []string{name + offsetsSuffix, name + bytesSuffix} {
		if _, ok := n[part]; ok {
			return fmt.Errorf("tensor %q clashes with a part of string tensor %q: rename one", part, name)
		}
	}
	return nil
}

func withRoom(meta map[string]string) map[string]string {
	c := make(map[string]string, len(meta)+1)
	for k, v := range meta {
		c[k] = v
	}
	return c
}

func int64Bytes(v []int64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*8)
}

func shapeText(s Shape) string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = strconv.Itoa(d)
	}
	return strings.Join(parts, ",")
}

func parseShapeText(text string, limit int) (Shape, error) {
	if text == "" {
		return Shape{}, nil
	}
	fields := strings.SplitN(text, ",", limit+1)
	if len(fields) > limit {
		return nil, fmt.Errorf("shape has more than %d dimensions", limit)
	}
	shape := make(Shape, len(fields))
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 10, 63)
		if err != nil || strconv.FormatUint(v, 10) != f {
			return nil, fmt.Errorf("shape %q is not a list of dimensions", text)
		}
		shape[i] = int(v)
	}
	return shape, nil
}

var errNotString = errors.New("the metadata describes a string tensor whose offsets (I64) or bytes (U8) are missing or misshapen")

// ParseFrame reads a frame. Tensors alias buf, which the caller must leave unchanged as long as they live; they are
// aligned when buf starts at a multiple of 8 (see Aligned) and the frame is canonical. Any valid order of entries is
// accepted. Refused are holes, overlaps, trailing bytes, duplicate keys, sizes that do not add up, Bool bytes above 1,
// names that are not UTF-8, string offsets that fall, and what exceeds limits. The metadata excludes the keys of string
// tensors and is nil when nothing else is there.
func ParseFrame(buf []byte, limits Limits) (Named, map[string]string, error) {
	n, meta, err := parseFrame(buf, limits.withDefaults())
	if err != nil {
		return nil, nil, fmt.Errorf("decode frame: %w", err)
	}
	return n, meta, nil
}

func parseFrame(buf []byte, limits Limits) (Named, map[string]string, error) {
	at, err := HeaderSize(buf, len(buf), limits)
	if err != nil {
		return nil, nil, err
	}
	data := buf[at:]
	entries, meta, err := ParseHeader(buf[8:at], len(data), limits)
	if err != nil {
		return nil, nil, err
	}
	n := make(Named, len(entries))
	for i := range entries {
		e := &entries[i]
		t := &Tensor{dtype: e.DType, shape: e.Shape, data: data[e.Begin:e.End:e.End]}
		t.n = len(t.data) / e.DType.Size()
		if err := t.Validate(); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", e.Name, err)
		}
		n[e.Name] = t
	}
	if err := joinStrings(n, meta, limits.Rank); err != nil {
		return nil, nil, err
	}
	if len(meta) == 0 {
		meta = nil
	}
	return n, meta, nil
}

// joinStrings puts the String tensors together and removes their keys from meta.
func joinStrings(n Named, meta map[string]string, rank int) error {
	var joined []string
	for k, v := range meta {
		name, ok := strings.CutPrefix(k, stringPrefix)
		if !ok {
			continue
		}
		if err := joinString(n, name, v, rank); err != nil {
			return fmt.Errorf("string tensor %q: %w", name, err)
		}
		delete(meta, k)
		joined = append(joined, name)
	}
	// A part that is itself a String tensor would make the result depend on the order above.
	for _, name := range joined {
		if err := clash(n, name); err != nil {
			return err
		}
	}
	return nil
}

// joinString replaces the two parts of a String tensor by the tensor.
func joinString(n Named, name, text string, rank int) error {
	offsets, data := n[name+offsetsSuffix], n[name+bytesSuffix]
	if offsets == nil || data == nil || offsets.dtype != I64 || data.dtype != U8 ||
		len(offsets.shape) != 1 || len(data.shape) != 1 {
		return errNotString
	}
	shape, err := parseShapeText(text, rank)
	if err != nil {
		return err
	}
	t, err := StringsFromBytes(shape, Of[int64](offsets), data.data)
	if err != nil {
		return err
	}
	if _, dup := n[name]; dup {
		return fmt.Errorf("a tensor of the same name stands beside it")
	}
	delete(n, name+offsetsSuffix)
	delete(n, name+bytesSuffix)
	n[name] = t
	return nil
}

func aligned(b []byte) bool { return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%frameAlign == 0 }
