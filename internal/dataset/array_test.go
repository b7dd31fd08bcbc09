package dataset

import (
	"archive/zip"
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sbinet/npyio/npy"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// npyBytes makes an npy array by hand.
func npyBytes(descr, order, shape string, data ...byte) string {
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape)
	return npyMagic + "\x01\x00" + string([]byte{byte(len(text)), byte(len(text) >> 8)}) + text + string(data)
}

func TestNPYNotations(t *testing.T) {
	sig := manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: tensor.I16, Shape: batch(3)}}}
	want := []int16{1, 2, 3, 4, 5, 6}
	long := strings.Replace(npyBytes("<i2", "False", "(2, 3)", 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0), "\x01\x00", "\x02\x00", 1)
	long = long[:10] + "\x00\x00" + long[10:]
	for name, text := range map[string]string{
		"c order":           npyBytes("<i2", "False", "(2, 3)", 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0),
		"version 2":         long,
		"big-endian":        npyBytes(">i2", "False", "(2, 3)", 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6),
		"fortran order":     npyBytes("<i2", "True", "(2, 3)", 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6, 0),
		"python 2, fortran": npyBytes(">i2", "True", "(2L, 3L)", 0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6),
	} {
		var archive bytes.Buffer
		z := zip.NewWriter(&archive)
		w, err := z.Create("x.npy") // deflated
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		for file2, content := range map[string]string{"x.npy": text, "x.npz": archive.String()} {
			for _, size := range []int{1, 2, 9} {
				got, err := read(t, file(t, file2, content), sig, Options{}, size)
				if err != nil {
					t.Fatalf("%s, %s: %v", name, file2, err)
				}
				x := got["x"]
				if !x.Shape().Equal(tensor.Shape{2, 3}) || fmt.Sprint(tensor.Of[int16](x)) != fmt.Sprint(want) {
					t.Errorf("%s, %s: %v %v", name, file2, x, tensor.Of[int16](x))
				}
			}
		}
	}
}

