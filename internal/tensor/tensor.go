package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unsafe"
)

// Shape is the extent of each dimension. A nil or empty Shape is a scalar (one element).
type Shape []int

// Elements is the product of the dimensions. It fails on a negative dimension or when the product exceeds the int range.
func (s Shape) Elements() (int, error) {
	n := 1
	for _, d := range s {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", s.Clone()) // so that s may live on the caller's stack
		}
		if d != 0 && n > math.MaxInt/d {
			// A zero further on makes the product zero, however large the rest is.
			for _, e := range s {
				if e == 0 {
					return 0, nil
				}
			}
			return 0, fmt.Errorf("shape %v has more elements than an int can count", s.Clone())
		}
		n *= d
	}
	return n, nil
}

// String writes the shape as [2, 3].
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = strconv.Itoa(d)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Equal reports whether both shapes have the same dimensions.
func (s Shape) Equal(o Shape) bool {
	if len(s) != len(o) {
		return false
	}
	for i := range s {
		if s[i] != o[i] {
			return false
		}
	}
	return true
}

// Clone returns a copy that shares nothing with s.
func (s Shape) Clone() Shape { return append(Shape(nil), s...) }

// Tensor is a dense row-major tensor: dtype, shape and a view of the bytes. A String tensor has offsets beside its
// bytes: element i is data[offsets[i]:offsets[i+1]]. A Tensor is immutable by convention once it is shared; whoever
// made the buffer may write through Of before that. It is safe for concurrent reading.
type Tensor struct {
	dtype   DType
	shape   Shape
	n       int
	data    []byte
	offsets []int64
	items   []*Tensor // of a Sequence
}

// New makes a tensor of zeros with a fresh buffer, aligned to 8 bytes. The dtype must not be String.
// It panics on a shape that Elements refuses: callers validate first.
func New(d DType, shape ...int) *Tensor {
	n, err := Shape(shape).Elements()
	if err != nil || d.Size() == 0 || n > math.MaxInt/d.Size()-8 {
		panic("tensor: New wants a fixed-size dtype and a valid shape")
	}
	return &Tensor{dtype: d, shape: Shape(shape).Clone(), n: n, data: Aligned(n * d.Size())}
}

// Aligned returns a zeroed buffer of n bytes whose first byte lies at a multiple of 8, whatever n is.
func Aligned(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)[:n:n]
}

// FromBytes views data as a tensor. It fails unless len(data) is exactly elements times element size.
// The tensor aliases data.
func FromBytes(d DType, shape Shape, data []byte) (*Tensor, error) {
	if d.Size() == 0 {
		return nil, fmt.Errorf("a tensor of dtype %s cannot be made from bytes alone", d)
	}
	n, err := shape.Elements()
	if err != nil {
		return nil, err
	}
	if n > math.MaxInt/d.Size() || n*d.Size() != len(data) {
		return nil, fmt.Errorf("tensor %s%v needs %d elements of %d bytes, found %d bytes", d, shape, n, d.Size(), len(data))
	}
	return &Tensor{dtype: d, shape: shape.Clone(), n: n, data: data}, nil
}

// FromStrings copies the strings into a String tensor. len(values) must equal the shape's elements.
func FromStrings(shape Shape, values []string) (*Tensor, error) {
	n, err := shape.Elements()
	if err != nil {
		return nil, err
	}
	if n != len(values) {
		return nil, fmt.Errorf("shape %v needs %d strings, found %d", shape, n, len(values))
	}
	t := &Tensor{dtype: String, shape: shape.Clone(), n: n, offsets: make([]int64, n+1)}
	for i, v := range values {
		t.data = append(t.data, v...)
		t.offsets[i+1] = int64(len(t.data))
	}
	return t, nil
}

// StringsFromBytes views offsets and data as a String tensor. Offsets must start at 0, never fall and end at len(data).
func StringsFromBytes(shape Shape, offsets []int64, data []byte) (*Tensor, error) {
	n, err := shape.Elements()
	if err != nil {
		return nil, err
	}
	if n == math.MaxInt || len(offsets) != n+1 || offsets[0] != 0 || offsets[n] != int64(len(data)) {
		return nil, fmt.Errorf("string tensor %v needs %d offsets from 0 to %d, found %d offsets", shape, n+1, len(data), len(offsets))
	}
	for i := range n {
		if offsets[i+1] < offsets[i] {
			return nil, fmt.Errorf("string tensor %v: offset %d falls from %d to %d", shape, i+1, offsets[i], offsets[i+1])
		}
	}
	return &Tensor{dtype: String, shape: shape.Clone(), n: n, data: data, offsets: offsets}, nil
}

// DType is the element type.
func (t *Tensor) DType() DType { return t.dtype }

// Shape is the tensor's shape; callers must not change it.
func (t *Tensor) Shape() Shape { return t.shape }

