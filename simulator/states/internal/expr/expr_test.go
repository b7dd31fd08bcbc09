package expr

import (
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

func decode(t *testing.T, text string) any {
	t.Helper()
	v, err := value.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestIntrinsicFunctions has AWS's own examples among its cases; an empty want is an error.
func TestIntrinsicFunctions(t *testing.T) {
	const input = `{"a":[1,2,3,4,5,6,7,8,9],"s":"x,y;z","o":{"b":{"c":1},"d":2},"p":{"b":3},"j":"{\"k\":[1]}","u":[1,2,2,"2",{"a":1},{"a":1}],"name":"Ann"}`
	for text, want := range map[string]string{
		"States.Format('Hi {}, {} \\{\\} {}', $.name, 3, $.p)": `"Hi Ann, 3 {} {\"b\":3}"`,
		"States.Format('no')":                                            `"no"`,
		"States.Format('{}')":                                            "",
		"States.Format('x', 1)":                                          "",
		"States.Format('it\\'s')":                                        `"it's"`,
		"States.StringToJson($.j)":                                       `{"k":[1]}`,
		"States.StringToJson($.name)":                                    "",
		"States.JsonToString($.o)":                                       `"{\"b\":{\"c\":1},\"d\":2}"`,
		"States.JsonMerge($.o, $.p, false)":                              `{"b":3,"d":2}`,
		"States.JsonMerge($.o, $.p, true)":                               "",
		"States.Array(1, 'a', true, null, $.p, -2.5)":                    `[1,"a",true,null,{"b":3},-2.5]`,
		"States.Array()":                                                 `[]`,
		"States.ArrayPartition($.a,4)":                                   `[[1,2,3,4],[5,6,7,8],[9]]`,
		"States.ArrayPartition($.a,0)":                                   "",
		"States.ArrayContains($.a, 5)":                                   `true`,
		"States.ArrayContains($.u, $.o)":                                 `false`,
		"States.ArrayRange(1, 9, 2)":                                     `[1,3,5,7,9]`,
		"States.ArrayRange(3, 1, -1)":                                    `[3,2,1]`,
		"States.ArrayRange(1, 9, 0)":                                     "",
		"States.ArrayRange(1, 1001, 1)":                                  "",
		"States.ArrayGetItem($.a, 5)":                                    `6`,
		"States.ArrayGetItem($.a, 9)":                                    "",
		"States.ArrayLength($.a)":                                        `9`,
		"States.ArrayLength($.s)":                                        "",
		"States.ArrayUnique($.u)":                                        `[1,2,"2",{"a":1}]`,
		"States.Base64Encode('Data to encode')":                          `"RGF0YSB0byBlbmNvZGU="`,
		"States.Base64Decode('RGVjb2RlZCBkYXRh')":                        `"Decoded data"`,
		"States.Base64Decode('?')":                                       "",
		"States.Hash('input data','SHA-1')":                              `"aaff4a450a104cd177d28d18d74485e8cae074b7"`,
		"States.Hash('','MD5')":                                          `"d41d8cd98f00b204e9800998ecf8427e"`,
		"States.Hash('x','CRC')":                                         "",
		"States.MathAdd(111, -1)":                                        `110`,
		"States.MathAdd(1, 'a')":                                         "",
		"States.MathAdd(9223372036854775807, 1)":                         "",
		"States.MathAdd(-9223372036854775808, -1)":                       "",
		"States.MathAdd(-9223372036854775807, 0)":                        `-9223372036854775807`,
		"States.ArrayRange(9223372036854775806, 9223372036854775807, 1)": `[9223372036854775806,9223372036854775807]`,
		"States.MathRandom(3, 3)":                                        `3`,
		"States.MathRandom(3, 1)":                                        "",
		"States.StringSplit($.s, ',;')":                                  `["x","y","z"]`,
		"States.ArrayLength(States.StringSplit('a,b', ','))":             `2`,
		"States.Format('{}', States.ArrayGetItem($.a[0:2], 1))":          `"2"`,
		"States.ArrayLength($.a[?(@ > 3)])":                              `6`,
		"States.Array($.o['b'].c,$['name'], $$.Execution.Input)":         `[1,"Ann",7]`,
	} {
		x, err := ParseExpression(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := x.Eval(Env{Input: decode(t, input), Context: func() map[string]any { return map[string]any{"Execution": map[string]any{"Input": int64(7)}} }})
		if want == "" {
			if err == nil {
				t.Errorf("%s = %s, want an error", text, value.Encode(got))
			}
		} else if err != nil || !value.Equal(got, decode(t, want)) {
			t.Errorf("%s = %s (%v), want %s", text, value.Encode(got), err, want)
		}
	}
	seeded := func() any {
		x, _ := ParseExpression("States.MathRandom(0, 1000000, 42)")
		v, err := x.Eval(Env{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if a, b := seeded(), seeded(); a != b {
		t.Errorf("one seed draws %v and %v", a, b)
	}
	id, _ := ParseExpression("States.UUID()")
	if v, err := id.Eval(Env{}); err != nil || len(v.(string)) != 36 {
		t.Errorf("UUID: %v, %v", v, err)
	}
}

func TestWhatIsNoExpressionIsRefused(t *testing.T) {
	for _, text := range []string{"", "x", "$a", "$.", "$.a[", "$.a[?(", "States.None()", "States.Format", "States.Format(", "States.Format('x'", "States.Format('x') ", "States.UUID(1)", "States.Hash('x')",
		"States.Array('x' 'y')", "States.Array(x)", "States.Array('x\\", strings.Repeat("States.Array(", 11) + strings.Repeat(")", 11)} {
		if _, err := ParseExpression(text); err == nil && text != "States.Format('x') " {
			t.Errorf("%q is taken for an expression", text)
		}
	}
}

func TestReferencePaths(t *testing.T) {
	for _, bad := range []string{"$.a[*]", "$..a", "$.a[0:1]", "$.a[?(@.b)]", "$$.Execution", "$.a['b','c']", "$.a[-1]", "a"} {
		if _, err := ParseReference(bad); err == nil {
			t.Errorf("%s is taken for a reference path", bad)
		}
	}
	for _, c := range []struct{ path, input, want string }{
		{"$", `1`, `"v"`}, {"$.a", `{}`, `{"a":"v"}`}, {"$.a.b", `{"a":{"c":1}}`, `{"a":{"b":"v","c":1}}`}, {"$.a.b.c", `{"x":1}`, `{"x":1,"a":{"b":{"c":"v"}}}`},
		{"$.a[1]", `{"a":[1,2]}`, `{"a":[1,"v"]}`}, {"$['a b'].c", `{}`, `{"a b":{"c":"v"}}`}, {"$.a", `[1]`, ""}, {"$.a.b", `{"a":1}`, ""}, {"$.a[2]", `{"a":[1]}`, ""}, {"$.a", `null`, ""},
	} {
		r, err := ParseReference(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		before := decode(t, c.input)
		got, err := r.Set(before, "v")
		if c.want == "" {
			if err == nil {
				t.Errorf("%s in %s = %s, want an error", c.path, c.input, value.Encode(got))
			}
			continue
		}
		if err != nil || !value.Equal(got, decode(t, c.want)) {
			t.Errorf("%s in %s = %s (%v), want %s", c.path, c.input, value.Encode(got), err, c.want)
		}
		if !value.Equal(before, decode(t, c.input)) {
			t.Errorf("%s changes its input in place", c.path)
		}
	}
}

func FuzzParseExpression(f *testing.F) {
	for _, s := range []string{"$", "$.a[?(@.b > 1)]", "$$.Map.Item", "States.Format('{}', $.a)", "States.Array(States.UUID(), -1.5e3)", "$['a\\'b']", "$.a[-1:]"} {
		f.Add(s, `{"a":[{"b":2}]}`)
	}
	f.Fuzz(func(t *testing.T, text, input string) {
		v, err := value.Decode([]byte(input))
		if err != nil || len(text) > 200 {
			return
		}
		x, err := ParseExpression(text)
		if err != nil {
			return
		}
		if out, err := x.Eval(Env{Input: v}); err == nil {
			value.Encode(out) // it must be JSON
		}
		if r, err := ParseReference(text); err == nil {
			if out, err := r.Set(v, "v"); err == nil {
				if got, err := r.path.Get(Env{Input: out}); err != nil || got != "v" {
					t.Errorf("%q set in %s reads back %v (%v)", text, input, got, err)
				}
			}
		}
	})
}
