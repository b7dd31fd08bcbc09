package jsondoc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/jsondoc"
)

// even is a number that has a form of its own.
type even int

func (e *even) UnmarshalJSON(data []byte) error {
	var n int
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	if *e = even(n); n%2 != 0 {
		return errors.New("wanted an even number, found an odd one")
	}
	return nil
}

type part struct {
	Name   string   `json:"name"`
	Weight *float64 `json:"weight"`
	Sizes  []int    `json:"sizes"`
	Pair   even     `json:"pair"`
	Ratio  float32  `json:"ratio"`
}

type document struct {
	Format string            `json:"format"`
	Parts  []part            `json:"parts"`
	Notes  map[string]string `json:"notes"`
	Small  int8              `json:"small"`
	Count  uint16            `json:"count"`
	On     bool              `json:"on"`
	Any    any               `json:"any"`
	Final  *part             `json:"final"`
	Hidden int               `json:"-"`
}

func TestLegalDocumentsAreDecodedAsEncodingJSONDoes(t *testing.T) {
	for _, text := range []string{
		`{}`, `null`, `{"format": null, "parts": null}`, `{"FORMAT": "x"}`,
		`{"format": "f", "parts": [{"name": "a", "weight": 1e3, "sizes": [1, -2]}, {"pair": 4, "ratio": 0.5}], "notes": {"a": "b"}, "small": -128, "count": 65535, "on": true, "any": [{"x": [1, "2"]}], "final": {"sizes": []}}`,
	} {
		var got, want document
		if err := jsondoc.Decode([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: decoded as %+v, wanted %+v (%v)", text, got, want, err)
		}
	}
}

func TestFaultsAreToldByFieldWantedAndFound(t *testing.T) {
	for text, want := range map[string]string{
		`{"format": 3}`:                             `format: wanted text in quotes, found 3`,
		`{"parts": [{}, {"weight": "heavy"}]}`:      `parts[1].weight: wanted a number up to 1.8e308, found "heavy"`,
		`{"parts": {"a": [1, {}]}}`:                 `parts: wanted a list, found an object`,
		`{"parts": [[1]]}`:                          `parts[0]: wanted an object, found a list`,
		`{"parts": [{"sizes": [1, 2.5]}]}`:          `parts[0].sizes[1]: wanted a whole number of at most 64 bits, found 2.5`,
		`{"parts": [{"pair": 3}]}`:                  `parts[0].pair: wanted an even number, found an odd one`,
		`{"parts": [{"pair": "two"}]}`:              `parts[0].pair: wanted a whole number of at most 64 bits, found "two"`,
		`{"parts": [{"ratio": 1e300}]}`:             `parts[0].ratio: wanted a number up to 3.4e38, found 1e300`,
		`{"small": 128}`:                            `small: wanted a whole number from -128 to 127, found 128`,
		`{"count": -1}`:                             `count: wanted a whole number from 0 to 65535, found -1`,
		`{"on": 1}`:                                 `on: wanted true or false, found 1`,
		`{"on": "` + strings.Repeat("y", 99) + `"}`: `on: wanted true or false, found "` + strings.Repeat("y", 40) + `..."`,
		`{"notes": {"a": 1}}`:                       `notes.a: wanted text in quotes, found 1`,
		`{"final": {"nam": "x"}}`:                   `final: unknown field "nam", wanted one of name, pair, ratio, sizes, weight`,
		`{"Hidden": 1}`:                             `the document: unknown field "Hidden", wanted one of any, count, final, format, notes, on, parts, small`,
		`{"on": true, "on": false}`:                 `on: it stands twice`,
		`[1]`:                                       `the document: wanted an object, found a list`,
		`"text"`:                                    `the document: wanted an object, found "text"`,
		`{"small": 1.0, "count": "a"}`: "small: wanted a whole number from -128 to 127, found 1.0\n" +
			`count: wanted a whole number from 0 to 65535, found "a"`,
		``:                        `there is no JSON in it: it is empty`,
		"{\n \"parts\": [1,\n ]}": `line 3, column 2: it is no JSON there: found ']' behind ','`,
		`{"format": "x"`:          `line 1, column 15: the JSON text ends in the middle of a value`,
		`{"format": "é"} {}`:      `line 1, column 17: something stands behind the end of the JSON text`,
		`nothing`:                 `line 1, column 2: it is no JSON there: found 'o' behind 'n'`,
	} {
		err := jsondoc.Decode([]byte(text), &document{})
		if err == nil || err.Error() != want {
			t.Errorf("%s:\nfound  %v\nwanted %s", text, err, want)
		}
	}
}

func TestOnlyTheFirstFaultsAreTold(t *testing.T) {
	err := jsondoc.Decode([]byte(`{"parts": [`+strings.Repeat("1,", 1000)+`1]}`), &document{})
	if err == nil || strings.Count(err.Error(), "\n") != 19 {
		t.Errorf("wanted 20 faults, found %v", err)
	}
}

// What is accepted is what encoding/json accepts without unknown members, and is decoded alike; no error speaks of Go's types.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`{"format": "f", "parts": [{"weight": 1}], "notes": {"a": "b"}}`, `{"any": {"a": [null, 1e999]}}`, `{"parts": [{"pair": 2, "pair": 3}]}`, `[[`, `{"small": 1e1}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want document
		err := jsondoc.Decode(data, &got)
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		plain := d.Decode(&want)
		switch {
		case err == nil && (plain != nil || !reflect.DeepEqual(got, want)):
			t.Errorf("%q: decoded as %+v, encoding/json as %+v, error %v", data, got, want, plain)
		case err != nil && (strings.Contains(err.Error(), "json: ") || strings.Contains(err.Error(), "Go ")):
			t.Errorf("%q: the error speaks of Go: %v", data, err)
		case err != nil && plain == nil && !d.More() && !strings.Contains(err.Error(), "stands twice") && !strings.Contains(err.Error(), "stands behind"):
			t.Errorf("%q: refused with %v, encoding/json takes it", data, err)
		}
	})
}
