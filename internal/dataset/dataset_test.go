package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func batch(sizes ...int) []manifest.Dim {
	dims := []manifest.Dim{{Name: manifest.Batch}}
	for _, s := range sizes {
		dims = append(dims, manifest.Dim{Size: s})
	}
	return dims
}

// trees is the signature of a tree model: named features, missing values.
func trees(names ...string) manifest.Signature {
	in := manifest.Input{Name: "features", DType: tensor.F32, Shape: batch(len(names)), Accepts: []tensor.DType{tensor.F64}, Missing: true}
	for _, n := range names {
		in.Features = append(in.Features, manifest.Feature{Name: n})
	}
	return manifest.Signature{Inputs: []manifest.Input{in}}
}

func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// all reads everything in batches of the given size and joins them.
func all(r *Reader, size int) (map[string]*tensor.Tensor, error) {
	parts := map[string][]*tensor.Tensor{}
	for {
		n, err := r.Next(size)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		for name, t := range n {
			if t.Rank() > 0 && t.Dim(0) > size {
				return nil, fmt.Errorf("a batch has %d rows, asked were %d", t.Dim(0), size)
			}
			parts[name] = append(parts[name], t)
		}
	}
	out := map[string]*tensor.Tensor{}
	for name, list := range parts {
		t, err := join(list)
		if err != nil {
			return nil, err
		}
		out[name] = t
	}
	return out, nil
}

func join(list []*tensor.Tensor) (*tensor.Tensor, error) {
	shape := list[0].Shape().Clone()
	var data []byte
	var strs []string
	shape[0] = 0
	for _, t := range list {
		shape[0] += t.Dim(0)
		data = append(data, t.Bytes()...)
		if t.DType() == tensor.String {
			for i := range t.Len() {
				strs = append(strs, t.StringAt(i))
			}
		}
	}
	if list[0].DType() == tensor.String {
		return tensor.FromStrings(shape, strs)
	}
	return tensor.FromBytes(list[0].DType(), shape, data)
}

func read(t testing.TB, path string, sig manifest.Signature, opt Options, size int) (map[string]*tensor.Tensor, error) {
	t.Helper()
	r, err := Open(path, Auto, sig, opt)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	return all(r, size)
}

func floats(t testing.TB, x *tensor.Tensor) []float32 {
	t.Helper()
	if x == nil || x.DType() != tensor.F32 {
		t.Fatalf("found %v, wanted F32", x)
	}
	return tensor.Of[float32](x)
}

func sameFloats(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y })
}

