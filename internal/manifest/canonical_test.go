package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestCanonicalFormOfTheStandard holds the vectors of RFC 8785: sections 3.2.2 to 3.2.4.
func TestCanonicalFormOfTheStandard(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"values": {`{
			"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
			"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
			"literals": [null, true, false]
		}`, `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`},
		"member order": {`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
			"\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\"," +
				"\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}"},
		"nesting":   {` { "b" : [ { } , [ ] , { "d" : 1 , "c" : 2 } ] , "a" : "" } `, `{"a":"","b":[{},[],{"c":2,"d":1}]}`},
		"prefixes":  {`{"aa":1,"a":2,"":3,"b":4}`, `{"":3,"a":2,"aa":1,"b":4}`},
		"controls":  {`"\u0000\u0008\u0009\u000a\u000b\u000c\u000d\u001f\u007f"`, "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\""},
		"no html":   {`"\u003c>&\u2028"`, "\"<>&\u2028\""},
		"surrogate": {`"\uD834\udd1e"`, `"𝄞"`},
	} {
		got, err := canonicalise([]byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s (error %v), want %s", name, got, err, c.want)
		}
	}
}

// TestNumbersOfTheStandard holds the table of RFC 8785, appendix B.
func TestNumbersOfTheStandard(t *testing.T) {
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0",
		0x8000000000000000: "0",
		0x0000000000000001: "5e-324",
		0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308",
		0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992",
		0xc340000000000000: "-9007199254740992",
		0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22",
		0x44b52d02c7e14af6: "1e+23",
		0x44b52d02c7e14af7: "1.0000000000000001e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000",
		0x444b1ae4d6e2ef4f: "999999999999999900000",
		0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7",
		0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332",
		0x41b3de4355555554: "333333333.33333325",
		0x41b3de4355555555: "333333333.3333333",
		0x41b3de4355555556: "333333333.3333334",
		0x41b3de4355555557: "333333333.33333343",
		0xbecbf647612f3696: "-0.0000033333333333333333",
		0x43143ff3c1cb0959: "1424953923781206.2",
	} {
		if got := string(appendNumber(nil, math.Float64frombits(bits))); got != want {
			t.Errorf("%016x is written %s, want %s", bits, got, want)
		}
	}
}

func TestStrictJSONRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing": "", "space": "  ", "trailing comma": "[1,]", "missing comma": "[1 2]", "open list": "[1", "open object": `{"a":1`,
		"open string": `"abc`, "open escape": `"\`, "short escape": `"\u12"`, "bad escape": `"\x"`, "control character": "\"\n\"",
		"lone high surrogate": `"\ud800"`, "lone low surrogate": `"\udc00"`, "two high surrogates": `"\ud800\ud800"`,
		"invalid UTF-8": "\"\xff\"", "surrogate in UTF-8": "\"\xed\xa0\x80\"", "overlong UTF-8": "\"\xc0\x80\"",
		"duplicate": `{"a":1,"b":2,"a":3}`, "duplicate by escape": `{"a":1,"\u0061":2}`, "name without quotes": `{a:1}`,
		"no colon": `{"a" 1}`, "no value": `{"a":}`, "comma first": `{,"a":1}`, "two documents": "1 2",
		"leading zero": "01", "plus": "+1", "bare minus": "-", "point first": ".5", "point last": "5.", "empty exponent": "1e", "hex": "0x1",
		"infinity": "1e400", "NaN": "NaN", "word": "truth", "capital": "True", "integer beyond 2^53": "9007199254740993",
		"byte order mark": "\ufeff1", "nul": "\x00", "deep": strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2),
	} {
		got, err := canonicalise([]byte(in))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: %s (error %v), want a *SyntaxError", name, got, err)
		} else if syntax.Offset < 0 || syntax.Offset > len(in) {
			t.Errorf("%s: offset %d of %d bytes", name, syntax.Offset, len(in))
		}
	}
}

func TestNumbersSurvive(t *testing.T) {
	for _, v := range []float64{1, -1, 0.1, 1e-6, 9.999e-7, 1e21, 1e20, math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53} {
		back, err := strconv.ParseFloat(string(appendNumber(nil, v)), 64)
		if err != nil || back != v {
			t.Errorf("%v came back as %v (error %v)", v, back, err)
		}
	}
}

// FuzzCanonicalise: what is accepted is valid JSON of the same meaning, and its canonical form is its own.
func FuzzCanonicalise(f *testing.F) {
	for _, seed := range []string{`{"b":[1,-0,1e21,1E-7],"a":"\ud83d\ude00"}`, `{"\ufb33":1,"\ud83d\ude00":2}`, "9007199254740993", "80000000000001E7",
		`{"a":{"a":{"a":[[[null]]]}}}`, strings.Repeat("[", 34), `"\u0000\\"`, "-0.0e-0", "{\"\x80\":1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := canonicalise(data)
		if err != nil {
			return
		}
		again, err := canonicalise(out)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%q is canonical as %q, and that as %q (error %v)", data, out, again, err)
		}
		var was, is any
		if err := errors.Join(json.Unmarshal(data, &was), json.Unmarshal(out, &is)); err != nil {
			t.Fatalf("%q was accepted, encoding/json says %v", data, err)
		}
		if !reflect.DeepEqual(was, is) {
			t.Fatalf("%q means %v, its canonical form %q means %v", data, was, out, is)
		}
	})
}
