package aggregate

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// TestConcatUndoesACut cuts random tensors of ranks 1 to 4 along every dimension and puts them together again.
func TestConcatUndoesACut(t *testing.T) {
	rng := random(t)
	for rank := 1; rank <= 4; rank++ {
		for dim := range rank {
			shape := make([]int, rank)
			for d := range shape {
				shape[d] = 1 + rng.IntN(4)
			}
			bounds := []int{0}
			for range 4 {
				bounds = append(bounds, bounds[len(bounds)-1]+1+rng.IntN(3))
			}
			shape[dim] = bounds[4]
			size, _ := tensor.Shape(shape).Elements()
			whole := f32s(t, normals32(rng, size), shape...)
			partials := make([]Partial, 4)
			for i := range partials {
				partials[i] = value(along(t, whole, dim, bounds[i], bounds[i+1]))
			}
			for _, b := range [][]int{nil, bounds} {
				m := manifest.Merge{Kind: manifest.MergeConcat, DType: tensor.F32, Dim: dim, Bounds: b}
				if got := inOrder(t, m, 16, nil, partials, rng.Perm(4)); !sameBits(got, whole) {
					t.Errorf("shape %v along %d with bounds %v: result %v differs", shape, dim, b, got)
				}
			}
		}
	}
}

// along is the part [lo, hi) of t along a dimension, element by element.
func along(t testing.TB, whole *tensor.Tensor, dim, lo, hi int) *tensor.Tensor {
	shape := whole.Shape().Clone()
	shape[dim] = hi - lo
	var part []float32
	stride := 1
	for _, n := range whole.Shape()[dim+1:] {
		stride *= n
	}
	for j, v := range tensor.Of[float32](whole) {
		if at := j / stride % whole.Dim(dim); at >= lo && at < hi {
			part = append(part, v)
		}
	}
	return f32s(t, part, shape...)
}

func TestConcatOfStringsAndOfNarrowerParts(t *testing.T) {
	text := func(shape tensor.Shape, v ...string) Partial { return value(made(t)(tensor.FromStrings(shape, v))) }
	m := manifest.Merge{Kind: manifest.MergeConcat, DType: tensor.String, Dim: 1, Bounds: []int{0, 1, 3}}
	got := inOrder(t, m, 16, nil, []Partial{text(tensor.Shape{2, 1}, "a", ""), text(tensor.Shape{2, 2}, "bc", "d", "é", "f")}, []int{1, 0})
	var all []string
	for i := range got.Len() {
		all = append(all, got.StringAt(i))
	}
	if want := []string{"a", "bc", "d", "", "é", "f"}; !slices.Equal(all, want) || !got.Shape().Equal(tensor.Shape{2, 3}) {
		t.Errorf("strings %q of shape %v, want %q of [2, 3]", all, got.Shape(), want)
	}
	half := made(t)(tensor.Convert(f32s(t, []float32{1.5, -2}, 2), tensor.F16))
	wide := manifest.Merge{Kind: manifest.MergeConcat, DType: tensor.F32}
	wantF32(t, inOrder(t, wide, 16, nil, []Partial{value(half), value(half)}, nil), tensor.Shape{4}, 1.5, -2, 1.5, -2)
	g, err := New(wide, 1, 16, nil)
	if err != nil {
		t.Fatal(err)
	}
	var partial *PartialError
	if err := g.Add(0, value(tensor.New(tensor.F64, 2))); !errors.As(err, &partial) {
		t.Errorf("F64 parts for an F32 result: error %v, want a *PartialError", err)
	}
}

func TestConcatHoldsPartsToTheBounds(t *testing.T) {
	m := manifest.Merge{Kind: manifest.MergeConcat, DType: tensor.F32, Bounds: []int{0, 2, 5}}
	g, err := New(m, 2, 16, nil)
	if err != nil {
		t.Fatal(err)
	}
	var partial *PartialError
	if err := g.Add(1, value(tensor.New(tensor.F32, 2))); !errors.As(err, &partial) || partial.Position != 1 {
		t.Errorf("2 elements for bounds 2 to 5: error %v, want a *PartialError about 1", err)
	}
}

