package oip_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

func TestBinaryDataIsTakenInTheOrderOfTheInputs(t *testing.T) {
	tail := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	tail = append(tail, 0x00, 0x3c, 0x80, 0x3f)              // 1 in FP16, 1 in BF16
	tail = append(tail, 2, 0, 0, 0, 'h', 'i', 0, 0, 0, 0, 1) // two texts, then a bool
	r, err := oip.DecodeExtended([]byte(`{"inputs":[
		{"parameters":{"binary_data_size":4},"name":"f","shape":[1],"datatype":"FP32"},
		{"name":"json","shape":[2],"datatype":"INT8","data":[1,2]},
		{"name":"h","shape":[1],"datatype":"FP16","parameters":{"binary_data_size":2}},
		{"name":"b","shape":[],"datatype":"BF16","parameters":{"binary_data_size":2}},
		{"name":"s","shape":[2,1],"datatype":"BYTES","parameters":{"binary_data_size":10}},
		{"name":"none","shape":[0,7],"datatype":"FP64","parameters":{"binary_data_size":0}},
		{"name":"flag","shape":[1],"datatype":"BOOL","parameters":{"binary_data_size":1}}],
		"outputs":[{"name":"a","parameters":{"binary_data":false}},{"name":"b","parameters":{"binary_data":true}},{"name":"c"}],
		"parameters":{"binary_data_output":true}}`), tail)
	if err != nil {
		t.Fatal(err)
	}
	if v := tensor.Of[float32](r.Inputs["f"])[0]; v == v {
		t.Errorf("f is %v", v)
	}
	if tensor.Of[uint16](r.Inputs["h"])[0] != 0x3c00 || tensor.Of[uint16](r.Inputs["b"])[0] != 0x3f80 || r.Inputs["b"].Rank() != 0 ||
		r.Inputs["s"].StringAt(0) != "hi" || r.Inputs["s"].StringAt(1) != "" || !tensor.Of[bool](r.Inputs["flag"])[0] ||
		r.Inputs["none"].Len() != 0 || tensor.Of[int8](r.Inputs["json"])[1] != 2 {
		t.Errorf("found %v", r.Inputs)
	}
	if r.WantsBinary("a") || !r.WantsBinary("b") || !r.WantsBinary("c") {
		t.Error("an output's own parameter does not come before the request's")
	}
	tail[4] = 0xff
	if tensor.Of[uint16](r.Inputs["h"])[0] != 0x3c00 {
		t.Error("the request aliases the payload")
	}
}

func TestBinaryDataThatDoesNotFitIsRefused(t *testing.T) {
	in := func(rest string) string { return `{"inputs":[{"name":"x",` + rest + `}]}` }
	size := func(n int) string { return fmt.Sprintf(`"parameters":{"binary_data_size":%d}`, n) }
	for _, c := range []struct{ head, tail, want string }{
		{in(`"datatype":"FP32","shape":[1],` + size(4)), "abc", "only 3 bytes of binary data are left"},
		{in(`"datatype":"FP32","shape":[2],` + size(4)), "abcd", "2 elements of 4 bytes, binary_data_size is 4"},
		{in(`"datatype":"FP32","shape":[1],` + size(4)), "abcde", "1 bytes of binary data belong to no input"},
		{in(`"datatype":"FP32","shape":[1],"data":[1]`), "abcd", "4 bytes of binary data belong to no input"},
		{in(`"datatype":"FP32","shape":[1],"data":[1],` + size(4)), "abcd", "both"},
		{in(size(4) + `,"datatype":"FP32","data":[1],"shape":[1]`), "abcd", "both"},
		{in(`"datatype":"FP32",` + size(4)), "abcd", `key "shape" is missing`},
		{in(`"datatype":"X","shape":[1],` + size(4)), "abcd", "Open Inference Protocol"},
		{in(`"datatype":"FP32","shape":[1],` + size(-4)), "abcd", "an integer from 0"},
		{in(`"datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4,"binary_data_size":4}`), "abcd", "twice"},
		{in(`"datatype":"FP32","shape":[1],"parameters":{"shared_memory_region":"r"}`), "abcd", `"shared_memory_region" is not supported`},
		{in(`"datatype":"FP64","shape":[2147483647,2147483647],` + size(4)), "abcd", "elements of 8 bytes"},
		{in(`"datatype":"FP64","shape":[2147483647,2147483647,2147483647],` + size(4)), "abcd", "more elements than"},
		{in(`"datatype":"BOOL","shape":[1],` + size(1)), "\x02", "a bool is 0 or 1"},
		{in(`"datatype":"BYTES","shape":[1000000000],` + size(4)), "abcd", "hold the lengths of 1 at most"},
		{in(`"datatype":"BYTES","shape":[1],` + size(4)), "\x01\x00\x00\x00", "element 0 has 1 bytes, but only 0 are left"},
		{in(`"datatype":"BYTES","shape":[1],` + size(4)), "\xff\xff\xff\xff", "element 0 has 4294967295 bytes"},
		{in(`"datatype":"BYTES","shape":[2],` + size(8)), "\x02\x00\x00\x00abcd", "ends before its length"},
		{in(`"datatype":"BYTES","shape":[1],` + size(5)), "\x00\x00\x00\x00a", "1 more bytes follow"},
		{`{"inputs":[],"outputs":[{"name":"y","parameters":{"binary_data":true,"binary_data":true}}]}`, "", "twice"},
		{`{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":3}}]}`, "", "rank its values"},
	} {
		_, err := oip.DecodeExtended([]byte(c.head), []byte(c.tail))
		var format *wire.FormatError
		var unsupported *wire.UnsupportedError
		if !errors.As(err, &format) && !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: wanted %q, found %v", c.head, c.want, err)
		}
	}
}

