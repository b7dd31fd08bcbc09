package dataset

import (
	"math"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// perColumn is the signature of a model with one input for each column of its table, as converters of scikit-learn's pipelines make it.
func perColumn(names ...string) manifest.Signature {
	var sig manifest.Signature
	for _, name := range names {
		sig.Inputs = append(sig.Inputs, manifest.Input{Name: name, DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Size: 1}}})
	}
	return sig
}

func TestAnInputOfOneColumnGoesByItsBareName(t *testing.T) {
	sig := perColumn("age", "income")
	for name, c := range map[string]struct {
		file, text string
		opt        Options
	}{
		"csv":                {"x.csv", "income,age\n10,1\n20,2\n", Options{}},
		"csv with indices":   {"x.csv", "age_0,income_0\n1,10\n2,20\n", Options{}},
		"csv with both":      {"x.csv", "age,income_0\n1,10\n2,20\n", Options{}},
		"csv by position":    {"x.csv", "age,income\n1,10\n2,20\n", Options{ByPosition: true}},
		"csv other names":    {"x.csv", "a,b\n1,10\n2,20\n", Options{ByPosition: true}},
		"jsonl scalars":      {"x.jsonl", `{"age":1,"income":10}` + "\n" + `{"income":20,"age":2}`, Options{}},
		"jsonl arrays":       {"x.jsonl", `{"age":[1],"income":10}` + "\n" + `{"income":[20],"age":2}`, Options{}},
		"jsonl with indices": {"x.jsonl", `{"age_0":1,"income_0":10}` + "\n" + `{"income":20,"age_0":2}`, Options{}},
		"json rows":          {"x.json", `[{"age":1,"income":[10]},{"income":20,"age":2}]`, Options{}},
		"json scalars":       {"x.json", `{"age":[1,2],"income":[10,20]}`, Options{}},
		"json arrays":        {"x.json", `{"age":[[1],[2]],"income":[10,20]}`, Options{}},
		"json with indices":  {"x.json", `{"age_0":[1,2],"income":[10,20]}`, Options{}},
		"json protocol":      {"x.json", `{"inputs":[{"name":"age","shape":[2,1],"datatype":"FP32","data":[1,2]},{"name":"income","shape":[2,1],"datatype":"FP32","data":[10,20]}]}`, Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, file(t, c.file, c.text), sig, c.opt, 1)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string][]float32{"age": {1, 2}, "income": {10, 20}} {
				if x := got[name]; !sameFloats(floats(t, x), want) || !x.Shape().Equal(tensor.Shape{2, 1}) {
					t.Errorf("%s is %v %v, wanted %v", name, x, floats(t, x), want)
				}
			}
		})
	}
	columns, err := MatchColumns([]string{"income", "age_0"}, sig, false)
	if err != nil || columns[0].Input != "income" || columns[1].Input != "age" {
		t.Errorf("a table's columns: %+v (%v)", columns, err)
	}
}

func TestBareNamesAreNotGuessed(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		sig        manifest.Signature
		want       string
	}{
		"unknown":       {"x.csv", "age,sallary\n1,2\n", perColumn("age", "salary"), `column "sallary" is not the model's (is "salary" meant?); column "salary" is missing`},
		"twice":         {"x.csv", "age,age_0\n1,2\n", perColumn("age", "salary"), "stands there twice"},
		"two columns":   {"x.csv", "X\n1\n", plain(), `columns "X_0", "X_1" are missing`},
		"json twice":    {"x.jsonl", `{"age":1,"age_0":1,"salary":2}`, perColumn("age", "salary"), "stands there twice"},
		"object twice":  {"x.json", `{"age":[1],"age_0":[1],"salary":[2]}`, perColumn("age", "salary"), "stand there twice"},
		"too wide":      {"x.json", `{"age":[[1,2]],"salary":[2]}`, perColumn("age", "salary"), `"age"`},
		"too deep":      {"x.json", `{"age":[[[1]]],"salary":[2]}`, perColumn("age", "salary"), "nested deeper"},
		"index in name": {"x.csv", "a_0,a_0_0\n1,2\n", perColumn("a", "a_0"), "stands there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, file(t, c.file, c.text), c.sig, Options{}, 10)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, wanted %q", err, c.want)
			}
		})
	}
	got, err := read(t, file(t, "x.csv", "a_0,a\n1,2\n"), perColumn("a", "a_0"), Options{}, 10)
	if err != nil || floats(t, got["a_0"])[0] != 1 || floats(t, got["a"])[0] != 2 {
		t.Errorf("a bare name that is another's name with an index: %v (%v)", got, err)
	}
}

