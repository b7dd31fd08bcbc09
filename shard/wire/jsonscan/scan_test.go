package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

func skipAll(text string) error {
	s := jsonscan.New([]byte(text))
	if err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

func TestSkipAcceptsWhatEncodingJSONAccepts(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{}`, `[]`, `{"a":1}`, `{"a":1,}`, `[1,]`, `[,1]`, `{"a"}`, `{a:1}`, `{"a":1 "b":2}`, `"\u00e9\ud83d\ude00"`, `"\ud83d"`,
		`"\udc00\ud800"`, `01`, `-`, `-0`, `1.`, `.5`, `1e`, `1e+`, `1E-5`, `1.5e3`, `+1`, `NaN`, `nul`, `null`, `truefalse`, `[true,false,null]`,
		"\"a\nb\"", `"\x"`, `"\u12g4"`, `"a\\"`, `"a\\\""`, `"a\"`, `[1] 2`, "\ufeff[]", `{"a":{"b":[{}]}}`,
	} {
		want := json.Valid([]byte(text)) && text != `"\ud83d"` && text != `"\udc00\ud800"` // lone surrogates are refused here
		if err := skipAll(text); (err == nil) != want {
			t.Errorf("%q: valid %v, found error %v", text, want, err)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	if err := skipAll(deep(jsonscan.MaxDepth)); err != nil {
		t.Fatal(err)
	}
	if err := skipAll(deep(1 << 20)); err == nil {
		t.Fatal("a million levels were followed")
	}
}

func TestStringsUnescape(t *testing.T) {
	for _, want := range []string{"", "plain", "é😀", "a\"b\\c/d", "\b\f\n\r\t", "\u2028", "<&>"} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := jsonscan.New(text).String()
		if err != nil || string(got) != want {
			t.Errorf("%s: wanted %q, found %q, %v", text, want, got, err)
		}
	}
}

func FuzzSkip(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e+3,"x\u00e9",null,true,{}]}`, `"\ud83d\ude00"`, `[[[[`, `"\`, `1e309`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := skipAll(string(data))
		if err == nil && !json.Valid(data) {
			t.Fatalf("%q is not JSON", data)
		}
		// encoding/json mends what is refused here: bad UTF-8 and lone surrogates.
		if err != nil && json.Valid(data) && !strings.Contains(err.Error(), "UTF-8") && !strings.Contains(err.Error(), "escape") &&
			!strings.Contains(err.Error(), "nesting") {
			t.Fatalf("%q: %v", data, err)
		}
	})
}