// The same two rows in every notation.
func TestEveryTextFormMeansTheSame(t *testing.T) {
	nan := float32(math.NaN())
	want := []float32{1.5, nan, -0.1, 1e-3, 2, 7}
	sig := trees("a", "b c", "d")
	pos := Options{ByPosition: true}
	for name, c := range map[string]struct {
		file, text string
		opt        Options
	}{
		"csv":                   {"x.csv", "a,b c,d\n1.5,,-0.1\n1e-3,2,7\n", Options{}},
		"csv other order":       {"x.csv", "d,a,b c\n-0.1,1.5,NaN\r\n7,0.001,2", Options{}},
		"csv mark and quotes":   {"x.csv", "\ufeff\"a\",\"b c\",d\n\"1.5\",nan, -0.1 \n.1e-2,+2,7.0\n\n", Options{}},
		"csv by position":       {"x.csv", "x,y,z\n1.5,,-0.1\n1e-3,2,7\n", pos},
		"csv no header":         {"x.csv", "1.5,,-0.1\n1e-3,2,7\n", pos},
		"csv header stated":     {"x.csv", "0,1,2\n1.5,,-0.1\n1e-3,2,7\n", Options{ByPosition: true, Header: HeaderPresent}},
		"jsonl":                 {"x.jsonl", `{"a":1.5,"b c":null,"d":-0.1}` + "\n" + `{"d":7,"a":1e-3,"b c":2}`, Options{}},
		"jsonl NaN, blanks":     {"x.ndjson", "\n" + `{"a":1.5,"b c":NaN,"d":-0.1}` + "\n\n" + `{"d":7,"a":1e-3,"b c":2}` + "\n", Options{}},
		"jsonl by input":        {"x.jsonl", `{"features":[1.5,null,-0.1]}` + "\n" + `{"features":[1e-3,2,7]}`, Options{}},
		"jsonl arrays":          {"x.jsonl", "[1.5,null,-0.1]\n[1e-3,2,7]\n", pos},
		"json rows":             {"x.json", `[{"a":1.5,"b\u0020c":null,"d":-0.1},` + "\n" + `{"d":7,"a":1e-3,"b c":2}]`, Options{}},
		"json arrays":           {"x.json", "[[1.5,null,-0.1],[1e-3,2,7]]", pos},
		"json columns":          {"x.json", `{"a":[1.5,0.001],"d":[-0.1,7],"b c":[null,2]}`, Options{}},
		"json input":            {"x.json", `{"features":[[1.5,null,-0.1],[1e-3,2,7]]}`, Options{}},
		"json protocol":         {"x.json", `{"id":"1","inputs":[{"name":"features","shape":[2,3],"datatype":"FP32","data":[1.5,null,-0.1,1e-3,2,7]}],"parameters":{"x":[{}]}}`, Options{}},
		"json protocol, nested": {"x.json", `{"inputs":[{"data":[[1.5,NaN,-0.1],[1e-3,2,7]],"datatype":"FP64","shape":[2,3],"name":"features"}]}`, Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, c.file, c.text)
			for _, size := range []int{1, 2, 100} {
				got, err := read(t, path, sig, c.opt, size)
				if err != nil {
					t.Fatal(err)
				}
				x := got["features"]
				if !x.Shape().Equal(tensor.Shape{2, 3}) || !sameFloats(floats(t, x), want) {
					t.Fatalf("batches of %d: %v %v, want %v", size, x, floats(t, x), want)
				}
			}
		})
	}
}

