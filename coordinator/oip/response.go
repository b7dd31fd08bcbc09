package oip

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

// Response is what an infer response holds. Names fixes the order of the outputs.
type Response struct {
	Model, Version, ID, Mode string
	Names                    []string
	Outputs                  tensor.Named
}

// Ref tells where a response lies that is too large for a message: an object that holds it in the protocol's binary form,
// the JSON first, of which Header is the length. URL is s3://bucket/key.
type Ref struct {
	URL    string
	Bytes  int64
	SHA256 string
	Header int
}

// EncodeRef writes the response that refers to the whole one: without outputs, and with ref, ref_bytes, ref_sha256 and
// ref_header_bytes in its parameters.
func EncodeRef(r *Response, ref Ref) []byte {
	b := appendHead(nil, r)
	b = wire.AppendString(append(b, `,"ref":`...), ref.URL)
	b = strconv.AppendInt(append(b, `,"ref_bytes":`...), ref.Bytes, 10)
	b = wire.AppendString(append(b, `,"ref_sha256":`...), ref.SHA256)
	b = strconv.AppendInt(append(b, `,"ref_header_bytes":`...), int64(ref.Header), 10)
	return append(b, `},"outputs":[]}`...)
}

// appendHead writes everything up to the parameters, which stay open.
func appendHead(b []byte, r *Response) []byte {
	b = wire.AppendString(append(b, `{"model_name":`...), r.Model)
	b = wire.AppendString(append(b, `,"model_version":`...), r.Version)
	if r.ID != "" {
		b = wire.AppendString(append(b, `,"id":`...), r.ID)
	}
	return wire.AppendString(append(b, `,"parameters":{"mode":`...), r.Mode)
}

// Encode writes an infer response with flat data. Floats are the shortest decimals that read back as the same value;
// NaN is null, and an infinity is 1e999, which JSON readers take for infinity. The numeric mode stands in the parameters.
// A response beyond Lambda's limit is a *wire.TooLargeError, FP16 and BF16 outputs are a *wire.UnsupportedError.
func Encode(r *Response) ([]byte, error) {
	return encode(r, func(string) bool { return false })
}

// encode writes the JSON; outputs for which binary is true have their size in place of their data.
func encode(r *Response, binary func(name string) bool) ([]byte, error) {
	size := 512
	for _, name := range r.Names {
		if t := r.Outputs[name]; binary(name) {
			size += binarySize(t) + 256
		} else {
			size += 3*len(t.Bytes()) + 256 // a FP32 takes some ten characters
		}
	}
	b := appendHead(make([]byte, 0, min(size, wire.MaxReply)), r)
	b = append(b, `},"outputs":[`...)
	for i, name := range r.Names {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendOutput(b, name, r.Outputs[name], binary(name)); err != nil {
			return nil, err
		}
	}
	b = append(b, `]}`...)
	if len(b) > wire.MaxReply {
		return nil, &wire.TooLargeError{What: "infer response", Bytes: len(b), Limit: wire.MaxReply}
	}
	return b, nil
}

func appendOutput(b []byte, name string, t *tensor.Tensor, binary bool) ([]byte, error) {
	b = wire.AppendString(append(b, `{"name":`...), name)
	b = wire.AppendString(append(b, `,"datatype":`...), t.DType().OIP())
	b = append(b, `,"shape":[`...)
	for i, d := range t.Shape() {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(d), 10)
	}
	if binary {
		b = strconv.AppendInt(append(b, `],"parameters":{"binary_data_size":`...), int64(binarySize(t)), 10)
		return append(b, `}}`...), nil
	}
	b = append(b, `],"data":[`...)
	b, err := appendData(b, t)
	return append(b, `]}`...), err
}

func appendData(b []byte, t *tensor.Tensor) ([]byte, error) {
	switch t.DType() {
	case tensor.Bool:
		return each(b, tensor.Of[bool](t), strconv.AppendBool), nil
	case tensor.U8:
		return each(b, tensor.Of[uint8](t), appendUint), nil
	case tensor.U16:
		return each(b, tensor.Of[uint16](t), appendUint), nil
	case tensor.U32:
		return each(b, tensor.Of[uint32](t), appendUint), nil
	case tensor.U64:
		return each(b, tensor.Of[uint64](t), appendUint), nil
	case tensor.I8:
		return each(b, tensor.Of[int8](t), appendInt), nil
	case tensor.I16:
		return each(b, tensor.Of[int16](t), appendInt), nil
	case tensor.I32:
		return each(b, tensor.Of[int32](t), appendInt), nil
	case tensor.I64:
		return each(b, tensor.Of[int64](t), appendInt), nil
	case tensor.F32:
		return each(b, tensor.Of[float32](t), func(b []byte, v float32) []byte { return appendFloat(b, float64(v), 32) }), nil
	case tensor.F64:
		return each(b, tensor.Of[float64](t), func(b []byte, v float64) []byte { return appendFloat(b, v, 64) }), nil
	case tensor.String:
		for i := range t.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			text := t.StringAt(i)
			if !utf8.ValidString(text) {
				return b, &wire.UnsupportedError{Feature: "text that is not UTF-8 as JSON", Remedy: "ask for binary data or the compact form"}
			}
			b = wire.AppendString(b, text)
		}
		return b, nil
	}
	return b, &wire.UnsupportedError{Feature: "datatype " + t.DType().OIP() + " as JSON", Remedy: "ask for binary data over HTTP, or for the compact form"}
}

func each[T any](b []byte, values []T, put func([]byte, T) []byte) []byte {
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = put(b, v)
	}
	return b
}

func appendUint[T uint8 | uint16 | uint32 | uint64](b []byte, v T) []byte {
	return strconv.AppendUint(b, uint64(v), 10)
}

func appendInt[T int8 | int16 | int32 | int64](b []byte, v T) []byte {
	return strconv.AppendInt(b, int64(v), 10)
}

func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "null"...)
	case math.IsInf(v, 1):
		return append(b, "1e999"...)
	case math.IsInf(v, -1):
		return append(b, "-1e999"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}
