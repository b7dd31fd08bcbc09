package tensor

import (
	"bytes"
	"encoding/binary"
	"maps"
	"strings"
	"testing"
)

// rawFrame puts a header's JSON, unpadded, before data.
func rawFrame(header string, data int) []byte {
	buf := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(buf, header...), make([]byte, data)...)
}

func TestParseFrameAcceptsAnyValidOrder(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		data   int
	}{
		"empty":             {`{}`, 0},
		"entries reversed":  {`{"a":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 7},
		"fields reversed":   {`{"a":{"data_offsets":[0,3],"shape":[3],"dtype":"U8"}}`, 3},
		"space":             {"{ \"a\" :\t{\"dtype\":\"U8\" , \"shape\": [ 3 ],\"data_offsets\":[0 ,3]}\n}\r ", 3},
		"escapes":           {`{"\u0061\n\ud83d\ude00\/":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0},
		"zeros at a seam":   {`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F64","shape":[0,9],"data_offsets":[1,1]},"c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2},
		"zero beats large":  {`{"a":{"dtype":"F64","shape":[9223372036854775807,9223372036854775807,0],"data_offsets":[0,0]}}`, 0},
		"empty metadata":    {`{"__metadata__":{}}`, 0},
		"unaligned float64": {`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}}`, 9},
	} {
		n, _, err := ParseFrame(rawFrame(c.header, c.data), Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b := n["b"]; b != nil && b.DType() == F64 && b.Len() == 1 && Of[float64](b)[0] != 0 {
			t.Errorf("%s: unaligned value is wrong", name)
		}
	}
}

func TestParseFrameRefuses(t *testing.T) {
	const ok = `"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}`
	for name, c := range map[string]struct {
		header string
		data   int
		want   string
	}{
		"no object":        {`[]`, 0, "begin with {"},
		"leading space":    {` {}`, 0, "begin with {"},
		"cut":              {`{"a":{"dtype":"U8"`, 0, "header's end"},
		"after the brace":  {`{}x`, 0, "nothing after"},
		"hole":             {`{"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}`, 4, "hole"},
		"hole between":     {`{` + ok + `,"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}`, 5, "hole"},
		"overlap":          {`{` + ok + `,"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, 4, "overlap"},
		"trailing bytes":   {`{` + ok + `}`, 4, "trailing"},
		"truncated data":   {`{` + ok + `}`, 2, "truncated"},
		"duplicate":        {`{` + ok + `,` + ok + `}`, 3, "twice"},
		"duplicate by \\u": {`{` + ok + `,"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}}`, 3, "twice"},
		"metadata twice":   {`{"__metadata__":{},"__metadata__":{}}`, 0, "twice"},
		"metadata key":     {`{"__metadata__":{"k":"1","k":"2"}}`, 0, "twice"},
		"metadata number":  {`{"__metadata__":{"k":1}}`, 0, "metadata"},
		"field twice":      {`{"a":{"dtype":"U8","dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, 3, "twice"},
		"field missing":    {`{"a":{"dtype":"U8","data_offsets":[0,3]}}`, 3, "all needed"},
		"field unknown":    {`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3],"x":1}}`, 3, "unknown"},
		"dtype unknown":    {`{"a":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]}}`, 3, "F8_E4M3"},
		"dtype string":     {`{"a":{"dtype":"STRING","shape":[3],"data_offsets":[0,3]}}`, 3, "not one of safetensors"},
		"size":             {`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,3]}}`, 3, "needs 3 elements"},
		"shape overflow":   {`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0, "more elements"},
		"bytes overflow":   {`{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, 0, "needs"},
		"number overflow":  {`{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,0]}}`, 0, "too large"},
		"negative":         {`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}`, 0, "non-negative"},
		"fraction":         {`{"a":{"dtype":"U8","shape":[3.0],"data_offsets":[0,3]}}`, 3, "wanted"},
		"leading zero":     {`{"a":{"dtype":"U8","shape":[03],"data_offsets":[0,3]}}`, 3, "leading zero"},
		"offsets fall":     {`{"a":{"dtype":"U8","shape":[3],"data_offsets":[3,0]}}`, 3, "fall"},
		"one offset":       {`{"a":{"dtype":"U8","shape":[3],"data_offsets":[3]}}`, 3, "not 2"},
		"three offsets":    {`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3,3]}}`, 3, "more than 2"},
		"utf-8":            {"{\"\xff\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "UTF-8"},
		"utf-8 escaped":    {"{\"\\n\xff\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "UTF-8"},
		"lone surrogate":   {`{"\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0, "surrogate"},
		"control":          {"{\"\n\":{}}", 0, "control"},
		"bad escape":       {`{"\x":{}}`, 0, "escape"},
		"trailing comma":   {`{` + ok + `,}`, 3, "wanted"},
		"rank":             {`{"a":{"dtype":"U8","shape":[` + strings.Repeat("1,", 32) + `1],"data_offsets":[0,1]}}`, 1, "more than 32"},
		"string parts":     {`{"__metadata__":{"string:a":"1"},` + ok + `}`, 3, "string tensor"},
		"string shape":     {`{"__metadata__":{"string:a":"01"},"a.offsets":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"a.bytes":{"dtype":"U8","shape":[0],"data_offsets":[16,16]}}`, 16, "not a list"},
		"string offsets":   {`{"__metadata__":{"string:a":"2"},"a.offsets":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"a.bytes":{"dtype":"U8","shape":[0],"data_offsets":[16,16]}}`, 16, "3 offsets"},
		"string's name":    {`{"__metadata__":{"string:a":"1"},"a":{"dtype":"U8","shape":[0],"data_offsets":[16,16]},"a.offsets":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"a.bytes":{"dtype":"U8","shape":[0],"data_offsets":[16,16]}}`, 16, "same name"},
	} {
		_, _, err := ParseFrame(rawFrame(c.header, c.data), Limits{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	for name, buf := range map[string][]byte{
		"nothing": nil, "no header": {1, 0, 0, 0, 0, 0, 0, 0}, "huge header": {0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'},
		"bool 2":              append(rawFrame(`{"a":{"dtype":"BOOL","shape":[9],"data_offsets":[0,9]}}`, 8), 2),
		"string offsets fall": fallingOffsets(),
	} {
		if _, _, err := ParseFrame(buf, Limits{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func fallingOffsets() []byte {
	buf := rawFrame(`{"__metadata__":{"string:a":"2"},"a.offsets":{"dtype":"I64","shape":[3],"data_offsets":[0,24]},"a.bytes":{"dtype":"U8","shape":[1],"data_offsets":[24,25]}}`, 25)
	at := len(buf) - 25
	binary.LittleEndian.PutUint64(buf[at+8:], 2)
	binary.LittleEndian.PutUint64(buf[at+16:], 1)
	return buf
}

func TestParseFrameKeepsItsLimits(t *testing.T) {
	frame, err := AppendFrame(nil, Named{"a": New(U8, 1, 1), "b": New(U8, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]Limits{"header": {Header: 50}, "tensors": {Tensors: 1}, "rank": {Rank: 1}} {
		if _, _, err := ParseFrame(frame, l); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := ParseFrame(frame, Limits{Header: 200, Tensors: 2, Rank: 2}); err != nil {
		t.Error(err)
	}
}

func FuzzParseFrame(f *testing.F) {
	frame, err := AppendFrame(nil, sample(f, 1), map[string]string{"k": "v"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add(frame[:len(frame)-1])
	f.Add(fallingOffsets())
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	for _, h := range []string{
		`{}`,
		`{"a":{"dtype":"F64","shape":[9223372036854775807,0],"data_offsets":[0,0]}}`,
		`{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}`,
		`{"__metadata__":{"string:a":"9223372036854775807"},"a.offsets":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},"a.bytes":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`,
		`{"__metadata__":{"string:a":"","string:a.offsets":""},"a.offsets":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}`,
		`{"\ud83d\ude00":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}`,
	} {
		f.Add(rawFrame(h, 0))
		f.Add(rawFrame(h, 16))
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		n, meta, err := ParseFrame(buf, Limits{})
		if err != nil {
			return
		}
		for name, x := range n {
			if want, err := x.Shape().Elements(); err != nil || want != x.Len() {
				t.Fatalf("%q: shape %v with %d elements, %v", name, x.Shape(), x.Len(), err)
			}
		}
		// What is accepted has one canonical form, which means the same.
		canonical, err := AppendFrame(nil, n, meta)
		if err != nil {
			if strings.Contains(err.Error(), "exceed the limits") {
				return // escapes may be longer in the canonical form
			}
			t.Fatalf("accepted, but cannot be encoded: %v", err)
		}
		again, meta2, err := ParseFrame(canonical, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		equalNamed(t, again, n)
		if !maps.Equal(meta, meta2) {
			t.Fatalf("metadata %q became %q", meta, meta2)
		}
		second, err := AppendFrame(nil, again, meta2)
		if err != nil || !bytes.Equal(second, canonical) {
			t.Fatalf("the canonical form is not stable: %v", err)
		}
	})
}
