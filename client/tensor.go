package client

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// Element lists the Go types of tensor elements. FP16 and BF16 have none: their bit patterns are in Tensor.Data.
type Element interface {
	bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// Tensor is an input or output: row-major elements of a datatype by its protocol name ("FP32", "INT64", "BYTES" ...).
// Data are the elements as they travel: little-endian, a bool as one byte, an element of BYTES as its length in 4 bytes
// and its bytes. NewTensor and NewStrings make one, Values and Strings read one.
type Tensor struct {
	Name     string
	Datatype string
	Shape    []int
	Data     []byte
}

// sizeOf is the number of bytes of an element; 0 for BYTES and unknown datatypes.
func sizeOf(datatype string) int {
	switch datatype {
	case "BOOL", "INT8", "UINT8":
		return 1
	case "INT16", "UINT16", "FP16", "BF16":
		return 2
	case "INT32", "UINT32", "FP32":
		return 4
	case "INT64", "UINT64", "FP64":
		return 8
	}
	return 0
}

func datatypeOf[T Element]() string {
	switch any(*new(T)).(type) {
	case bool:
		return "BOOL"
	case int8:
		return "INT8"
	case int16:
		return "INT16"
	case int32:
		return "INT32"
	case int64:
		return "INT64"
	case uint8:
		return "UINT8"
	case uint16:
		return "UINT16"
	case uint32:
		return "UINT32"
	case uint64:
		return "UINT64"
	case float32:
		return "FP32"
	}
	return "FP64"
}

// elements is the product of the dimensions.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		if d == 0 {
			n = 0
		}
	}
	for _, d := range shape {
		if n > 0 && n > math.MaxInt/d {
			return 0, fmt.Errorf("shape %v has more elements than an int can count", shape)
		}
		n *= d
	}
	return n, nil
}

// NewTensor makes a tensor of copied values, of which the shape must have as many. Without a shape it is a vector.
func NewTensor[T Element](name string, values []T, shape ...int) (Tensor, error) {
	if len(shape) == 0 {
		shape = []int{len(values)}
	}
	n, err := elements(shape)
	if err == nil && n != len(values) {
		err = fmt.Errorf("shape %v has %d elements, found %d values", shape, n, len(values))
	}
	if err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	size := int(unsafe.Sizeof(*new(T)))
	data, err := binary.Append(make([]byte, 0, n*size), binary.LittleEndian, values)
	if err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	return Tensor{Name: name, Datatype: datatypeOf[T](), Shape: slices.Clone(shape), Data: data}, nil
}

// NewStrings makes a tensor of datatype BYTES. Without a shape it is a vector.
func NewStrings(name string, values []string, shape ...int) (Tensor, error) {
	if len(shape) == 0 {
		shape = []int{len(values)}
	}
	n, err := elements(shape)
	if err == nil && n != len(values) {
		err = fmt.Errorf("shape %v has %d elements, found %d values", shape, n, len(values))
	}
	if err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	t := Tensor{Name: name, Datatype: "BYTES", Shape: slices.Clone(shape), Data: []byte{}}
	for _, v := range values {
		if len(v) > math.MaxUint32 {
			return Tensor{}, fmt.Errorf("tensor %q: a text of %d bytes is more than 4 bytes can count", name, len(v))
		}
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(len(v)))
		t.Data = append(t.Data, v...)
	}
	return t, nil
}

// Values copies the elements of t, whose datatype must be exactly T's: nothing is converted.
func Values[T Element](t Tensor) ([]T, error) {
	if want := datatypeOf[T](); t.Datatype != want {
		return nil, fmt.Errorf("tensor %q: wanted datatype %s, found %q", t.Name, want, t.Datatype)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	values := make([]T, len(t.Data)/sizeOf(t.Datatype))
	if _, err := binary.Decode(t.Data, binary.LittleEndian, values); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return values, nil
}

// Strings copies the elements of a tensor of datatype BYTES.
func Strings(t Tensor) ([]string, error) {
	if t.Datatype != "BYTES" {
		return nil, fmt.Errorf("tensor %q: wanted datatype BYTES, found %q", t.Name, t.Datatype)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	values := []string{}
	for data := t.Data; len(data) > 0; {
		n := binary.LittleEndian.Uint32(data)
		values = append(values, string(data[4:4+n]))
		data = data[4+n:]
	}
	return values, nil
}

// check holds the data against datatype and shape.
func (t *Tensor) check() error {
	fault := func(format string, args ...any) error {
		return fmt.Errorf("tensor %q: "+format, append([]any{t.Name}, args...)...)
	}
	n, err := elements(t.Shape)
	if err != nil {
		return fault("%w", err)
	}
	if t.Datatype == "BYTES" {
		return t.checkStrings(n)
	}
	size := sizeOf(t.Datatype)
	if size == 0 {
		return fault("datatype %q is not one of the Open Inference Protocol's", t.Datatype)
	}
	if n > math.MaxInt/size || n*size != len(t.Data) {
		return fault("%s of shape %v takes %d elements of %d bytes, found %d bytes", t.Datatype, t.Shape, n, size, len(t.Data))
	}
	if t.Datatype == "BOOL" {
		if at := slices.IndexFunc(t.Data, func(b byte) bool { return b > 1 }); at >= 0 {
			return fault("element %d is byte %d, a bool is 0 or 1", at, t.Data[at])
		}
	}
	return nil
}

func (t *Tensor) checkStrings(n int) error {
	found := 0
	for data := t.Data; len(data) > 0; found++ {
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return fmt.Errorf("tensor %q: element %d reaches beyond the data", t.Name, found)
		}
		data = data[4+binary.LittleEndian.Uint32(data):]
	}
	if found != n {
		return fmt.Errorf("tensor %q: shape %v has %d elements, found %d texts", t.Name, t.Shape, n, found)
	}
	return nil
}