// Dim is the extent of dimension i.
func (t *Tensor) Dim(i int) int { return t.shape[i] }

// Rank is the number of dimensions.
func (t *Tensor) Rank() int { return len(t.shape) }

// Len is the number of elements.
func (t *Tensor) Len() int { return t.n }

// Bytes is the tensor's buffer, row-major little-endian; for String the concatenated bytes. It aliases the tensor.
func (t *Tensor) Bytes() []byte { return t.data }

// Offsets are a String tensor's Len()+1 offsets into Bytes, nil for other dtypes.
func (t *Tensor) Offsets() []int64 { return t.offsets }

// StringAt is element i of a String tensor, copied.
func (t *Tensor) StringAt(i int) string { return string(t.data[t.offsets[i]:t.offsets[i+1]]) }

// String describes the tensor, not its values: F32[2, 3].
func (t *Tensor) String() string { return t.dtype.String() + t.shape.String() }

// Reshape views the same elements in another shape of equal size.
func (t *Tensor) Reshape(shape ...int) (*Tensor, error) {
	n, err := Shape(shape).Elements()
	if err != nil {
		return nil, err
	}
	if n != t.n {
		return nil, fmt.Errorf("cannot view %v as shape %v: %d elements against %d", t, Shape(shape), t.n, n)
	}
	r := *t
	r.shape = Shape(shape).Clone()
	return &r, nil
}

// Rows views rows lo to hi-1 of dimension 0. It fails on a scalar and on bounds outside the tensor.
func (t *Tensor) Rows(lo, hi int) (*Tensor, error) {
	if len(t.shape) == 0 || lo < 0 || hi < lo || hi > t.shape[0] {
		return nil, fmt.Errorf("rows %d to %d do not lie in %v", lo, hi, t)
	}
	r := *t
	r.shape = t.shape.Clone()
	r.shape[0] = hi - lo
	per := 0
	if t.shape[0] > 0 {
		per = t.n / t.shape[0]
	}
	r.n = per * (hi - lo)
	if t.dtype != String {
		size := t.dtype.Size() * per
		r.data = t.data[lo*size : hi*size]
		return &r, nil
	}
	return t.stringRows(&r, lo*per, hi*per), nil
}

func (t *Tensor) stringRows(r *Tensor, lo, hi int) *Tensor {
	base := t.offsets[lo]
	r.data = t.data[base:t.offsets[hi]]
	r.offsets = make([]int64, hi-lo+1)
	for i := range r.offsets {
		r.offsets[i] = t.offsets[lo+i] - base
	}
	return r
}

// Element lists the Go types whose memory is the tensor's own: F16 and BF16 are uint16 bit patterns.
type Element interface {
	~bool | ~uint8 | ~int8 | ~uint16 | ~int16 | ~uint32 | ~int32 | ~float32 | ~uint64 | ~int64 | ~float64
}

// Of views the elements as a slice of T, which must have the dtype's element size (a Bool tensor is []bool or []uint8,
// F16 is []uint16). The slice aliases the tensor, except when the buffer is not aligned for T: then it is a copy, and
// Aligned buffers avoid that. It panics when the sizes differ: callers check the dtype first.
func Of[T Element](t *Tensor) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if size != t.dtype.Size() {
		panic("tensor: Of wants an element type of the tensor's size")
	}
	if t.n == 0 {
		return []T{}
	}
	p := unsafe.Pointer(&t.data[0])
	if uintptr(p)%uintptr(size) != 0 {
		c := make([]T, t.n)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&c[0])), len(t.data)), t.data)
		return c
	}
	return unsafe.Slice((*T)(p), t.n)
}

// FromSlice views the slice as a tensor of the given dtype and shape. It fails when sizes do not match.
// The tensor aliases values.
func FromSlice[T Element](d DType, values []T, shape ...int) (*Tensor, error) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if size != d.Size() {
		return nil, fmt.Errorf("elements of %d bytes cannot be a tensor of dtype %s", size, d)
	}
	var data []byte
	if len(values) > 0 {
		data = unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*size)
	}
	return FromBytes(d, Shape(shape), data)
}

// Validate checks the values that not every bit pattern is: the bytes of a Bool tensor must be 0 or 1. It costs nothing
// for other dtypes. FromBytes does not call it; whoever views bytes of unknown origin does.
func (t *Tensor) Validate() error {
	if t.dtype != Bool {
		return nil
	}
	at := 0
	for ; at+8 <= len(t.data); at += 8 {
		if binary.LittleEndian.Uint64(t.data[at:])&0xfefefefefefefefe != 0 {
			break
		}
	}
	for i := at; i < len(t.data); i++ {
		if b := t.data[i]; b > 1 {
			return fmt.Errorf("%v: element %d is byte %d, a bool is 0 or 1", t, i, b)
		}
	}
	return nil
}
