package oip

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

// DecodeExtended reads an infer request that may use the binary tensor data extension: head is the JSON, tail what
// follows it. Errors are those of Decode.
func DecodeExtended(head, tail []byte) (*Request, error) {
	d := newDecoder(head)
	d.extended, d.tail = true, tail
	return d.decode()
}

// WantsBinary reports whether the request asks for the output as binary data, by its own parameter binary_data or else by
// the request's binary_data_output.
func (r *Request) WantsBinary(output string) bool {
	if own, ok := r.binary[output]; ok {
		return own
	}
	return r.binaryAll
}

// EncodeExtended writes an infer response in which the outputs for which binary is true stand as binary data after the
// JSON. It returns both parts in one buffer and the length of the JSON. Errors are those of Encode; FP16 and BF16 outputs
// are refused only as JSON.
func EncodeExtended(r *Response, binary func(output string) bool) (body []byte, head int, err error) {
	if body, err = encode(r, binary); err != nil {
		return nil, 0, err
	}
	head = len(body)
	total := head
	for _, name := range r.Names {
		if binary(name) {
			total += binarySize(r.Outputs[name])
		}
	}
	if total > wire.MaxReply {
		return nil, 0, &wire.TooLargeError{What: "infer response", Bytes: total, Limit: wire.MaxReply}
	}
	for _, name := range r.Names {
		if binary(name) {
			body = appendBinary(body, r.Outputs[name])
		}
	}
	return body, head, nil
}

// EncodeObject writes an infer response of any size with all its outputs as binary data, for an object that EncodeRef
// refers to, and returns it with the length of its JSON.
func EncodeObject(r *Response) (body []byte, head int, err error) {
	if body, err = encode(r, func(string) bool { return true }); err != nil {
		return nil, 0, err
	}
	head = len(body)
	for _, name := range r.Names {
		body = appendBinary(body, r.Outputs[name])
	}
	return body, head, nil
}

// lengthSize is the number of bytes that hold the length of a BYTES element.
const lengthSize = 4

// inputParameters reads an input's parameters, which can only concern the extension.
func (d *decoder) inputParameters(in *input) error {
	seen := false
	return d.s.Object(func(key []byte) error {
		if string(key) != "binary_data_size" || !d.extended {
			return tensorParameter(string(key))
		}
		if seen {
			return fmt.Errorf("binary_data_size stands twice")
		}
		seen = true
		n, err := d.s.Int(0, math.MaxInt32)
		in.binary = int(n)
		return ofParameter("binary_data_size", err)
	})
}

// outputParameters reads an output's parameters; the result is nil when they do not say whether binary data is wanted.
func (d *decoder) outputParameters() (*bool, error) {
	var on *bool
	err := d.s.Object(func(key []byte) error {
		switch {
		case string(key) != "binary_data":
			return tensorParameter(string(key))
		case on != nil:
			return fmt.Errorf("binary_data stands twice")
		}
		v, err := d.s.Bool()
		if err == nil && v && !d.extended {
			return tensorParameter("binary_data")
		}
		on = &v
		return ofParameter("binary_data", err)
	})
	return on, err
}

// tensorParameter refuses a parameter of an input or output.
func tensorParameter(name string) error {
	remedy := "send and ask for data as JSON"
	if name == "classification" {
		remedy = "ask for the output itself and rank its values"
	}
	return &wire.UnsupportedError{Feature: fmt.Sprintf("tensor parameter %q", clip(name)), Remedy: remedy}
}

// takeBinary reads the input's elements from the front of the tail.
func (d *decoder) takeBinary(in *input) error {
	dtype, err := tensor.ParseOIP(in.datatype)
	if err != nil {
		return err
	}
	n, err := in.shape.Elements()
	if err != nil {
		return err
	}
	if in.binary > len(d.tail) {
		return fmt.Errorf("binary_data_size is %d, but only %d bytes of binary data are left", in.binary, len(d.tail))
	}
	data := d.tail[:in.binary]
	d.tail = d.tail[in.binary:]
	if dtype == tensor.String {
		in.tensor, err = stringsFromBinary(in.shape, n, data)
		return err
	}
	if n > math.MaxInt/dtype.Size() || n*dtype.Size() != len(data) {
		return fmt.Errorf("shape %v has %d elements of %d bytes, binary_data_size is %d", in.shape, n, dtype.Size(), len(data))
	}
	buffer := tensor.Aligned(len(data))
	copy(buffer, data)
	if in.tensor, err = tensor.FromBytes(dtype, in.shape, buffer); err != nil {
		return err
	}
	return in.tensor.Validate()
}

// stringsFromBinary reads n elements with their lengths, which must fill data.
func stringsFromBinary(shape tensor.Shape, n int, data []byte) (*tensor.Tensor, error) {
	if n > len(data)/lengthSize {
		return nil, fmt.Errorf("shape %v has %d elements, %d bytes hold the lengths of %d at most", shape, n, len(data), len(data)/lengthSize)
	}
	offsets := make([]int64, 1, n+1)
	text := make([]byte, 0, len(data)-n*lengthSize)
	for i := range n {
		if len(data) < lengthSize {
			return nil, fmt.Errorf("element %d: the binary data ends before its length", i)
		}
		size := binary.LittleEndian.Uint32(data)
		data = data[lengthSize:]
		if uint64(size) > uint64(len(data)) {
			return nil, fmt.Errorf("element %d has %d bytes, but only %d are left", i, size, len(data))
		}
		text = append(text, data[:size]...)
		data = data[size:]
		offsets = append(offsets, int64(len(text)))
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("shape %v has %d elements, %d more bytes follow them", shape, n, len(data))
	}
	return tensor.StringsFromBytes(shape, offsets, text)
}

func binarySize(t *tensor.Tensor) int {
	if t.DType() == tensor.String {
		return len(t.Bytes()) + lengthSize*t.Len()
	}
	return len(t.Bytes())
}

func appendBinary(b []byte, t *tensor.Tensor) []byte {
	if t.DType() != tensor.String {
		return append(b, t.Bytes()...)
	}
	for i := range t.Len() {
		text := t.Bytes()[t.Offsets()[i]:t.Offsets()[i+1]]
		b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	return b
}
