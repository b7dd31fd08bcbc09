package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// plain is the signature of a dense model, whose columns have no names of their own.
func plain() manifest.Signature {
	return manifest.Signature{Inputs: []manifest.Input{{Name: "X", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Size: 2}}}}}
}

func TestMismatchesTeach(t *testing.T) {
	sig := trees("age", "sex")
	for name, c := range map[string]struct {
		file, text string
		sig        manifest.Signature
		opt        Options
		want       []string
	}{
		"tab":                {"x.csv", "age\tsex\n1\t2\n", sig, Options{}, []string{"separator seems to be a tab"}},
		"semicolon":          {"x.csv", "age;sex\n1,5;2\n", sig, Options{}, []string{"separator seems to be a semicolon"}},
		"quoted semicolon":   {"x.csv", "\"age\";\"sex\"\n1;2\n", sig, Options{}, []string{"separator seems to be a semicolon"}},
		"tab by position":    {"x.csv", "1\t2\n", sig, Options{ByPosition: true}, []string{"separator seems to be a tab"}},
		"no header":          {"x.csv", "59.0,2\n48.0,1\n", sig, Options{}, []string{"the first row is numbers", "--by-position"}},
		"no header, a gap":   {"x.csv", "59.0,\n48.0,1\n", sig, Options{}, []string{"the first row is numbers", "--by-position"}},
		"no header, a NaN":   {"x.csv", "nan,2\n48.0,1\n", sig, Options{}, []string{"the first row is numbers", "--by-position"}},
		"index, no names":    {"x.csv", ",0,1\n0,48.0,1\n", sig, Options{}, []string{"pandas", "index=False"}},
		"NA":                 {"x.csv", "age,sex\n1,NA\n", sig, Options{}, []string{`"NA" is not a number; leave the field empty or write NaN`}},
		"null":               {"x.csv", "age,sex\n1,null\n", sig, Options{}, []string{`"null" is not a number; leave the field empty or write NaN`}},
		"True":               {"x.csv", "age,sex\n1,True\n", sig, Options{}, []string{`"True" is not a number; write 1`}},
		"False":              {"x.csv", "age,sex\n1,False\n", sig, Options{}, []string{`"False" is not a number; write 0`}},
		"orient split":       {"x.json", `{"columns":["age","sex"],"index":[0],"data":[[1,2]]}`, sig, Options{}, []string{`"columns"`, `orient="records"`}},
		"orient columns":     {"x.json", `{"age":{"0":1},"sex":{"0":2}}`, sig, Options{}, []string{`"age"`, "found '{'", `orient="records"`}},
		"integers":           {"x.npy", npyBytes("<i8", "False", "(0, 2)"), sig, Options{}, []string{"dtype is I64, wanted F32", `.astype("float32")`}},
		"objects of Python":  {"x.npy", npyBytes("|O", "False", "(0, 2)"), sig, Options{}, []string{`dtype "|O" is not supported`, `.astype("float32")`}},
		"names of training":  {"x.csv", "age,sex\n1,2\n", trees("f0", "f1"), Options{}, []string{"--by-position", "in the order of training"}},
		"dense names":        {"x.csv", "age,sex\n1,2\n", plain(), Options{}, []string{`columns "X_0", "X_1" are missing`, "--by-position"}},
		"extra column":       {"x.csv", "age,sex,target\n1,2,3\n", sig, Options{}, []string{`column "target" is not the model's; remove it`}},
		"extra columns":      {"x.csv", "age,sex,a,b\n1,2,3,4\n", sig, Options{}, []string{`columns "a", "b" are not the model's; remove them`}},
		"pandas index":       {"x.csv", ",age,sex\n0,1,2\n", sig, Options{}, []string{"pandas", "index=False"}},
		"pandas index again": {"x.csv", "Unnamed: 0,age,sex\n0,1,2\n", sig, Options{}, []string{"pandas", "index=False"}},
		"missing columns":    {"x.csv", "a\n1\n", sig, Options{}, []string{`columns "age", "sex" are missing`}},
		"array rows":         {"x.json", "[[1,2]]", sig, Options{}, []string{"use --by-position"}},
		"objects":            {"x.json", `[{"age":1,"sex":2}]`, sig, Options{ByPosition: true}, []string{"leave --by-position out"}},
		"zip":                {"x.csv", "PK\x03\x04....", sig, Options{}, []string{"zip file", "Excel", "save the sheet as CSV"}},
		"gzip":               {"x.csv", "\x1f\x8b..", sig, Options{}, []string{"gzip"}},
		"UTF-16":             {"x.csv", "\xff\xfea\x00", sig, Options{}, []string{"UTF-16"}},
		"extra array":        {"x.npz", archive(t, "features", "target"), sig, Options{}, []string{`array "target" is not the model's; save the file without it`}},
		"unnamed array":      {"x.npz", archive(t, "arr_0"), sig, Options{}, []string{`**{"features": array}`, "--by-position"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, file(t, c.file, c.text), c.sig, c.opt, 10)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
		})
	}
}

// archive is an npz file with arrays of two columns.
func archive(t *testing.T, names ...string) string {
	t.Helper()
	x, err := tensor.FromSlice(tensor.F32, []float32{1, 2}, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	var outputs []manifest.Output
	n := tensor.Named{}
	for _, name := range names {
		outputs = append(outputs, manifest.Output{Name: name, DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Size: 2}}})
		n[name] = x
	}
	path := filepath.Join(t.TempDir(), "x.npz")
	write(t, path, outputs, n, 1)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExpectedFilesAreNotReadByPosition(t *testing.T) {
	outputs := []manifest.Output{{Name: "margin", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}}}}
	for text, want := range map[string]string{
		"1.5\n2\n":              "add a row of column names",
		"age,margin\n1,2\n":     "columns of outputs only",
		"margin;other\n1,5;2\n": "semicolon",
	} {
		_, err := OpenExpected(file(t, "x.csv", text), Auto, outputs)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "--by-position") {
			t.Errorf("%q: error %v, want one with %q and without --by-position", text, err, want)
		}
	}
	r, err := OpenExpected(file(t, "x.jsonl", "[1]\n"), Auto, outputs)
	if err == nil {
		_ = r.Close()
		t.Fatal("rows without names were taken")
	}
	if strings.Contains(err.Error(), "--by-position") {
		t.Error(err)
	}
}

func TestCategoriesAreCodes(t *testing.T) {
	sig := trees("age", "colour")
	sig.Inputs[0].Features[1].Kind = "categorical"
	for name, text := range map[string]string{
		"x.csv":   "age,colour\n1,red\n",
		"x.jsonl": `{"age":1,"colour":"red"}`,
		"x.json":  `{"age":[1],"colour":["red"]}`,
	} {
		_, err := read(t, file(t, name, text), sig, Options{}, 10)
		if err == nil || !strings.Contains(err.Error(), "takes the codes of its categories") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := read(t, file(t, "x.csv", "age,colour\nold,1\n"), sig, Options{}, 10)
	if err == nil || strings.Contains(err.Error(), "categories") {
		t.Errorf("a number's column: %v", err)
	}
}
