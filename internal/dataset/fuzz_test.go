package dataset

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// drain reads a source to its end in batches of the given size and describes all that it gave; symbolically equal data
// gives equal descriptions, whatever the batches.
func drain(src source, err error, size int) (string, error) {
	if err != nil {
		return "", err
	}
	parts := map[string][]*tensor.Tensor{}
	for {
		n, err := src.next(size)
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		for name, t := range n {
			parts[name] = append(parts[name], t)
		}
	}
	var text strings.Builder
	for _, name := range src.present() {
		if len(parts[name]) == 0 {
			continue
		}
		t, err := join(parts[name])
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "%q %v %x %v\n", name, t, t.Bytes(), t.Offsets())
	}
	return text.String(), nil
}

// fuzzSignature has every kind of column that the text formats know.
func fuzzSignature() manifest.Signature {
	sig := trees("a", "b")
	sig.Inputs = append(sig.Inputs,
		manifest.Input{Name: "n", DType: tensor.I8, Shape: batch(1, 2)},
		manifest.Input{Name: "s", DType: tensor.String, Shape: batch()},
		manifest.Input{Name: "h", DType: tensor.F16, Shape: batch(), Missing: true})
	return sig
}

// fuzzText checks that a text is refused or gives the same values in batches of 1 and of many.
func fuzzText(f *testing.F, open func(in io.Reader, s *schema, opt Options) (source, error)) {
	sig := fuzzSignature()
	f.Fuzz(func(t *testing.T, text []byte, byPosition, subset bool) {
		read := func(size int) (string, error) {
			s, err := inputSchema(sig)
			if err != nil {
				t.Fatal(err)
			}
			s.subset = subset
			src, err := open(bytes.NewReader(text), s, Options{ByPosition: byPosition})
			return drain(src, err, size)
		}
		one, err1 := read(1)
		many, err2 := read(1000)
		if (err1 == nil) != (err2 == nil) || one != many {
			t.Fatalf("in single rows:\n%s%v\nin one batch:\n%s%v", one, err1, many, err2)
		}
	})
}

func FuzzCSV(f *testing.F) {
	const header = "a,b,n_0,n_1,s,h\n"
	for _, text := range []string{
		header + "1,,-128,127,\"x\n\"\"\",65504\n", header + "1e308,1,0,0,,1\n", header + "nan,inf,1.0,+1e1,\xff,-0\r\n",
		header + "1,1,128,0,,1\n", header + "1,1,1,1,,65520\n", "\ufeff" + header, header + "\n\n1,1,1,1,1,1", "1,2,3,4,5,6\n", "0,1,2,3,4,5\n", "\"", "a\n",
	} {
		f.Add([]byte(text), false, false)
		f.Add([]byte(text), true, true)
	}
	fuzzText(f, func(in io.Reader, s *schema, opt Options) (source, error) { return newCSV(in, s, opt) })
}

func FuzzJSONLines(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":null,"n":[[1,-128]],"s":"\ud83d\ude00","h":NaN}` + "\n" + `{"n_0":1,"n_1":2,"a":Infinity,"b":-1e-400,"s":"","h":0}`,
		`[1,2,3,4,"5",6]`, `[1,2,3,4,"5",6][`, `{"a":1e999}`, `{"n":[[1,2],[3,4]]}`, `{"s":"\ud800"}`, `{"a":01}`, "{", `{"a":[1]}`,
	} {
		f.Add([]byte(text), false, false)
		f.Add([]byte(text), true, true)
	}
	fuzzText(f, func(in io.Reader, s *schema, opt Options) (source, error) { return newJSONLines(in, s, opt) })
}

func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`[{"a":1,"b":null,"n":[[1,-128]],"s":"x","h":1}]`, `{"a":[1,2],"b":[3,null],"n":[[[1,2]],[[3,4]]],"s":["",""],"h":[1,NaN]}`,
		`{"inputs":[{"name":"features","shape":[1,2],"datatype":"FP64","data":[[1,null]]},{"name":"s","shape":[1],"datatype":"BYTES","data":["x"]},` +
			`{"name":"n","shape":[1,1,2],"datatype":"INT8","data":[1,2]},{"name":"h","shape":[1],"datatype":"FP16","data":[1]}]}`,
		`{"features":[],"n":[],"s":[],"h":[]}`, `{"id":` + strings.Repeat("[", 70), `{"features":[[[1]]]}`, `{"outputs":[]}`, `[]`, `{}`, `1`,
		`{"inputs":[{"name":"s","shape":[4611686018427387904,4,0],"datatype":"BYTES","data":[]}]}`,
	} {
		f.Add([]byte(text), false, false)
		f.Add([]byte(text), true, true)
	}
	fuzzText(f, newJSON)
}

// FuzzNumber checks that what is stored is what its own text means again.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"", "nan", "-0", "1e400", "-129", "255.0", "1e2", "9223372036854775808", "0x1p-2", "1_0", "inf", "true", " 1 ", "65519.999"} {
		for d := tensor.Bool; d < tensor.String; d++ {
			f.Add([]byte(text), byte(d))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, dtype byte) {
		d := tensor.DType(dtype)
		if d.Size() == 0 {
			return
		}
		x := tensor.New(d, 1)
		if _, err := element(x.Bytes(), d, text); err != nil {
			return
		}
		y := tensor.New(d, 1)
		back := appender(x)(nil, 0)
		if _, err := element(y.Bytes(), d, back); err != nil || !bytes.Equal(x.Bytes(), y.Bytes()) {
			t.Fatalf("%q as %v is %x, whose text %q is %x, %v", text, d, x.Bytes(), back, y.Bytes(), err)
		}
	})
}

func FuzzArrays(f *testing.F) {
	dir := f.TempDir()
	sig := manifest.Signature{Inputs: []manifest.Input{
		{Name: "x", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Name: "k"}}, Accepts: []tensor.DType{tensor.F64, tensor.I16}, Missing: true}}}
	f.Add([]byte(npyBytes("<f4", "False", "(2, 1)", make([]byte, 8)...)), byte(0))
	f.Add([]byte(npyBytes(">f8", "True", "(2, 2)", make([]byte, 32)...)), byte(0))
	f.Add([]byte(npyBytes("<i2", "True", "(4611686018427387904, 0)")), byte(0))
	f.Add([]byte(npyBytes("|b1", "False", "(1, 1)", 2)), byte(0))
	frame, err := tensor.AppendFrame(nil, tensor.Named{"x": tensor.New(tensor.F64, 3, 2)}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame, byte(2))
	path := filepath.Join(dir, "y.npz")
	w, err := Create(path, Auto, []manifest.Output{{Name: "x", DType: tensor.F32, Shape: sig.Inputs[0].Shape}})
	if err != nil {
		f.Fatal(err)
	}
	if err := w.Write(tensor.Named{"x": tensor.New(tensor.F32, 3, 2)}); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	archive, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(archive, byte(1))
	f.Fuzz(func(t *testing.T, content []byte, format byte) {
		path := filepath.Join(dir, "x")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, []Format{NPY, NPZ, Safetensors}[format%3], sig, Options{})
		if err != nil {
			return
		}
		defer r.Close()
		rows, known := r.Rows()
		if !known {
			t.Fatal("an array does not know its rows")
		}
		if rows > 1<<20 {
			return // rows without columns take no bytes: there may be any number
		}
		got, err := all(r, 1000)
		if err != nil {
			return
		}
		if x := got["x"]; rows > 0 && (x == nil || int64(x.Dim(0)) != rows) {
			t.Fatalf("%d rows promised, %v read", rows, x)
		}
	})
}
