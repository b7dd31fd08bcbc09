package infer

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestDimText(t *testing.T) {
	n, m, w := Symbol("batch"), Symbol("seq"), Symbol("width")
	for _, c := range []struct {
		d    Dim
		want string
	}{
		{Const(0), "0"}, {Const(-3), "-3"}, {n, "batch"}, {n.Add(n), "2*batch"}, {n.Sub(n), "0"}, {n.Mul(m), "batch*seq"}, {m.Mul(n), "batch*seq"},
		{n.Mul(m).Mul(Const(2)).Add(Const(1)), "2*batch*seq + 1"}, {Const(1).Sub(n), "-1*batch + 1"},
		{w.Add(Const(1)).Div(Const(2)), "(width + 1)//2"}, {w.Add(Const(3)).Div(Const(2)), "((width + 1)//2) + 1"},
		{w.Mul(Const(4)).Div(Const(2)), "2*width"}, {w.Div(Const(2)).Div(Const(3)), "width//6"}, {n.Mul(m).Div(n), "seq"},
		{n.Mul(m).Add(n).Div(m.Add(Const(1))), "batch"}, {Const(7).Div(Const(2)), "3"}, {Const(-7).Div(Const(2)), "-4"},
		{w.Div(Const(2)).Mul(Const(2)), "2*(width//2)"}, {Min(n, Const(5)), "min(5, batch)"}, {Max(n, Const(0)), "batch"}, {Min(n, n.Add(m)), "batch"},
		{w.Ceil(Const(2)), "(width + 1)//2"}, {Symbol("a b").Add(Const(1)), "'a b' + 1"}, {Symbol("a b"), "a b"}, {n.Div(Const(0)), ""},
		{Const(maxSize).Mul(Const(2)), ""}, {Dim{}.Add(n), ""},
		{Const(math.MaxInt64).Add(Const(math.MinInt64)), ""}, {Const(math.MinInt64).Mul(Const(1)), ""},
		{n.Div(Const(math.MinInt64)), ""}, {Const(math.MaxInt64).Div(Const(2)), ""},
	} {
		if got := c.d.String(); got != c.want {
			t.Errorf("found %q, wanted %q", got, c.want)
		}
		if c.d.Known() && !Parse(c.d.String()).Equal(c.d) {
			t.Errorf("%q is read as %q", c.d, Parse(c.d.String()))
		}
	}
}

func TestParseTakesExportersTextAndNames(t *testing.T) {
	for text, want := range map[string]string{
		"past_sequence_length + 1": "past_sequence_length + 1", "2*n": "2*n", "n + n": "2*n", "batch-size": "batch-size", "a/b": "a/b", "N x M": "N x M",
		"": "", "-": "-", "(": "(", "1x": "1x", "12": "12", "floor(n/2)": "floor(n/2)", "n//2 + n//2": "2*(n//2)", "min(a, b": "min(a, b", "''": "''", "n//0": "n//0",
	} {
		if got := Parse(text).String(); got != want {
			t.Errorf("%q is read as %q, wanted %q", text, got, want)
		}
	}
}

// TestDimEqualsArithmetic builds random expressions and holds their value against the numbers'.
func TestDimEqualsArithmetic(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	names := []string{"a", "b", "c d"}
	for range 20000 {
		sizes := map[string]int64{}
		for _, n := range names {
			sizes[n] = r.Int64N(20)
		}
		d, want, ok := randomDim(r, names, sizes, 4)
		if !ok || !d.Known() {
			continue
		}
		if got, ok := d.Eval(sizes); !ok || got != want {
			t.Fatalf("seed %d: %q at %v is %d, wanted %d", seed, d, sizes, got, want)
		}
		back := Parse(d.String())
		if !back.Equal(d) {
			t.Fatalf("seed %d: %q is read as %q", seed, d, back)
		}
	}
}

func randomDim(r *rand.Rand, names []string, sizes map[string]int64, depth int) (Dim, int64, bool) {
	if depth == 0 || r.IntN(4) == 0 {
		if r.IntN(2) == 0 {
			n := r.Int64N(9) - 2
			return Const(n), n, true
		}
		name := names[r.IntN(len(names))]
		return Symbol(name), sizes[name], true
	}
	a, x, okA := randomDim(r, names, sizes, depth-1)
	b, y, okB := randomDim(r, names, sizes, depth-1)
	ok := okA && okB
	switch r.IntN(6) {
	case 0:
		return a.Add(b), x + y, ok
	case 1:
		return a.Sub(b), x - y, ok
	case 2:
		return a.Mul(b), x * y, ok
	case 3:
		if y <= 0 {
			return Dim{}, 0, false
		}
		return a.Div(b), floor(x, y), ok
	case 4:
		return Min(a, b), min(x, y), ok
	}
	return Max(a, b), max(x, y), ok
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2*batch + 1", "(width + 1)//2", "min(a, 'b c') - 3", "((((a", "a//b//c", "'n '", "'a + b'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := Parse(text)
		if d.Known() && !Parse(d.String()).Equal(d) {
			t.Fatalf("%q is %q, which is read as %q", text, d, Parse(d.String()))
		}
	})
}

// The bound that exporters mean the end by is beyond the numbers that are computed with.
func TestASliceToTheEndKeepsWhatIsKnown(t *testing.T) {
	if n, ok := Const(math.MaxInt64).Fixed(); !ok || n != math.MaxInt64 {
		t.Errorf("found %d", n)
	}
	s := NewScope(map[string]int64{"": 14})
	s.Define("x", Value{DType: tensor.F32, Ranked: true, Dims: []Dim{Symbol("batch"), Const(7), Const(3)}})
	for name, v := range map[string]int64{"one": 1, "end": math.MaxInt64} {
		s.Define(name, Value{DType: tensor.I64, Ranked: true, Dims: []Dim{Const(1)}, Elems: []Dim{Const(v)}})
	}
	out, err := s.Node(&graph.Node{Name: "n", Op: "Slice", Inputs: []string{"x", "one", "end", "one"}, Outputs: []string{"y"}})
	if err != nil || out[0].String() != "F32[batch, 6, 3]" {
		t.Errorf("found %v, error %v, wanted F32[batch, 6, 3]", out, err)
	}
}

// A slice that goes backwards has the length that its places have, of nothing and of more than anybody would list.
func TestASliceBackwardsIsCounted(t *testing.T) {
	const much = 1 << 30
	for _, c := range []struct{ n, start, end, step, want int64 }{
		{0, 4, 5, -2, 0}, {0, -1, math.MinInt64 / 2, -1, 0}, {7, 4, 6, -1, 0}, {7, -1, -8, -1, 7}, {7, 5, 0, -2, 3}, {7, 5, 1, -2, 2},
		{3, -9, -9, -1, 1}, {5, 9, -9, -100, 1}, {5, 3, -9, math.MinInt64, 1}, {much, -1, math.MinInt64 / 2, -1, much}, {much, -1, 0, -3, (much + 1) / 3},
	} {
		s := sliceAt{start: Const(c.start), end: Const(c.end), step: Const(c.step)}
		if got, ok := s.length(Const(c.n)).Fixed(); !ok || got != c.want {
			t.Errorf("%d[%d:%d:%d] has %d places, %v, wanted %d", c.n, c.start, c.end, c.step, got, ok, c.want)
		}
	}
}
