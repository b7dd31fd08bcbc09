package dataset

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Fatalf("something is left: %v, %v", left, err)
	}
}

func TestNothingAppearsBeforeCloseNorAfterAbort(t *testing.T) {
	outputs, named := someOutputs(1)
	for _, format := range Formats() {
		outs, n := outputs, named
		if format == NPY {
			outs, n = outputs[:1], tensor.Named{"prediction": named["prediction"]}
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "y."+string(format))
		w, err := Create(path, Auto, outs)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(n); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s: the file is there before Close: %v", format, err)
		}
		w.Abort()
		empty(t, dir)
		if w.Write(n) == nil || w.Close() == nil {
			t.Errorf("%s: usable after Abort", format)
		}
		empty(t, dir)
	}
}

func TestAFileThatIsThereIsReplacedOnlyByAWholeOne(t *testing.T) {
	path := file(t, "y.csv", "old")
	outs := []manifest.Output{{Name: "p", DType: tensor.F32, Shape: batch()}}
	w, err := Create(path, Auto, outs)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(tensor.Named{"p": tensor.New(tensor.F64, 1)}); err == nil {
		t.Fatal("a wrong dtype is accepted")
	}
	if w.Close() == nil {
		t.Fatal("Close succeeds after an error")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Fatalf("the old file is %q, %v", got, err)
	}
	write(t, path, outs, tensor.Named{"p": tensor.New(tensor.F32, 2)}, 1)
	if got, err := os.ReadFile(path); err != nil || string(got) != "p\n0\n0\n" {
		t.Fatalf("the new file is %q, %v", got, err)
	}
}

func TestTextOutput(t *testing.T) {
	p, err := tensor.FromSlice(tensor.F32, []float32{0.1, float32(math.NaN()), 1e-7}, 3)
	if err != nil {
		t.Fatal(err)
	}
	m, err := tensor.FromSlice(tensor.I32, []int32{1, 2, 3, 4, 5, -6}, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tensor.FromStrings(tensor.Shape{3}, []string{"a,b", "q\"\n", ""})
	if err != nil {
		t.Fatal(err)
	}
	outs := []manifest.Output{{Name: "p", DType: tensor.F32, Shape: batch()}, {Name: "m", DType: tensor.I32, Shape: batch(2)},
		{Name: "s", DType: tensor.String, Shape: batch()}}
	n := tensor.Named{"p": p, "m": m, "s": s}
	for ext, want := range map[string]string{
		"csv":   "p,m_0,m_1,s\n0.1,1,2,\"a,b\"\n,3,4,\"q\"\"\n\"\n1e-07,5,-6,\n",
		"jsonl": `{"p":0.1,"m":[1,2],"s":"a,b"}` + "\n" + `{"p":null,"m":[3,4],"s":"q\"\u000a"}` + "\n" + `{"p":1e-07,"m":[5,-6],"s":""}` + "\n",
		"json":  "[\n" + `{"p":0.1,"m":[1,2],"s":"a,b"}` + ",\n" + `{"p":null,"m":[3,4],"s":"q\"\u000a"}` + ",\n" + `{"p":1e-07,"m":[5,-6],"s":""}` + "\n]\n",
	} {
		path := filepath.Join(t.TempDir(), "y."+ext)
		write(t, path, outs, n, 2)
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s:\n%s\nwant\n%s", ext, got, want)
		}
	}
	// One column of a missing value must not become a blank line.
	path := filepath.Join(t.TempDir(), "y.csv")
	write(t, path, outs[:1], n, 3)
	if got, err := os.ReadFile(path); err != nil || string(got) != "p\n0.1\n\"\"\n1e-07\n" {
		t.Errorf("one column: %q, %v", got, err)
	}
}

