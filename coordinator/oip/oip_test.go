package oip_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

func decode(t *testing.T, text string) *oip.Request {
	t.Helper()
	r, err := oip.Decode([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func TestDecodeReadsFlatAndNestedDataInAnyOrderOfKeys(t *testing.T) {
	want := []float32{1, 2.5, -3e-2, 4, 5, 6}
	for _, text := range []string{
		`{"id":"a","inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,2.5,-3e-2,4,5,6]}]}`,
		`{"inputs":[{"data":[[1,2.5,-3e-2],[4,5,6]],"datatype":"FP32","shape":[2,3],"name":"x"}],"id":"a"}`,
		"{ \"inputs\" : [ { \"shape\":[ 2 , 3 ], \"data\" : [\n[1, 2.5, -0.03] ,\t[4,5,6]\n] , \"name\":\"x\",\"datatype\":\"FP32\"} ] , \"id\":\"a\" }",
	} {
		r := decode(t, text)
		x := r.Inputs["x"]
		if r.ID != "a" || x.DType() != tensor.F32 || !x.Shape().Equal(tensor.Shape{2, 3}) || !slices.Equal(tensor.Of[float32](x), want) {
			t.Errorf("%s: found %v %v", text, x, tensor.Of[float32](x))
		}
	}
}

func TestDecodeReadsOutputsAndParameters(t *testing.T) {
	r := decode(t, `{"inputs":[],"outputs":[{"name":"margin"},{"name":"leaf","parameters":{"binary_data":false}}],"parameters":{"mode":"exact","deadline_ms":250,"binary_data_output":false}}`)
	if strings.Join(r.Outputs, " ") != "margin leaf" || r.Mode != "exact" || r.DeadlineMS != 250 {
		t.Fatalf("found %+v", r)
	}
}

func TestDecodeReadsEveryDatatypeAtItsLimits(t *testing.T) {
	in := func(datatype, data string) *tensor.Tensor {
		n := strings.Count(data, ",") + 1
		shape, err := json.Marshal([]int{n})
		if err != nil {
			t.Fatal(err)
		}
		return decode(t, `{"inputs":[{"name":"x","shape":`+string(shape)+`,"datatype":"`+datatype+`","data":[`+data+`]}]}`).Inputs["x"]
	}
	if got := tensor.Of[bool](in("BOOL", "true,false")); !slices.Equal(got, []bool{true, false}) {
		t.Error(got)
	}
	if got := tensor.Of[uint8](in("UINT8", "0,255")); !slices.Equal(got, []uint8{0, 255}) {
		t.Error(got)
	}
	if got := tensor.Of[int16](in("INT16", "-32768,32767")); !slices.Equal(got, []int16{-32768, 32767}) {
		t.Error(got)
	}
	if got := tensor.Of[uint64](in("UINT64", "0,18446744073709551615")); !slices.Equal(got, []uint64{0, math.MaxUint64}) {
		t.Error(got)
	}
	if got := tensor.Of[int64](in("INT64", "-9223372036854775808,9223372036854775807")); !slices.Equal(got, []int64{math.MinInt64, math.MaxInt64}) {
		t.Error(got)
	}
	floats := tensor.Of[float64](in("FP64", "null,NaN,Infinity,-Infinity,-0,1e308"))
	if !math.IsNaN(floats[0]) || !math.IsNaN(floats[1]) || !math.IsInf(floats[2], 1) || !math.IsInf(floats[3], -1) || !math.Signbit(floats[4]) || floats[5] != 1e308 {
		t.Error(floats)
	}
	text := in("BYTES", `"a","é\n",""`)
	if text.StringAt(0) != "a" || text.StringAt(1) != "é\n" || text.StringAt(2) != "" {
		t.Error(text)
	}
	// One rounding: by way of float64 this decimal would become 1.
	if got := tensor.Of[float32](in("FP32", "1.00000005960464477540"))[0]; got != math.Nextafter32(1, 2) {
		t.Errorf("found %v", got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	in := func(fields string) string { return `{"inputs":[{"name":"x",` + fields + `}]}` }
	for name, c := range map[string]struct{ text, want string }{
		"no object":         {`[]`, "'{'"},
		"no inputs":         {`{"id":"a"}`, `key "inputs" is missing`},
		"unknown key":       {`{"inputs":[],"model":"m"}`, `unknown key "model"`},
		"key twice":         {`{"inputs":[],"inputs":[]}`, "stands twice"},
		"trailing":          {`{"inputs":[]}{}`, "the end of the text"},
		"no shape":          {in(`"datatype":"FP32","data":[]`), `key "shape" is missing`},
		"no data":           {in(`"datatype":"FP32","shape":[0]`), `key "data" is missing`},
		"unknown in input":  {in(`"dtype":"FP32"`), `unknown key "dtype"`},
		"name twice":        {`{"inputs":[{"name":"x","shape":[0],"datatype":"FP32","data":[]},{"name":"x","shape":[0],"datatype":"FP32","data":[]}]}`, "the name stands twice"},
		"datatype":          {in(`"datatype":"FLOAT","shape":[0],"data":[]`), "Open Inference Protocol"},
		"half":              {in(`"datatype":"FP16","shape":[1],"data":[1]`), "FP16 as JSON is not supported"},
		"negative shape":    {in(`"datatype":"FP32","shape":[-1],"data":[]`), "an integer from 0"},
		"huge shape":        {in(`"datatype":"FP32","shape":[2147483647,2147483647,2147483647],"data":[]`), "more elements than an int can count"},
		"large shape":       {in(`"datatype":"FP64","shape":[1000000000],"data":[1]`), "more than its data holds"},
		"too few":           {in(`"datatype":"FP32","shape":[3],"data":[1,2]`), "2 elements instead of 3"},
		"too many":          {in(`"datatype":"FP32","shape":[2],"data":[1,2,3]`), "more than 2"},
		"ragged":            {in(`"datatype":"FP32","shape":[2,2],"data":[[1,2],[3]]`), "1 elements instead of 2"},
		"too deep":          {in(`"datatype":"FP32","shape":[2],"data":[[1],[2]]`), "a number"},
		"too few rows":      {in(`"datatype":"FP32","shape":[2,1],"data":[[1]]`), "has 1 parts"},
		"too many rows":     {in(`"datatype":"FP32","shape":[1,1],"data":[[1],[2]]`), "more than 1 parts"},
		"flat among nested": {in(`"datatype":"FP32","shape":[2,2],"data":[[1,2],3,4]`), "'['"},
		"text for number":   {in(`"datatype":"FP32","shape":[1],"data":["1"]`), "a number"},
		"number for text":   {in(`"datatype":"BYTES","shape":[1],"data":[1]`), "element 0"},
		"fraction":          {in(`"datatype":"INT32","shape":[1],"data":[1.5]`), "an integer from"},
		"null integer":      {in(`"datatype":"INT32","shape":[1],"data":[null]`), "a number"},
		"beyond":            {in(`"datatype":"INT8","shape":[1],"data":[128]`), "an integer from -128 to 127"},
		"beyond unsigned":   {in(`"datatype":"UINT8","shape":[1],"data":[-1]`), "an integer from 0 to 255"},
		"beyond float":      {in(`"datatype":"FP32","shape":[1],"data":[1e39]`), "does not fit FP32"},
		"early data bad":    {in(`"data":[1,{}],"datatype":"FP32","shape":[1]`), "a number, text or array"},
		"unknown parameter": {`{"inputs":[],"parameters":{"priority":1}}`, `parameter "priority" is not supported`},
		"deadline":          {`{"inputs":[],"parameters":{"deadline_ms":-1}}`, `parameter "deadline_ms": json: offset 41: wanted an integer from 1 to 2147483647, found -1`},
		"deadline 0":        {`{"inputs":[],"parameters":{"deadline_ms":0}}`, `parameter "deadline_ms"`},
		"deadline text":     {`{"inputs":[],"parameters":{"deadline_ms":"1"}}`, `parameter "deadline_ms"`},
		"mode":              {`{"inputs":[],"parameters":{"mode":1}}`, `parameter "mode"`},
		"long mode":         {`{"inputs":[],"parameters":{"mode":"` + strings.Repeat("m", wire.MaxText+1) + `"}}`, `parameter "mode": text of `},
		"binary output all": {`{"inputs":[],"parameters":{"binary_data_output":1}}`, `parameter "binary_data_output"`},
		"one output":        {`{"inputs":[],"outputs":[{"name":"y","parameters":{"binary_data":0}}]}`, `parameter "binary_data"`},
		"id":                {`{"id":5,"inputs":[]}`, "id: "},
		"shape":             {in(`"datatype":"FP32","shape":[1.5],"data":[]`), `input 0 "x": shape: `},
		"binary input":      {in(`"parameters":{"binary_data_size":4}`), `"binary_data_size" is not supported`},
		"binary output":     {`{"inputs":[],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`, `"binary_data" is not supported`},
		"nameless output":   {`{"inputs":[],"outputs":[{}]}`, "output 0 has no name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := oip.Decode([]byte(c.text))
			var format *wire.FormatError
			var unsupported *wire.UnsupportedError
			if !errors.As(err, &format) && !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("wanted %q, found %v", c.want, err)
			}
		})
	}
}

func TestEncodeWritesWhatReadsBackWithTheSameBits(t *testing.T) {
	floats := []float32{0, float32(math.Copysign(0, -1)), 1.0 / 3, math.MaxFloat32, math.SmallestNonzeroFloat32, 1e6, 1e21, float32(math.NaN())}
	x, err := tensor.FromSlice(tensor.F32, floats, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	i, err := tensor.FromSlice(tensor.I64, []int64{math.MinInt64, math.MaxInt64}, 2)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tensor.FromStrings(tensor.Shape{2}, []string{`quo"te`, "é"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := oip.Encode(&oip.Response{Model: "m", Version: "2", ID: "r", Mode: "exact", Names: []string{"x", "i", "s"}, Outputs: tensor.Named{"x": x, "i": i, "s": s}})
	if err != nil {
		t.Fatal(err)
	}
	var head struct {
		ModelName    string            `json:"model_name"`
		ModelVersion string            `json:"model_version"`
		ID           string            `json:"id"`
		Parameters   map[string]string `json:"parameters"`
		Outputs      []json.RawMessage `json:"outputs"`
	}
	if err := json.Unmarshal(text, &head); err != nil || head.ModelName != "m" || head.ModelVersion != "2" || head.ID != "r" || head.Parameters["mode"] != "exact" {
		t.Fatalf("%s: %v", text, err)
	}
	back := decode(t, `{"inputs":[`+string(bytes.Join([][]byte{head.Outputs[0], head.Outputs[1], head.Outputs[2]}, []byte(",")))+`]}`)
	for k, v := range tensor.Of[float32](back.Inputs["x"]) {
		if math.Float32bits(v) != math.Float32bits(floats[k]) && !(v != v && floats[k] != floats[k]) {
			t.Errorf("element %d: %v became %v", k, floats[k], v)
		}
	}
	if !bytes.Equal(back.Inputs["i"].Bytes(), i.Bytes()) || back.Inputs["s"].StringAt(0) != `quo"te` || !back.Inputs["x"].Shape().Equal(x.Shape()) {
		t.Errorf("found %v", back.Inputs)
	}
}

func TestEncodeRefusesWhatLambdaWould(t *testing.T) {
	var large *wire.TooLargeError
	big := tensor.Named{"x": tensor.New(tensor.F32, 4<<20)}
	if _, err := oip.Encode(&oip.Response{Names: []string{"x"}, Outputs: big}); !errors.As(err, &large) {
		t.Fatalf("found %v", err)
	}
	var unsupported *wire.UnsupportedError
	if _, err := oip.Encode(&oip.Response{Names: []string{"x"}, Outputs: tensor.Named{"x": tensor.New(tensor.F16, 1)}}); !errors.As(err, &unsupported) {
		t.Fatalf("found %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"id":"a","inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,2.5,null,NaN,5,6]}],"outputs":[{"name":"y"}],"parameters":{"mode":"auto"}}`,
		`{"inputs":[{"data":[[[[]]]],"shape":[1,1,1,0],"datatype":"FP64","name":""}]}`,
		`{"inputs":[{"name":"x","shape":[0,2147483647],"datatype":"BOOL","data":[]}]}`,
		`{"inputs":[{"name":"x","shape":[],"datatype":"BYTES","data":["\ud83d\ude00"]}]}`,
		`{"inputs":[{"name":"x","shape":[2],"datatype":"INT8","data":[-128,127]}]}`,
		`{"inputs":[{"name":"x","data":[[[[[[[[[[[[[[[[[[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := oip.Decode(data)
		if err != nil {
			return
		}
		for name, x := range r.Inputs {
			if x == nil || name == "" || len(x.Bytes()) > 8*len(data)+8 {
				t.Fatalf("input %q: %v from %d bytes", name, x, len(data))
			}
			text, err := oip.Encode(&oip.Response{Names: []string{name}, Outputs: tensor.Named{name: x}})
			if err != nil || x.DType() != tensor.F32 && x.DType() != tensor.F64 && !json.Valid(text) {
				t.Fatalf("%s: %v", text, err)
			}
		}
	})
}

// BenchmarkDecode compares with encoding/json on the same request in the same run.
func BenchmarkDecode(b *testing.B) {
	values := make([]float32, 200_000)
	for i := range values {
		values[i] = float32(math.Sin(float64(i)))
	}
	data, err := json.Marshal(map[string]any{"inputs": []any{map[string]any{"name": "x", "shape": []int{2000, 100}, "datatype": "FP32", "data": values}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("oip", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := oip.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var r struct{ Inputs []struct{ Data []float32 } }
			if err := json.Unmarshal(data, &r); err != nil || len(r.Inputs[0].Data) != len(values) {
				b.Fatal(err)
			}
		}
	})
}
