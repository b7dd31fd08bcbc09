package tensor

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// sample is a set with every dtype, empty and rank-0 tensors, strings and awkward names.
func sample(t testing.TB, seed uint64) Named {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	n := Named{}
	for d := Bool; d <= F64; d++ {
		x := New(d, rng.IntN(4), 3)
		for i := range x.Bytes() {
			x.Bytes()[i] = byte(rng.Uint32())
			if d == Bool {
				x.Bytes()[i] &= 1
			}
		}
		n["t "+d.String()] = x
	}
	n["scalar\"\\\n\u0001é😀"] = New(I64)
	n["empty"] = New(F32, 0, 7)
	n[""] = New(U8, 1)
	text, err := FromStrings(Shape{2, 2}, []string{"", "a", "ñé", "\x00\xff"})
	if err != nil {
		t.Fatal(err)
	}
	n["text"] = text
	none, err := FromStrings(Shape{0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n["none"] = none
	one, err := FromStrings(nil, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	n["one"] = one
	return n
}

func equalNamed(t testing.TB, got, want Named) {
	t.Helper()
	if !slices.Equal(got.Names(), want.Names()) {
		t.Fatalf("names %q, want %q", got.Names(), want.Names())
	}
	for k, w := range want {
		g := got[k]
		if g.DType() != w.DType() || !g.Shape().Equal(w.Shape()) || g.Len() != w.Len() ||
			!bytes.Equal(g.Bytes(), w.Bytes()) || !slices.Equal(g.Offsets(), w.Offsets()) {
			t.Fatalf("tensor %q: %v differs from %v", k, g, w)
		}
	}
}

func TestFrameRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	want := sample(t, seed)
	meta := map[string]string{"b": "2", "a": "\"\t", "": ""}
	frame, err := AppendFrame([]byte("prefix!!"), want, meta)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := PlanFrame(want, meta)
	if err != nil || plan.Size() != len(frame)-8 {
		t.Fatalf("planned %+v, %v; the frame has %d bytes", plan, err, len(frame)-8)
	}
	buf := Aligned(plan.Size())
	copy(buf, frame[8:])
	got, gotMeta, err := ParseFrame(buf, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	equalNamed(t, got, want)
	if !maps.Equal(gotMeta, meta) {
		t.Fatalf("metadata %q, want %q", gotMeta, meta)
	}
	again, err := AppendFrame(nil, got, gotMeta)
	if err != nil || !bytes.Equal(again, frame[8:]) {
		t.Fatalf("a second encoding differs: %v", err)
	}
	if f := Of[float64](got["t F64"]); len(f) > 0 {
		f[0] = 42
		if Of[float64](got["t F64"])[0] != 42 {
			t.Fatal("the parsed tensor is a copy, not an aligned view of the buffer")
		}
	}
}

func TestFrameIsCanonicalSafetensors(t *testing.T) {
	n := Named{"b": New(F32, 2), "a": New(F32, 1), "z": New(I64, 1), "c": New(U8, 3)}
	frame, err := AppendFrame(nil, n, map[string]string{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	const header = `{"__metadata__":{"k":"v"},"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},` +
		`"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},` +
		`"c":{"dtype":"U8","shape":[3],"data_offsets":[20,23]}}`
	size := binary.LittleEndian.Uint64(frame)
	if size%8 != 0 || size < uint64(len(header)) || size >= uint64(len(header)+8) {
		t.Fatalf("header of %d bytes for %d of JSON", size, len(header))
	}
	if got := strings.TrimRight(string(frame[8:8+size]), " "); got != header {
		t.Fatalf("header\n%s\nwant\n%s", got, header)
	}
	if !json.Valid(frame[8 : 8+size]) {
		t.Fatal("header is not JSON")
	}
	if len(frame) != int(8+size+23) {
		t.Fatalf("frame has %d bytes", len(frame))
	}
}

func TestAppendFrameRefuses(t *testing.T) {
	text, err := FromStrings(Shape{1}, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	many := Named{}
	for i := range 4097 {
		many[string(rune('a'+i%26))+strings.Repeat("x", i/26)] = New(U8, 0)
	}
	for name, c := range map[string]struct {
		n    Named
		meta map[string]string
		want string
	}{
		"nil tensor":        {Named{"x": nil}, nil, "nil"},
		"zero tensor":       {Named{"x": {}}, nil, "no dtype"},
		"metadata name":     {Named{"__metadata__": New(U8, 1)}, nil, "__metadata__"},
		"bad utf-8 name":    {Named{"\xff": New(U8, 1)}, nil, "UTF-8"},
		"bad utf-8 meta":    {nil, map[string]string{"a": "\xff"}, "UTF-8"},
		"reserved metadata": {nil, map[string]string{"string:x": "1"}, "reserved"},
		"clash with part":   {Named{"x": text, "x.bytes": New(F32, 1)}, nil, "clashes"},
		"clash of strings":  {Named{"x": text, "x.offsets": text}, nil, "clashes"},
		"rank":              {Named{"x": New(U8, make([]int, 33)...)}, nil, "33 dimensions"},
		"too many":          {many, nil, "4097 tensors"},
		"long header":       {nil, map[string]string{"k": strings.Repeat("x", 1<<20)}, "exceed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := AppendFrame(nil, c.n, c.meta)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if _, planErr := PlanFrame(c.n, c.meta); planErr == nil {
				t.Fatal("PlanFrame accepts what AppendFrame refuses")
			}
		})
	}
}
