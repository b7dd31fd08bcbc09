package xgboost

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// models are the small real models, by file name.
func models(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"testdata/*.json", "testdata/*.ubj"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) < 8 {
			t.Fatalf("%s: %d models, error %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(path)] = data
		}
	}
	return all
}

func load(data []byte) (*source, error) {
	return newSource(bytes.NewReader(data), int64(len(data)))
}

// allTrees decodes every tree; an error is the first one.
func allTrees(s *source) ([]forest.Tree, error) {
	trees := make([]forest.Tree, len(s.ensemble.Trees))
	for i := range trees {
		if err := s.Tree(i, &trees[i]); err != nil {
			return nil, err
		}
	}
	return trees, nil
}

func TestJSONAndUBJSONOfOneModelAreEqual(t *testing.T) {
	for _, version := range []string{"2.0.3", "3.2.0", "3.4.1"} {
		var seen []string
		for _, kind := range []string{"json", "ubj"} {
			s, err := Open(fmt.Sprintf("testdata/%s-vector-leaf-%s.%s", version, kind, kind))
			if err != nil {
				t.Fatal(err)
			}
			trees, err := allTrees(s.(*source))
			if err != nil {
				t.Fatal(err)
			}
			e := *s.Ensemble()
			if want := "xgboost " + map[string]string{"json": "json", "ubj": "ubjson"}[kind]; e.Format != want {
				t.Errorf("format %q, want %q", e.Format, want)
			}
			e.Format, e.File = "", ""
			seen = append(seen, fmt.Sprintf("%v %v", e, trees))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if seen[0] != seen[1] {
			t.Errorf("%s: JSON and UBJSON differ", version)
		}
	}
}

func TestFirstPassAgreesWithTheTrees(t *testing.T) {
	for name, data := range models(t) {
		s, err := load(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		trees, err := allTrees(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range trees {
			info := s.ensemble.Trees[i]
			again := describe(&trees[i], len(info.Outputs))
			again.Outputs = info.Outputs
			if !reflect.DeepEqual(again, info) {
				t.Errorf("%s: tree %d is %+v, the first pass said %+v", name, i, again, info)
			}
		}
	}
}

func TestEveryTruncationIsATypedError(t *testing.T) {
	for name, data := range models(t) {
		step := len(data)/100 + 1
		for n := 0; n < len(data); n += step {
			_, err := load(data[:n])
			var format *FormatError
			var refusal *layout.RefusalError
			if !errors.As(err, &format) && !errors.As(err, &refusal) {
				t.Fatalf("%s cut to %d bytes: error %v, want a *FormatError", name, n, err)
			}
			if format != nil && (format.Offset < 0 || format.Offset > int64(n)) {
				t.Fatalf("%s cut to %d bytes: the error names byte %d", name, n, format.Offset)
			}
		}
	}
}

func TestDamageNamesTheField(t *testing.T) {
	base := string(models(t)["3.2.0-one-hot.json"])
	scalar := func(old, new string) string { return strings.Replace(base, old, new, 1) }
	first := func(field string) string { // the array of the first tree
		at := strings.Index(base, `"`+field+`":`)
		return base[at : at+strings.IndexByte(base[at:], ']')+1]
	}
	tail := func(field, from string) string { // replaces the first entry
		a := first(field)
		return scalar(a, a[:strings.IndexByte(a, '[')+1]+from+a[strings.IndexAny(a, ",]"):])
	}
	lastOf := func(list, with string) string {
		return scalar(list, list[:strings.LastIndexByte(list, ',')+1]+with+"]")
	}
	for name, c := range map[string]struct{ model, says string }{
		"child out of range":  {tail("left_children", "9999"), "child 9999"},
		"cycle":               {tail("right_children", "0"), "child 0"},
		"shared child":        {tail("right_children", "1"), "child of two nodes"},
		"not a number":        {tail("left_children", `"1"`), "wanted an integer"},
		"32 bits":             {tail("left_children", "4294967296"), "32 bits"},
		"feature":             {tail("split_indices", "77"), "feature 77"},
		"default_left":        {tail("default_left", "2"), "default_left"},
		"split_type":          {tail("split_type", "7"), "split_type"},
		"category segment":    {tail("categories_segments", "1000"), "categories"},
		"category size":       {tail("categories_sizes", "0"), "categories"},
		"category too large":  {tail("categories", "16777216"), "out of range"},
		"short array":         {scalar(first("split_conditions"), `"split_conditions":[1,2]`), "split_conditions has 2"},
		"node count":          {scalar(`"num_nodes":"`, `"num_nodes":"1`), "the tree has 1"},
		"nan threshold":       {tail("split_conditions", "NaN"), ""},
		"tree id":             {scalar(`"id":0`, `"id":5`), "id is 5"},
		"tree count":          {scalar(`"num_trees":"4"`, `"num_trees":"5"`), "num_trees"},
		"tree group":          {scalar(`"tree_info":[0`, `"tree_info":[3`), "adds to output 3"},
		"base score":          {scalar(`"base_score":"[`, `"base_score":"[x`), "base_score"},
		"probability":         {scalar(`"base_score":"[`, `"base_score":"[1`), "probability"},
		"feature types":       {scalar(`"feature_types":["q",`, `"feature_types":[`), "feature_types"},
		"no learner":          {`{"version":[3,2,0]}`, "no learner"},
		"double key":          {scalar(`"id":0,`, `"id":0,"id":0,`), "twice"},
		"trailing bytes":      {base + "x", "behind the end"},
		"comma before end":    {`{"learner":{},}`, "comma"},
		"bad number":          {scalar(`"id":0`, `"id":01`), "not a number"},
		"unknown objective":   {scalar(`"name":"binary:logistic"`, `"name":"my:own"`), "objective my:own"},
		"linear":              {scalar(`"name":"gbtree"`, `"name":"gblinear"`), "gblinear"},
		"deep nesting":        {`{"x":` + strings.Repeat("[", 100), "nesting"},
		"infinite leaf":       {lastOf(first("split_conditions"), "1E39"), "finite"},
		"control character":   {"{\"a\nb\":1}", "control character"},
		"memory snapshot":     {`{"Config":{}}`, "snapshot"},
		"half a surrogate":    {`{"\ud800x":1}`, "surrogate"},
		"colon missing":       {`{"a" 1}`, "colon"},
		"bracket mismatch":    {`{"a":[1}`, "nothing of the kind"},
		"word":                {`{"a":nul}`, "word"},
		"negative num_class":  {scalar(`"num_class":"0"`, `"num_class":"-4"`), "num_class"},
		"classes and targets": {strings.NewReplacer(`"num_class":"0"`, `"num_class":"3"`, `"num_target":"1"`, `"num_target":"2"`).Replace(base), "do not go together"},
	} {
		_, err := load([]byte(c.model))
		if c.model == base || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q (model changed: %v)", name, err, c.says, c.model != base)
		}
	}
}

func TestOtherFormatsAreRefusedWithARemedy(t *testing.T) {
	for _, head := range []string{"binf\x00\x00\x00\x3f", "\x80\x04\x95", "CONFIG-offset:123", "tree\nversion=v4", ""} {
		_, err := load([]byte(head))
		var refusal *layout.RefusalError
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Remedy, "save_model") {
			t.Errorf("%q: error %v, want a refusal that says save_model", head, err)
		}
	}
}

func TestNumbersAreReadInTheirOwnWidth(t *testing.T) {
	for text, want := range map[string]uint32{"5E-1": 0x3f000000, "-0E0": 0x80000000, "-0": 0x80000000, "1E-45": 1, "1.17549435E-38": 0x00800000,
		"NaN": math.Float32bits(float32(math.NaN())), "Infinity": 0x7f800000, "-Infinity": 0xff800000, "0.1": 0x3dcccccd,
		"16777217.0000000000000000000001": 0x4b800001, "1.00000017881393432617187500001": 0x3f800002, "3": 0x40400000} {
		s := &jsonStream{}
		s.reset(strings.NewReader("["+text+"]"), 0, int64(len(text)+2))
		d := &decoder{s: s}
		var got []float32
		if err := d.read(); err != nil {
			t.Fatal(err)
		}
		if err := d.floats(&got); err != nil || len(got) != 1 || math.Float32bits(got[0]) != want {
			t.Errorf("%s is read as %v (%v), want bits %08x", text, got, err, want)
		}
	}
}