func TestFortranOrderOfThreeDimensions(t *testing.T) {
	// Element [r][i][j] is 100r + 10i + j, written first dimension fastest.
	var data []byte
	for j := range 3 {
		for i := range 2 {
			for r := range 4 {
				data = append(data, byte(100*r%256), byte(10*i+j))
			}
		}
	}
	sig := manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: tensor.U16, Shape: batch(2, 3)}}}
	got, err := read(t, file(t, "x.npy", npyBytes("<u2", "True", "(4, 2, 3)", data...)), sig, Options{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for at, v := range tensor.Of[uint16](got["x"]) {
		r, i, j := at/6, at/3%2, at%3
		if want := uint16(100*r%256) | uint16(10*i+j)<<8; v != want {
			t.Fatalf("[%d][%d][%d] is %d, want %d", r, i, j, v, want)
		}
	}
}

func TestNPYRefuses(t *testing.T) {
	sig := manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: tensor.F32, Shape: batch(1)}}}
	four := []byte{0, 0, 128, 63}
	for name, c := range map[string]struct{ text, want string }{
		"no npy":       {"hello, this is text", "does not begin"},
		"short":        {npyMagic, "too short"},
		"truncated":    {npyBytes("<f4", "False", "(2, 1)", four...), "truncated"},
		"trailing":     {npyBytes("<f4", "False", "(1, 1)", append(four, 0)...), "truncated, or not one array"},
		"dtype":        {npyBytes("<f8", "False", "(0, 1)"), "dtype is F64, wanted F32"},
		"objects":      {npyBytes("|O", "False", "(1, 1)"), `dtype "|O" is not supported`},
		"rank":         {npyBytes("<f4", "False", "(1,)", four...), "has 1 dimensions"},
		"width":        {npyBytes("<f4", "False", "(1, 2)", append(four, four...)...), "shape is [1, 2]"},
		"overflow":     {npyBytes("<f4", "False", "(4611686018427387903, 4611686018427387903)"), "more elements"},
		"huge":         {npyBytes("<f4", "False", "(4611686018427387903, 1)"), "too large"},
		"negative":     {npyBytes("<f4", "False", "(-1, 1)"), "dimensions before"},
		"second key":   {npyBytes("<f4", "False", "(1,), 'descr': '<f4'", four...), "appears twice"},
		"unknown key":  {npyBytes("<f4", "False", "(1,), 'more': 1", four...), "unknown"},
		"unclosed":     {npyBytes("<f4", "False", "(1,"), "before"},
		"version":      {npyMagic + "\x09\x00\x00\x00", "version 9.0"},
		"long header":  {npyMagic + "\x02\x00\xff\xff\xff\xff", "claims 4294967295 bytes"},
		"short header": {npyMagic + "\x01\x00\xff\x00{", "truncated"},
	} {
		_, err := read(t, file(t, "x.npy", c.text), sig, Options{}, 1)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// multi has two batch inputs of different dtypes, one of them converted, and one input without a batch.
func multi() (manifest.Signature, tensor.Named, error) {
	sig := manifest.Signature{Inputs: []manifest.Input{
		{Name: "ids", DType: tensor.I64, Shape: batch(2)},
		{Name: "dense", DType: tensor.F32, Shape: batch(), Accepts: []tensor.DType{tensor.F64}, Missing: true},
		{Name: "scale", DType: tensor.F32, Shape: []manifest.Dim{{Size: 2}}},
	}}
	ids, err := tensor.FromSlice(tensor.I64, []int64{1, 2, 3, 4, -5, math.MaxInt64}, 3, 2)
	if err != nil {
		return sig, nil, err
	}
	dense, err := tensor.FromSlice(tensor.F64, []float64{0.1, math.NaN(), 1e300}, 3)
	if err != nil {
		return sig, nil, err
	}
	scale, err := tensor.FromSlice(tensor.F32, []float32{2, 3}, 2)
	return sig, tensor.Named{"ids": ids, "dense": dense, "scale": scale}, err
}

func TestSeveralInputs(t *testing.T) {
	sig, named, err := multi()
	if err != nil {
		t.Fatal(err)
	}
	frame, err := tensor.AppendFrame(nil, named, map[string]string{"made": "by"})
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"scale":[2,3],"dense":[0.1,null,1.0],"ids":[[1,2],[3,4],[-5,9223372036854775807]]}`
	for name, path := range map[string]string{
		"safetensors": file(t, "x.safetensors", string(frame)),
		"json":        file(t, "x.json", text),
	} {
		r, err := Open(path, Auto, sig, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if rows, known := r.Rows(); rows != 3 || !known {
			t.Errorf("%s: %d rows, known %t", name, rows, known)
		}
		if fmt.Sprint(r.Names()) != "[ids dense scale]" {
			t.Errorf("%s: names %v", name, r.Names())
		}
		for _, lo := range []int{0, 2} {
			n, err := r.Next(2)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := []int64{1, 2, 3, 4, -5, math.MaxInt64}[2*lo : min(6, 2*lo+4)]
			if fmt.Sprint(tensor.Of[int64](n["ids"])) != fmt.Sprint(want) {
				t.Errorf("%s: ids %v", name, tensor.Of[int64](n["ids"]))
			}
			if fmt.Sprint(tensor.Of[float32](n["scale"])) != "[2 3]" {
				t.Errorf("%s: scale %v", name, n["scale"])
			}
			if d := floats(t, n["dense"]); lo == 0 && (d[0] != 0.1 || d[1] == d[1]) {
				t.Errorf("%s: dense %v", name, d)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(file(t, "x.csv", "ids_0\n1\n"), Auto, sig, Options{}); err == nil || !strings.Contains(err.Error(), "use npz or safetensors") {
		t.Errorf("csv: %v", err)
	}
	delete(named, "ids")
	named["id"] = named["dense"]
	if frame, err = tensor.AppendFrame(nil, named, nil); err != nil {
		t.Fatal(err)
	}
	_, err = Open(file(t, "x.safetensors", string(frame)), Auto, sig, Options{})
	if err == nil || !strings.Contains(err.Error(), `array "id" is not the model's (is "ids" meant?); array "ids" is missing`) {
		t.Errorf("misnamed: %v", err)
	}
}