// Numbers go through float64: this decimal lies just above the middle of two float32, its float64 exactly on it.
func TestNumbersAreRoundedByWayOfFloat64(t *testing.T) {
	const text = "1.00000017881393432617187499" // below the tie 1+1.5*2^-23; direct rounding gives 1+2^-23
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	if direct, err := strconv.ParseFloat(text, 32); err != nil || float32(direct) == float32(v) {
		t.Fatalf("the example is none: %v, %v", direct, err)
	}
	got, err := read(t, file(t, "x.csv", "a\n"+text+"\n"), trees("a"), Options{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if f := floats(t, got["features"])[0]; f != float32(v) || math.Float32bits(f) != 0x3f800002 {
		t.Fatalf("found %08x, numpy gives %08x", math.Float32bits(f), math.Float32bits(float32(v)))
	}
}

func TestOutputsRoundTripInEveryFormat(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	outputs, named := someOutputs(seed)
	for _, format := range Formats() {
		for _, size := range []int{1, 3, 1000} {
			t.Run(fmt.Sprintf("%s/batch=%d", format, size), func(t *testing.T) {
				outs := outputs
				if format == NPY {
					outs = outputs[1:2]
				}
				path := filepath.Join(t.TempDir(), "y."+string(format))
				write(t, path, outs, named, size)
				r, err := OpenExpected(path, Auto, outs)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				if rows, known := r.Rows(); known && rows != 7 {
					t.Fatalf("%d rows", rows)
				}
				got, err := all(r, 1+size/2)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range outs {
					want := named[o.Name]
					d, err := tensor.Diff(got[o.Name], want, tensor.Tolerance{Exact: true})
					if err != nil || d.Beyond > 0 {
						t.Errorf("%q: %v, %v", o.Name, d, err)
					}
				}
			})
		}
	}
}

// someOutputs are 7 rows of several dtypes with awkward values; no infinities, which JSON cannot hold.
func someOutputs(seed uint64) ([]manifest.Output, tensor.Named) {
	rng := rand.New(rand.NewPCG(seed, 11))
	const rows = 7
	outputs := []manifest.Output{
		{Name: "prediction", DType: tensor.F32, Shape: batch()}, {Name: "margin", DType: tensor.F32, Shape: batch(3)},
		{Name: "leaf", DType: tensor.I32, Shape: batch(2, 2)}, {Name: "wide", DType: tensor.F64, Shape: batch()},
		{Name: "big", DType: tensor.U64, Shape: batch()}, {Name: "flag", DType: tensor.Bool, Shape: batch()},
		{Name: "half", DType: tensor.F16, Shape: batch(1)},
	}
	named := tensor.Named{}
	for _, o := range outputs {
		shape := []int{rows}
		for _, d := range o.Shape[1:] {
			shape = append(shape, d.Size)
		}
		x := tensor.New(o.DType, shape...)
		data := x.Bytes()
		for i := range data {
			data[i] = byte(rng.Uint32())
			if o.DType == tensor.Bool {
				data[i] &= 1
			}
			if size := o.DType.Size(); o.DType.Float() && i%size == size-1 && data[i]&0x7f >= 0x7b {
				data[i] &^= 0x40 // neither NaN nor infinite
			}
		}
		if o.DType == tensor.F32 {
			tensor.Of[float32](x)[1] = float32(math.NaN())
			tensor.Of[float32](x)[2] = float32(math.Copysign(0, -1))
		}
		named[o.Name] = x
	}
	return outputs, named
}

func write(t testing.TB, path string, outs []manifest.Output, named tensor.Named, size int) {
	t.Helper()
	w, err := Create(path, Auto, outs)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	rows := named[outs[0].Name].Dim(0)
	for lo := 0; lo < rows; lo += size {
		part := tensor.Named{}
		for _, o := range outs {
			x, err := named[o.Name].Rows(lo, min(rows, lo+size))
			if err != nil {
				t.Fatal(err)
			}
			part[o.Name] = x
		}
		if err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Fatalf("files beside the output: %v, %v", left, err)
	}
}

func TestWrittenSafetensorsIsTheCanonicalFrame(t *testing.T) {
	outputs, named := someOutputs(3)
	text, err := tensor.FromStrings(tensor.Shape{7}, []string{"a", "", "ccc", "d", "e", "é", "\xff"})
	if err != nil {
		t.Fatal(err)
	}
	named["label"] = text
	outputs = append(outputs, manifest.Output{Name: "label", DType: tensor.String, Shape: batch()})
	want, err := tensor.AppendFrame(nil, named, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 7} {
		path := filepath.Join(t.TempDir(), "y.safetensors")
		write(t, path, outputs, named, size)
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("batches of %d: %d bytes differ from the frame's %d, %v", size, len(got), len(want), err)
		}
	}
}

func TestErrorsNamePlaceAndRemedy(t *testing.T) {
	sig := trees("age", "sex")
	strict := trees("age", "sex")
	strict.Inputs[0].Missing = false
	for name, c := range map[string]struct {
		file, text string
		sig        manifest.Signature
		opt        Options
		want       string
	}{
		"unknown column":     {"x.csv", "agee,sex\n1,2\n", sig, Options{}, `column "agee" is not the model's (is "age" meant?); column "age" is missing`},
		"missing column":     {"x.csv", "age\n1\n", sig, Options{}, `column "sex" is missing`},
		"column twice":       {"x.csv", "age,sex,age\n1,2,3\n", sig, Options{}, `column "age" stands there twice`},
		"ragged":             {"x.csv", "age,sex\n1,2\n1\n", sig, Options{}, "line 3 has 1 fields, wanted 2"},
		"blank line":         {"x.csv", "age,sex\n1,2\n\n1,2\n", sig, Options{}, "line 3 is blank"},
		"not a number":       {"x.csv", "age,sex\n1,2\n1,male\n", sig, Options{}, `line 3, row 2, column "sex": "male" is not a number`},
		"hexadecimal":        {"x.csv", "age,sex\n0x10,2\n", sig, Options{}, "not a number"},
		"too large":          {"x.csv", "age,sex\n1e39,2\n", sig, Options{}, "too large for F32"},
		"missing value":      {"x.csv", "age,sex\n1,\n", strict, Options{}, `column "sex": the value is missing`},
		"wrong count":        {"x.csv", "1,2,3\n", sig, Options{ByPosition: true}, "it has 3 columns, the model 2"},
		"counting header":    {"x.csv", "0,1\n1,2\n", sig, Options{ByPosition: true}, "may be names or data"},
		"mixed first row":    {"x.csv", "1,x\n1,2\n", sig, Options{ByPosition: true}, "may be names or data"},
		"no header by name":  {"x.csv", "1,2\n", sig, Options{Header: HeaderAbsent}, "by position"},
		"empty file":         {"x.csv", "", sig, Options{}, "empty"},
		"bad quotes":         {"x.csv", "age,sex\n\"1,2\n", sig, Options{}, "quote"},
		"extension":          {"x.txt", "", sig, Options{}, "tells no format"},
		"json key":           {"x.jsonl", `{"age":1,"sexx":2}`, sig, Options{}, `row 1 (line 1): name "sexx" is not the model's (is "sex" meant?)`},
		"json absent":        {"x.jsonl", `{"age":1}`, sig, Options{}, `column "sex" is missing`},
		"json twice":         {"x.jsonl", `{"age":1,"sex":1,"age":1}`, sig, Options{}, `"age" stands there twice`},
		"json text":          {"x.jsonl", "{\"age\":1,\"sex\":1}\n{\"age\":\"1\",\"sex\":1}", sig, Options{}, `row 2 (line 2): column "age": wanted F32, found string "1"`},
		"json null":          {"x.jsonl", `{"age":null,"sex":1}`, strict, Options{}, "the value is missing"},
		"json cut":           {"x.jsonl", `{"age":1,"sex":`, sig, Options{}, "found the end"},
		"json comma":         {"x.json", `[{"age":1,"sex":2,}]`, sig, Options{}, "comma stands before"},
		"json trailing":      {"x.json", `[] 1`, sig, Options{}, "nothing after"},
		"json short array":   {"x.jsonl", `{"features":[1]}`, sig, Options{}, "an array has 1 elements, wanted 2"},
		"json long array":    {"x.jsonl", `{"features":[1,2,3]}`, sig, Options{}, "longer than 2"},
		"json ragged":        {"x.json", `{"features":[[1,2],[3]]}`, sig, Options{}, "row 2 at depth 1 has shape [1], those before it [2]"},
		"json column length": {"x.json", `{"age":[1,2],"sex":[1]}`, sig, Options{}, "rows, another"},
		"json both":          {"x.json", `{"age":[1],"features":[[1,2]]}`, sig, Options{}, "stand there twice"},
		"json positions":     {"x.jsonl", `[1,2]`, sig, Options{}, "use --by-position"},
		"protocol datatype":  {"x.json", `{"inputs":[{"name":"features","shape":[1,2],"datatype":"INT64","data":[1,2]}]}`, sig, Options{}, "datatype is INT64, wanted FP32"},
		"protocol shape":     {"x.json", `{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,2]}]}`, sig, Options{}, "does not fit its 2 values"},
		"protocol name":      {"x.json", `{"inputs":[{"name":"feature","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`, sig, Options{}, `is "features" meant?`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, file(t, c.file, c.text), c.sig, c.opt, 10)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := Open("none.csv", Auto, sig, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}