func TestBoundsCannotMakeConcatAllocateWithoutLimit(t *testing.T) {
	m := manifest.Merge{Kind: manifest.MergeConcat, DType: tensor.F32, Bounds: []int{0, 1, 1 << 50}}
	g, err := New(m, 2, 16, nil)
	if err != nil {
		t.Fatal(err)
	}
	var merge *MergeError
	if err := g.Add(0, value(tensor.New(tensor.F32, 1))); !errors.As(err, &merge) {
		t.Errorf("error %v, want a *MergeError", err)
	}
}

func TestMaxAndMin(t *testing.T) {
	nan, inf, minus := float32(math.NaN()), float32(math.Inf(1)), float32(math.Copysign(0, -1))
	a := value(f32s(t, []float32{1, nan, minus, 0, -inf, 3}, 6))
	b := value(f32s(t, []float32{2, 5, 0, minus, inf, nan}, 6))
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		got := inOrder(t, manifest.Merge{Kind: "max", DType: tensor.F32}, 16, nil, []Partial{a, b}, order)
		wantF32(t, got, tensor.Shape{6}, 2, nan, 0, 0, inf, nan)
		got = inOrder(t, manifest.Merge{Kind: "min", DType: tensor.F32}, 16, nil, []Partial{a, b}, order)
		wantF32(t, got, tensor.Shape{6}, 1, nan, minus, minus, -inf, nan)
	}
	values := []float64{1, 7, 3}
	for _, d := range []tensor.DType{tensor.U8, tensor.I8, tensor.U16, tensor.I16, tensor.U32, tensor.I32, tensor.U64, tensor.I64, tensor.F16, tensor.BF16, tensor.F64} {
		x := value(made(t)(tensor.Convert(f64s(t, values, 3), d)))
		y := value(made(t)(tensor.Convert(f64s(t, []float64{2, 6, 3}, 3), d)))
		near(t, inOrder(t, manifest.Merge{Kind: "max", DType: d}, 16, nil, []Partial{x, y}, nil), 0, []float64{2, 7, 3})
		near(t, inOrder(t, manifest.Merge{Kind: "min", DType: d}, 16, nil, []Partial{x, y}, nil), 0, []float64{1, 6, 3})
	}
}

// TestTopKIsTheHeadOfTheSortedWhole sorts each whole row by value, position and NaN and compares.
func TestTopKIsTheHeadOfTheSortedWhole(t *testing.T) {
	rng := random(t)
	const rows = 6
	bounds := []int{0, 4, 5, 12}
	columns := bounds[3]
	for _, k := range []int{1, 5, 12, 20} {
		v := normals32(rng, rows*columns)
		for i := range v {
			v[i] = float32(math.Round(float64(v[i]))) // many even ones
		}
		sprinkle(rng, v)
		partials := cut(t, tensor.F32, v, rows, bounds)
		for i, p := range partials {
			w := bounds[i+1] - bounds[i]
			var index []int64
			for range rows {
				for c := range w {
					index = append(index, int64(c))
				}
			}
			p["index"] = i64s(t, index, rows, w)
		}
		m := manifest.Merge{Kind: "topk", DType: tensor.F32, Dim: 1, K: k, Bounds: bounds, Result: "value"}
		at := m
		at.DType, at.Result = tensor.I64, "index"
		values, positions := inOrder(t, m, 16, nil, partials, nil), inOrder(t, at, 16, nil, partials, nil)
		kept := min(k, columns)
		var wantValues []float32
		for r := range rows {
			order := sortedColumns(v[r*columns : (r+1)*columns])
			for e := range kept {
				if got := tensor.Of[int64](positions)[r*kept+e]; got != int64(order[e]) {
					t.Errorf("k=%d row %d: place %d has column %d, want %d", k, r, e, got, order[e])
				}
				wantValues = append(wantValues, v[r*columns+order[e]])
			}
		}
		wantF32(t, values, tensor.Shape{rows, kept}, wantValues...)
	}
}

