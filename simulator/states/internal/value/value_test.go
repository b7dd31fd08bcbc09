package value

import (
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
