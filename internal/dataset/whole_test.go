package dataset

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// piece is the signature of a model whose rows are not independent.
func piece(inputs ...manifest.Input) manifest.Signature {
	return manifest.Signature{Rows: manifest.RowsNone, Inputs: inputs}
}

func f32Input(name string, dims ...manifest.Dim) manifest.Input {
	return manifest.Input{Name: name, DType: tensor.F32, Shape: dims}
}

func TestATableOfOnePieceComesFromTextFiles(t *testing.T) {
	sig := piece(f32Input("x", manifest.Dim{Size: 2}, manifest.Dim{Size: 2}))
	for name, text := range map[string]string{"x.csv": "x_0,x_1\n1,2\n3,nan\n", "x.jsonl": `{"x":[1,2]}` + "\n" + `{"x":[3,NaN]}` + "\n", "x.json": `{"x":[[1,2],[3,NaN]]}`} {
		in, err := read(t, file(t, name, text), sig, Options{}, math.MaxInt32)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		x := in["x"]
		if v := tensor.Of[float32](x); !x.Shape().Equal(tensor.Shape{2, 2}) || v[2] != 3 || v[3] == v[3] {
			t.Errorf("%s: %v %v", name, x, v)
		}
	}
	_, err := read(t, file(t, "x.csv", "x_0,x_1\n1,\n"), sig, Options{}, math.MaxInt32)
	if err == nil || !strings.Contains(err.Error(), `"x_1": the value is missing`) {
		t.Errorf("an empty field: %v", err)
	}
}

func TestArraysOfOnePieceAreNotCut(t *testing.T) {
	sig := piece(f32Input("v", manifest.Dim{Name: "batch"}), f32Input("factor"))
	r, err := Open(file(t, "x.json", `{"v":[1,2,3],"factor":7}`), Auto, sig, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in, err := r.Next(1)
	if err != nil || !in["v"].Shape().Equal(tensor.Shape{3}) || in["factor"].Rank() != 0 {
		t.Fatalf("%v, %v", in, err)
	}
	if _, err := r.Next(1); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one batch: %v", err)
	}
}

func TestScalarsAreOneRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "y.csv")
	w, err := Create(path, Auto, []manifest.Output{{Name: "mean", DType: tensor.F32}, {Name: "best", DType: tensor.I64}})
	if err != nil {
		t.Fatal(err)
	}
	mean, best := tensor.New(tensor.F32), tensor.New(tensor.I64)
	tensor.Of[float32](mean)[0], tensor.Of[int64](best)[0] = 0.5, 4
	if err := w.Write(tensor.Named{"mean": mean, "best": best}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "mean,best\n0.5,4\n" {
		t.Fatalf("%q, %v", text, err)
	}
}

// A scalar may stand beside arrays, also one whose shape is nil.
func TestAScalarBesideArraysIsWritten(t *testing.T) {
	for _, ext := range []string{"npz", "safetensors"} {
		path := filepath.Join(t.TempDir(), "y."+ext)
		w, err := Create(path, Auto, []manifest.Output{{Name: "total", DType: tensor.F32}, {Name: "v", DType: tensor.F32, Shape: []manifest.Dim{{Size: 2}}}})
		if err != nil {
			t.Fatal(err)
		}
		total, err := tensor.FromBytes(tensor.F32, nil, tensor.Aligned(4))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(tensor.Named{"total": total, "v": tensor.New(tensor.F32, 2)}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("%s: %v", ext, err)
		}
	}
}

func TestOutputsStandSideBySideWhenTheyHaveTheSameRows(t *testing.T) {
	n, m := manifest.Dim{Name: "n"}, manifest.Dim{Size: 2}
	out := func(shapes ...[]manifest.Dim) (list []manifest.Output) {
		for _, s := range shapes {
			list = append(list, manifest.Output{Shape: s})
		}
		return list
	}
	for _, c := range []struct {
		outputs []manifest.Output
		want    bool
	}{
		{out([]manifest.Dim{n, m}, []manifest.Dim{n}), true}, {out([]manifest.Dim{m}, []manifest.Dim{m, n}), true}, {out(nil, nil), true},
		{out([]manifest.Dim{n}, []manifest.Dim{m}), false}, {out([]manifest.Dim{n}, nil), false}, {out(nil, []manifest.Dim{n}), false}, {nil, false},
	} {
		if got := Tabular(c.outputs); got != c.want {
			t.Errorf("%v: %t", c.outputs, got)
		}
	}
}