// sortedColumns is a selection sort: numbers from the greatest, the first of even ones first, NaN at the end.
func sortedColumns(row []float32) []int {
	var order []int
	for range row {
		best := -1
		for c, v := range row {
			if slices.Contains(order, c) {
				continue
			}
			if best < 0 || v > row[best] || row[best] != row[best] && v == v {
				best = c
			}
		}
		order = append(order, best)
	}
	return order
}

func TestTopKOfIntegersAlongTheFirstDimension(t *testing.T) {
	big := int64(1)<<60 + 1 // a float64 would not tell it from 2^60
	m := manifest.Merge{Kind: "topk", DType: tensor.I64, Dim: 0, K: 2, Bounds: []int{0, 2, 3}, Result: "value"}
	got := inOrder(t, m, 16, nil, []Partial{
		{"value": i64s(t, []int64{big - 1, 5, 7, 6}, 2, 2), "index": i32s(t, []int32{0, 0, 1, 1}, 2, 2)},
		{"value": i64s(t, []int64{big, -1}, 1, 2), "index": i32s(t, []int32{0, 0}, 1, 2)},
	}, nil)
	if v := tensor.Of[int64](got); !slices.Equal(v, []int64{big, 6, big - 1, 5}) || !got.Shape().Equal(tensor.Shape{2, 2}) {
		t.Errorf("values %v of %v", v, got)
	}
	g, err := New(m, 2, 16, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, index := range map[string][]int32{"outside": {2, 0}, "negative": {-1, 0}, "twice": {1, 1}} {
		var partial *PartialError
		p := Partial{"value": i64s(t, []int64{1, 2}, 2, 1), "index": i32s(t, index, 2, 1)}
		if err := g.Add(0, p); !errors.As(err, &partial) || partial.Role != "index" {
			t.Errorf("%s: error %v, want a *PartialError about index", name, err)
		}
	}
}

func TestVoteTakesTheLowestOfEvenClasses(t *testing.T) {
	m := manifest.Merge{Kind: "vote", DType: tensor.I32}
	got := inOrder(t, m, 16, nil, []Partial{
		{"count": i32s(t, []int32{0, 2, 2, 0, 0, 0}, 2, 3)},
		{"count": i32s(t, []int32{1, 0, 1, 0, 0, 0}, 2, 3)},
	}, nil)
	if v := tensor.Of[int32](got); !slices.Equal(v, []int32{2, 0}) || !got.Shape().Equal(tensor.Shape{2}) {
		t.Errorf("winners %v of %v, want [2 0]", v, got)
	}
}

func TestScatterBackFillsEveryPlaceOnce(t *testing.T) {
	m := manifest.Merge{Kind: "scatter_back", DType: tensor.F32}
	a := Partial{"value": f32s(t, []float32{1, 2, 3, 4}, 2, 2), "index": i64s(t, []int64{2, 0}, 2)}
	b := Partial{"value": f32s(t, []float32{5, 6}, 1, 2), "index": i64s(t, []int64{1}, 1)}
	none := Partial{"value": f32s(t, nil, 0, 2), "index": i64s(t, nil, 0)}
	wantF32(t, inOrder(t, m, 16, nil, []Partial{a, none, b}, nil), tensor.Shape{3, 2}, 3, 4, 5, 6, 1, 2)
	text := Partial{"value": made(t)(tensor.FromStrings(tensor.Shape{2}, []string{"x", "yz"})), "index": i64s(t, []int64{1, 0}, 2)}
	if got := inOrder(t, manifest.Merge{Kind: "scatter_back", DType: tensor.String}, 16, nil, []Partial{text}, nil); got.StringAt(0) != "yz" || got.StringAt(1) != "x" {
		t.Errorf("strings %q %q, want yz x", got.StringAt(0), got.StringAt(1))
	}
	for name, places := range map[string][]int64{"taken": {2}, "outside": {3}, "negative": {-1}} {
		g, err := New(m, 2, 16, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(g.Add(0, a), g.Add(1, Partial{"value": b["value"], "index": i64s(t, places, 1)})); err != nil {
			t.Fatal(err)
		}
		var partial *PartialError
		if r, err := g.Result(); !errors.As(err, &partial) || partial.Position != 1 {
			t.Errorf("%s place: result %v, error %v, want a *PartialError about 1", name, r, err)
		}
	}
}