// TestBinaryAnswersReadBackWithTheSameBits puts an answer's head and tail into a request.
func TestBinaryAnswersReadBackWithTheSameBits(t *testing.T) {
	s, err := tensor.FromStrings(tensor.Shape{3}, []string{"", "\xff", "text"})
	if err != nil {
		t.Fatal(err)
	}
	half := tensor.New(tensor.F16, 3)
	copy(tensor.Of[uint16](half), []uint16{0x7e00, 0x8000, 0x0001})
	x := tensor.New(tensor.F32, 2, 2)
	copy(tensor.Of[float32](x), []float32{float32(math.NaN()), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32})
	values := tensor.Named{"s": s, "half": half, "x": x, "json": tensor.New(tensor.I32, 1)}
	isBinary := func(name string) bool { return name != "json" }
	body, n, err := oip.EncodeExtended(&oip.Response{Names: []string{"x", "json", "s", "half"}, Outputs: values}, isBinary)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Outputs json.RawMessage }
	if err := json.Unmarshal(body[:n], &doc); err != nil {
		t.Fatalf("%s: %v", body[:n], err)
	}
	back, err := oip.DecodeExtended(slices.Concat([]byte(`{"inputs":`), doc.Outputs, []byte(`}`)), body[n:])
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range values {
		got := back.Inputs[name]
		if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) || !bytes.Equal(got.Bytes(), want.Bytes()) || !slices.Equal(got.Offsets(), want.Offsets()) {
			t.Errorf("%s: wanted %v %x, found %v %x", name, want, want.Bytes(), got, got.Bytes())
		}
	}
	var unsupported *wire.UnsupportedError
	if _, _, err := oip.EncodeExtended(&oip.Response{Names: []string{"s"}, Outputs: values}, func(string) bool { return false }); !errors.As(err, &unsupported) {
		t.Errorf("text that is not UTF-8 as JSON: %v", err)
	}
	var large *wire.TooLargeError
	big := tensor.Named{"x": tensor.New(tensor.U8, 7<<20)}
	if _, _, err := oip.EncodeExtended(&oip.Response{Names: []string{"x"}, Outputs: big}, isBinary); !errors.As(err, &large) {
		t.Errorf("7 MiB: %v", err)
	}
}

func FuzzDecodeExtended(f *testing.F) {
	head := `{"inputs":[{"name":"x","shape":[2],"datatype":"%s","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`
	f.Add(fmt.Appendf(nil, head, "FP32", 8), []byte("abcdefgh"))
	f.Add(fmt.Appendf(nil, head, "BYTES", 9), []byte("\x01\x00\x00\x00a\x00\x00\x00\x00"))
	f.Add(fmt.Appendf(nil, head, "BOOL", 2), []byte("\x01\x02"))
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[0,2147483647,2147483647,2147483647],"datatype":"BYTES","parameters":{"binary_data_size":0}}]}`), []byte{})
	f.Fuzz(func(t *testing.T, head, tail []byte) {
		r, err := oip.DecodeExtended(head, tail)
		if err != nil {
			return
		}
		for name, x := range r.Inputs {
			if len(x.Bytes()) > 8*len(head)+8+len(tail) {
				t.Fatalf("input %q: %v from %d and %d bytes", name, x, len(head), len(tail))
			}
			body, n, err := oip.EncodeExtended(&oip.Response{Names: []string{name}, Outputs: tensor.Named{name: x}}, func(string) bool { return true })
			if err != nil || !json.Valid(body[:n]) {
				t.Fatalf("%s: %v", body, err)
			}
		}
	})
}
