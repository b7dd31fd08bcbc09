package value

import (
	"errors"
	"strings"
	"testing"
)

func TestDecodeTakesExactlyOneValue(t *testing.T) {
	for _, bad := range []string{"", " ", "{", "1 2", "{}x", "1e999", "nul"} {
		if v, err := Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%q) = %v, want an error", bad, v)
		}
	}
	for text, want := range map[string]string{` {"b":1, "a":[1.5,null,"<é>"]} `: `{"a":[1.5,null,"<é>"],"b":1}`, "9007199254740993": "9007199254740993", "1.0": "1", `"x"`: `"x"`} {
		v, err := Decode([]byte(text))
		if err != nil || string(Encode(v)) != want {
			t.Errorf("Decode(%s) = %s (%v), want %s", text, Encode(v), err, want)
		}
	}
}

func TestEqualComparesAsJSON(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"1", "1.0", true}, {"1", `"1"`, false}, {"[1,{}]", "[1,{}]", true}, {"[1]", "[1,2]", false}, {`{"a":1}`, `{"b":1}`, false},
		{`{"a":1}`, `{"a":1}`, true}, {"null", "null", true}, {"null", "[]", false}, {"true", "true", true}} {
		a, _ := Decode([]byte(c.a))
		b, _ := Decode([]byte(c.b))
		if got := Equal(a, b); got != c.want {
			t.Errorf("Equal(%s, %s) = %t, want %t", c.a, c.b, got, c.want)
		}
	}
	if _, ok := Integer(1.5); ok {
		t.Error("1.5 is no integer")
	}
	if n, ok := Integer(3.0); !ok || n != 3 {
		t.Error("3.0 is the integer 3")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"{}", "[1,2.5e3,null]", `"\u0000"`, "1e308", "-0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		v, err := Decode(p)
		if err != nil {
			return
		}
		again, err := Decode(Encode(v))
		if err != nil || !Equal(v, again) {
			t.Errorf("%q decodes to %v, written and read again %v (%v)", p, v, again, err)
		}
	})
}

func TestBoundedRefusesWhatIsLargeOrDeep(t *testing.T) {
	shared := []any{strings.Repeat("x", 1000)}
	for range 40 { // 2^40 copies
		shared = []any{shared, shared}
	}
	deep := any(map[string]any{})
	for range MaxDepth - 1 {
		deep = map[string]any{"a": deep}
	}
	fits := strings.Repeat("x", MaxBytes-2)
	for name, c := range map[string]struct {
		v    any
		want error
	}{"shared": {shared, ErrLarge}, "deep": {[]any{deep}, ErrDeep}, "not too deep": {deep, nil}, "a text that fits": {fits, nil}, "one byte more": {fits + "x", ErrLarge},
		"escapes": {strings.Repeat("\n", MaxBytes/2), ErrLarge}, "names": {map[string]any{fits: 1}, ErrLarge}, "numbers": {make([]any, MaxBytes), ErrLarge}} {
		raw, err := Bounded(c.v)
		if !errors.Is(err, c.want) || err == nil && string(raw) != string(Encode(c.v)) {
			t.Errorf("%s: %d bytes, %v, want %v", name, len(raw), err, c.want)
		}
	}
}