func TestStringInputs(t *testing.T) {
	sig := manifest.Signature{Inputs: []manifest.Input{{Name: "s", DType: tensor.String, Shape: batch()}, {Name: "n", DType: tensor.U8, Shape: batch()}}}
	x, err := tensor.FromStrings(tensor.Shape{2}, []string{"a,\"b\"", ""})
	if err != nil {
		t.Fatal(err)
	}
	n, err := tensor.FromSlice(tensor.U8, []uint8{1, 255}, 2)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := tensor.AppendFrame(nil, tensor.Named{"s": x, "n": n}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"x.csv":         "n,s\n1,\"a,\"\"b\"\"\"\n255.0,\n",
		"x.jsonl":       `{"n":1,"s":"a,\"b\""}{"n":2.55e2,"s":""}`,
		"x.safetensors": string(frame),
	} {
		got, err := read(t, file(t, name, text), sig, Options{}, 1)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s := got["s"]; s.StringAt(0) != `a,"b"` || s.StringAt(1) != "" || fmt.Sprint(got["n"].Bytes()) != "[1 255]" {
			t.Errorf("%s: %q, %v", name, s.Bytes(), got["n"].Bytes())
		}
	}
	// Line breaks within quotes do not shift lines, and text does not make a row of data one of names.
	lines := "\"a\nb\",1\n\"c\n\",2\n,3\n\n"
	got, err := read(t, file(t, "x.csv", lines), sig, Options{ByPosition: true}, 2)
	if err != nil || fmt.Sprint(got["n"].Bytes()) != "[1 2 3]" || got["s"].StringAt(0) != "a\nb" || got["s"].StringAt(1) != "c\n" {
		t.Errorf("lines: %v, %v", got, err)
	}
	_, err = read(t, file(t, "x.csv", lines+",4\n"), sig, Options{ByPosition: true, Header: HeaderAbsent}, 2)
	if err == nil || !strings.Contains(err.Error(), "line 6 is blank") {
		t.Errorf("blank line: %v", err)
	}
	sig.Inputs = sig.Inputs[:1]
	if _, err := read(t, file(t, "x.csv", "a\nb\n"), sig, Options{ByPosition: true}, 2); err == nil {
		t.Error("text only: names and data are told apart")
	}
}

// Another library reads what is written here.
func TestNPYIsReadByNpyio(t *testing.T) {
	outputs, named := someOutputs(5)
	path := filepath.Join(t.TempDir(), "y.npy")
	write(t, path, outputs[3:4], named, 2)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []float64
	if err := npy.Read(f, &got); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(tensor.Of[float64](named["wide"])) {
		t.Fatalf("%v", got)
	}
}

// NumPy and safetensors themselves, where they are installed, read what is written and write what is read.
func TestPythonExchangesFiles(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import numpy, safetensors.numpy").Run() != nil {
		t.Skip("python3 with numpy and safetensors is not installed")
	}
	outputs, named := someOutputs(6)
	dir := t.TempDir()
	for _, ext := range []string{"npz", "safetensors"} {
		sub := filepath.Join(dir, ext)
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(sub, "y."+ext), outputs, named, 3)
	}
	const script = `
import sys, numpy as np, safetensors.numpy as st
d = sys.argv[1]
a, b = dict(np.load(d + "/npz/y.npz")), st.load_file(d + "/safetensors/y.safetensors")
assert sorted(a) == sorted(b), (sorted(a), sorted(b))
for k in a:
    assert a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and a[k].tobytes() == b[k].tobytes(), k
np.savez_compressed(d + "/z.npz", **{k: np.asfortranarray(v) for k, v in a.items()})
st.save_file({k: np.ascontiguousarray(v) for k, v in a.items()}, d + "/z.safetensors")
`
	if out, err := exec.Command(python, "-c", script, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"z.npz", "z.safetensors"} {
		r, err := OpenExpected(filepath.Join(dir, name), Auto, outputs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := all(r, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outputs {
			if d, err := tensor.Diff(got[o.Name], named[o.Name], tensor.Tolerance{Exact: true}); err != nil || d.Beyond > 0 {
				t.Errorf("%s, %q: %v, %v", name, o.Name, d, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