func TestExpectedValuesOfOneColumnGoByTheirBareName(t *testing.T) {
	outputs := []manifest.Output{{Name: "variable", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Size: 1}}}}
	for name, text := range map[string]string{"x.csv": "variable\n7\n", "y.csv": "variable_0\n7\n", "x.jsonl": `{"variable":7}`, "y.jsonl": `{"variable":[7]}`} {
		r, err := OpenExpected(file(t, name, text), Auto, outputs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Next(10)
		if err != nil || floats(t, got["variable"])[0] != 7 {
			t.Errorf("%s: %v (%v)", name, got, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestByPositionRefusesTheModelsNamesInAnotherOrder(t *testing.T) {
	for name, c := range map[string]struct {
		sig  manifest.Signature
		head string
		want string // "" when it is taken
	}{
		"trees":                {trees("age", "sex", "bmi"), "age,bmi,sex", `column 2 is "bmi", and "bmi" is the model's column 3, whose column 2 is "sex"`},
		"some":                 {trees("age", "sex", "bmi"), "sex,other,name", `column 1 is "sex"`},
		"inputs":               {perColumn("age", "income"), "income,age", `column 1 is "income"`},
		"inputs with indices":  {perColumn("age", "income"), "income_0,age_0", `column 1 is "income_0"`},
		"numbered":             {plain(), "X_1,X_0", `column 1 is "X_1"`},
		"numbered from 1":      {plain(), "X_1,X_2", ""},
		"in order":             {trees("age", "sex", "bmi"), "age,sex,bmi", ""},
		"in order, some":       {trees("age", "sex", "bmi"), "age,gender,bmi", ""},
		"other names":          {trees("age", "sex", "bmi"), "a,b,c", ""},
		"others of a numbered": {trees("f0", "f1"), "age,sex", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := strings.Split(c.head, ",")
			row := strings.TrimSuffix(strings.Repeat("1.5,", len(found)), ",")
			_, err := read(t, file(t, "x.csv", c.head+"\n"+row+"\n"), c.sig, Options{ByPosition: true}, 10)
			_, table := MatchColumns(found, c.sig, true)
			for _, err := range []error{err, table} {
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "drop --by-position")) {
					t.Errorf("error %v, wanted %q", err, c.want)
				}
			}
		})
	}
	// A row of data is no row of names, whatever the names are.
	got, err := read(t, file(t, "x.csv", "2,1,0\n"), trees("0", "1", "2"), Options{ByPosition: true}, 10)
	if err != nil || !sameFloats(floats(t, got["features"]), []float32{2, 1, 0}) {
		t.Errorf("%v (%v)", got, err)
	}
}

func TestAMissingFloatNamesTheRemedy(t *testing.T) {
	for name, c := range map[string]struct{ text, with string }{
		"x.csv":   {"age,income\n1,\n", "age,income\n1,NaN\n"},
		"x.jsonl": {`{"age":1,"income":null}`, `{"age":1,"income":NaN}`},
		"x.json":  {`{"age":[1],"income":[null]}`, `{"age":[1],"income":[NaN]}`},
	} {
		_, err := read(t, file(t, name, c.text), perColumn("age", "income"), Options{}, 10)
		if err == nil || !strings.Contains(err.Error(), `which "income" does not allow: write NaN if the model itself handles missing values`) {
			t.Errorf("%s: error %v", name, err)
		}
		got, err := read(t, file(t, name, c.with), perColumn("age", "income"), Options{}, 10)
		if err != nil || !math.IsNaN(float64(floats(t, got["income"])[0])) {
			t.Errorf("%s, as the remedy says: %v (%v)", name, got, err)
		}
	}
	if fault := (Column{Input: "n", DType: tensor.I64}).MissingFault(); strings.Contains(fault, "NaN") {
		t.Errorf("an integer cannot be NaN: %s", fault)
	}
	if fault := (Column{Input: "x", DType: tensor.F32}).MissingFault(); !strings.Contains(fault, "write NaN") {
		t.Errorf("a table's column: %s", fault)
	}
}