func TestNoRows(t *testing.T) {
	outs := []manifest.Output{{Name: "p", DType: tensor.F32, Shape: batch(2)}}
	for _, format := range Formats() {
		path := filepath.Join(t.TempDir(), "y."+string(format))
		write(t, path, outs, tensor.Named{"p": tensor.New(tensor.F32, 0, 2)}, 1)
		if format == CSV {
			if got, err := os.ReadFile(path); err != nil || string(got) != "p_0,p_1\n" {
				t.Errorf("csv: %q, %v", got, err)
			}
		}
		sig := manifest.Signature{Inputs: []manifest.Input{{Name: "p", DType: tensor.F32, Shape: batch(2)}}}
		got, err := read(t, path, sig, Options{}, 3)
		if err != nil || len(got) != 0 {
			t.Errorf("%s: %v, %v", format, got, err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	f32 := func(name string, dims ...manifest.Dim) manifest.Output {
		return manifest.Output{Name: name, DType: tensor.F32, Shape: dims}
	}
	rows := manifest.Dim{Name: manifest.Batch}
	inf := tensor.New(tensor.F32, 1)
	tensor.Of[float32](inf)[0] = float32(math.Inf(-1))
	bad, err := tensor.FromStrings(tensor.Shape{1}, []string{"\xff"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ext     string
		outputs []manifest.Output
		writes  []tensor.Named
		want    string
	}{
		"none":             {"csv", nil, nil, "no outputs"},
		"twice":            {"csv", []manifest.Output{f32("a", rows), f32("a", rows)}, nil, "stands twice"},
		"npy of two":       {"npy", []manifest.Output{f32("a", rows), f32("b", rows)}, nil, "use npz"},
		"csv without rows": {"csv", []manifest.Output{f32("a"), f32("b", rows)}, nil, "has not the rows"},
		"strings in npz":   {"npz", []manifest.Output{{Name: "a", DType: tensor.String, Shape: batch()}}, nil, "of strings"},
		"bf16 in npy":      {"npy", []manifest.Output{{Name: "a", DType: tensor.BF16, Shape: batch()}}, []tensor.Named{{"a": tensor.New(tensor.BF16, 1)}}, "no dtype for BF16"},
		"missing":          {"csv", []manifest.Output{f32("a", rows)}, []tensor.Named{{}}, "missing"},
		"too many":         {"csv", []manifest.Output{f32("a", rows)}, []tensor.Named{{"a": inf, "b": inf}}, "2 outputs, wanted 1"},
		"rank":             {"csv", []manifest.Output{f32("a", rows)}, []tensor.Named{{"a": tensor.New(tensor.F32, 1, 1)}}, "shape [1, 1]"},
		"width":            {"csv", []manifest.Output{f32("a", rows, manifest.Dim{Size: 2})}, []tensor.Named{{"a": tensor.New(tensor.F32, 1, 3)}}, "shape [1, 3]"},
		"width changes":    {"npz", []manifest.Output{f32("a", rows, manifest.Dim{Name: "k"})}, []tensor.Named{{"a": tensor.New(tensor.F32, 1, 3)}, {"a": tensor.New(tensor.F32, 1, 2)}}, "as before"},
		"rows differ":      {"csv", []manifest.Output{f32("a", rows), f32("b", rows)}, []tensor.Named{{"a": tensor.New(tensor.F32, 1), "b": tensor.New(tensor.F32, 2)}}, "2 rows, another 1"},
		"column clash":     {"csv", []manifest.Output{f32("a", rows, manifest.Dim{Size: 1}), f32("a_0", rows)}, []tensor.Named{{"a": tensor.New(tensor.F32, 1, 1), "a_0": inf}}, `column "a_0"`},
		"infinity in JSON": {"jsonl", []manifest.Output{f32("a", rows)}, []tensor.Named{{"a": inf}}, "cannot express -inf"},
		"bytes in JSON":    {"json", []manifest.Output{{Name: "a", DType: tensor.String, Shape: batch()}}, []tensor.Named{{"a": bad}}, "not UTF-8"},
		"name":             {"csv", []manifest.Output{f32("\xff", rows)}, nil, "not valid UTF-8"},
		"twice no rows":    {"npz", []manifest.Output{f32("a")}, []tensor.Named{{"a": tensor.New(tensor.F32)}, {"a": tensor.New(tensor.F32)}}, "written once"},
		"unknown width":    {"csv", []manifest.Output{f32("a", rows, manifest.Dim{Name: "k"})}, nil, "size k"},
		"never written":    {"npz", []manifest.Output{f32("a")}, nil, "was not written"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := Create(filepath.Join(dir, "y."+c.ext), Auto, c.outputs)
			for i := 0; err == nil && i < len(c.writes); i++ {
				err = w.Write(c.writes[i])
			}
			if err == nil {
				err = w.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			empty(t, dir)
		})
	}
	if _, err := Create(filepath.Join(t.TempDir(), "no", "y.csv"), Auto, []manifest.Output{f32("a", rows)}); err == nil {
		t.Error("a folder that is not there is accepted")
	}
}

func TestExpectedFilesMayHoldSomeOutputs(t *testing.T) {
	outs := []manifest.Output{
		{Name: "prediction", DType: tensor.F32, Shape: batch(2)}, {Name: "margin", DType: tensor.F32, Shape: batch()},
		{Name: "leaf", DType: tensor.I32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Name: "trees"}}},
	}
	for name, c := range map[string]struct{ text, want string }{
		"x.csv":    {"leaf_1,margin,leaf_0\n1,0.5,3\n2,,4\n", "[margin leaf] [2]float32 [2, 2]"},
		"x.jsonl":  {`{"margin":0.5}` + "\n" + `{"margin":null}`, "[margin] [2]float32"},
		"x.json":   {`[{"prediction":[1,2],"margin":0.5},{"prediction":[3,4],"margin":null}]`, "[prediction margin] [2]float32"},
		"o.json":   {`{"margin":[0.5,null],"leaf":[[3,1],[4,2]]}`, "[margin leaf] [2]float32 [2, 2]"},
		"oip.json": {`{"model_name":"m","outputs":[{"name":"margin","datatype":"FP64","shape":[2],"data":[0.5,null]}]}`, "[margin] [2]float32"},
	} {
		r, err := OpenExpected(file(t, name, c.text), Auto, outs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := all(r, 1)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := floats(t, got["margin"])
		text := fmt.Sprintf("%v [%d]float32", r.Names(), len(m))
		if leaf := got["leaf"]; leaf != nil {
			text += " " + leaf.Shape().String()
			if fmt.Sprint(tensor.Of[int32](leaf)) != "[3 1 4 2]" {
				t.Errorf("%s: leaves %v", name, tensor.Of[int32](leaf))
			}
		}
		if text != c.want || m[0] != 0.5 || m[1] == m[1] {
			t.Errorf("%s: %s %v, want %s", name, text, m, c.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"a.csv":   {"margin,prediction_1\n1,2\n", `output "prediction" has 1 of its 2 columns`},
		"b.csv":   {"margins\n1\n", `is "margin" meant?`},
		"c.csv":   {"\n", "empty"},
		"d.jsonl": {`{"margin":1}{"margin":1,"prediction":[1,2]}`, "not in the first row"},
		"e.jsonl": {`{"margin":1,"prediction":[1,2]}{"margin":1}`, "missing"},
		"f.json":  {`{}`, "holds no output"},
		"g.json":  {`[]`, "no rows"},
		"h.jsonl": {`{"margin":1,"prediction_0":1}`, "1 of its 2 columns"},
	} {
		r, err := OpenExpected(file(t, name, c.text), Auto, outs)
		if err == nil {
			_, err = all(r, 1)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
