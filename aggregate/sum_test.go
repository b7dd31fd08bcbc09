package aggregate

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func sumMerge(acc, dtype tensor.DType, init ...string) manifest.Merge {
	return manifest.Merge{Kind: manifest.MergeSum, Acc: acc, DType: dtype, Init: init}
}

// byTree is the documented order, written as a recursion from the top: cut into groups as large as a power of radix
// allows, sum each, add the group sums from left to right.
func byTree(v []float32, radix int) float32 {
	if len(v) == 1 {
		return v[0]
	}
	group := 1
	for group*radix < len(v) {
		group *= radix
	}
	total := byTree(v[:min(group, len(v))], radix)
	for at := group; at < len(v); at += group {
		total += byTree(v[at:min(at+group, len(v))], radix)
	}
	return total
}

func TestSumFollowsTheFixedTree(t *testing.T) {
	rng := random(t)
	for _, n := range []int{1, 2, 15, 16, 17, 31, 64, 255, 256, 257, 300} {
		for _, radix := range []int{2, 3, 16} {
			v := normals32(rng, n)
			partials := make([]Partial, n)
			for i := range v {
				partials[i] = value(f32s(t, v[i:i+1], 1))
			}
			wantF32(t, inOrder(t, sumMerge(tensor.F32, tensor.F32), radix, nil, partials, rng.Perm(n)), tensor.Shape{1}, byTree(v, radix))
		}
	}
}

func TestWholeGroupsMayBeFoldedElsewhere(t *testing.T) {
	rng := random(t)
	const n, radix = 64, 16
	partials := make([]Partial, n)
	for i := range partials {
		partials[i] = value(f32s(t, normals32(rng, 50), 50))
	}
	for _, init := range [][]string{nil, {manifest.HexF32(0.3)}} {
		var groups []Partial
		for at := 0; at < n; at += radix {
			groups = append(groups, value(inOrder(t, sumMerge(tensor.F32, tensor.F32), radix, nil, partials[at:at+radix], nil)))
		}
		final := sumMerge(tensor.F32, tensor.F32, init...)
		if !sameBits(inOrder(t, final, radix, nil, groups, nil), inOrder(t, final, radix, nil, partials, nil)) {
			t.Errorf("init %v: folding groups elsewhere changes bits", init)
		}
	}
}

// TestSumInF64RoundsOnce adds numbers whose exact sum a float64 holds: the result is the exact sum, rounded once.
func TestSumInF64RoundsOnce(t *testing.T) {
	rng := random(t)
	const n, width = 40, 100
	partials := make([]Partial, n)
	exact := make([]*big.Float, width)
	for k := range exact {
		exact[k] = new(big.Float).SetPrec(200)
	}
	for i := range partials {
		v := make([]float32, width)
		for k := range v {
			v[k] = float32(rng.IntN(1<<24)-1<<23) / (1 << 10)
			exact[k].Add(exact[k], big.NewFloat(float64(v[k])))
		}
		partials[i] = value(f32s(t, v, width))
	}
	want := make([]float32, width)
	for k, e := range exact {
		want[k], _ = e.Float32()
	}
	wantF32(t, inOrder(t, sumMerge(tensor.F64, tensor.F32), 16, nil, partials, nil), tensor.Shape{width}, want...)
}

func TestSumBeginsWithInit(t *testing.T) {
	big := float32(1 << 24) // 2^24 + 1 rounds back to 2^24
	ones := make([]Partial, 20)
	for i := range ones {
		ones[i] = value(f32s(t, []float32{1, 1, 1, 1}, 2, 2))
	}
	// 16 ones are folded from init on only when the root is their group; here the root adds 16 and 4 to init.
	got := inOrder(t, sumMerge(tensor.F32, tensor.F32, manifest.HexF32(big), manifest.HexF32(-1)), 16, nil, ones, nil)
	wantF32(t, got, tensor.Shape{2, 2}, big+20, 19, big+20, 19)
	got = inOrder(t, sumMerge(tensor.F32, tensor.F32, manifest.HexF32(big)), 16, nil, ones[:3], nil)
	wantF32(t, got, tensor.Shape{2, 2}, big, big, big, big)
	var partial *PartialError
	g, err := New(sumMerge(tensor.F32, tensor.F32, "00000000", "00000000", "00000000"), 2, 16, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Add(0, ones[0]); !errors.As(err, &partial) {
		t.Errorf("3 first addends for 2 columns: error %v, want a *PartialError", err)
	}
}

func TestSumWidensItsComponents(t *testing.T) {
	values := []float64{1, 2, 3, 100}
	for _, from := range []tensor.DType{tensor.U8, tensor.I16, tensor.I32, tensor.U32, tensor.F16, tensor.BF16, tensor.F32, tensor.F64} {
		in := made(t)(tensor.Convert(f64s(t, values, 4), from))
		got := inOrder(t, sumMerge(tensor.F64, tensor.F64), 16, nil, []Partial{value(in), value(in), value(in)}, nil)
		near(t, got, 0, []float64{3, 6, 9, 300})
	}
	for _, c := range [][2]tensor.DType{{tensor.F64, tensor.F32}, {tensor.I32, tensor.F32}, {tensor.I64, tensor.F64}, {tensor.F32, tensor.I64}, {tensor.U64, tensor.I64}} {
		dtype := tensor.F32
		if c[1] == tensor.I64 {
			dtype = tensor.I64
		}
		g, err := New(sumMerge(c[1], dtype), 1, 16, nil)
		if err != nil {
			t.Fatal(err)
		}
		var partial *PartialError
		if err := g.Add(0, value(tensor.New(c[0], 2))); !errors.As(err, &partial) {
			t.Errorf("%v added in %v: error %v, want a *PartialError: it does not hold every value", c[0], c[1], err)
		}
	}
}

func TestIntegerSumsAreExactOrAnError(t *testing.T) {
	m := sumMerge(tensor.I64, tensor.I64, "fffffffffffffffb")
	got := inOrder(t, m, 16, nil, []Partial{value(i64s(t, []int64{math.MaxInt64}, 1)), value(i64s(t, []int64{3}, 1))}, nil)
	if v := tensor.Of[int64](got)[0]; v != math.MaxInt64-2 {
		t.Errorf("sum %d, want %d", v, int64(math.MaxInt64-2))
	}
	for _, sign := range []int64{1, -1} {
		g, err := New(sumMerge(tensor.I64, tensor.I64), 2, 16, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Add(0, value(i64s(t, []int64{sign * math.MaxInt64}, 1))); err != nil {
			t.Fatal(err)
		}
		var merge *MergeError
		if err := g.Add(1, value(i64s(t, []int64{sign * 2}, 1))); !errors.As(err, &merge) {
			t.Errorf("overflow: error %v, want a *MergeError", err)
		}
		if _, err := g.Result(); !errors.As(err, &merge) {
			t.Errorf("result after an overflow: error %v, want a *MergeError", err)
		}
	}
	narrow := sumMerge(tensor.I64, tensor.I32)
	g, err := New(narrow, 1, 16, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Add(0, value(i64s(t, []int64{1 << 40}, 1))); err != nil {
		t.Fatal(err)
	}
	if r, err := g.Result(); err == nil {
		t.Errorf("2^40 as I32 gives %v, want an error", r)
	}
}

func TestSumsPropagateNaNAndInfinity(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	got := inOrder(t, sumMerge(tensor.F32, tensor.F32), 16, nil, []Partial{
		value(f32s(t, []float32{nan, inf, inf, math.MaxFloat32}, 4)),
		value(f32s(t, []float32{1, 1, -inf, math.MaxFloat32}, 4)),
	}, nil)
	wantF32(t, got, tensor.Shape{4}, nan, inf, nan, inf)
}

func TestMeanDividesTheSumOnce(t *testing.T) {
	rng := random(t)
	for _, n := range []int{1, 3, 20} {
		partials := make([]Partial, n)
		columns := make([][]float32, 6)
		for i := range partials {
			v := normals32(rng, 6)
			for k := range v {
				columns[k] = append(columns[k], v[k])
			}
			partials[i] = value(f32s(t, v, 2, 3))
		}
		want := make([]float32, 6)
		for k, c := range columns {
			want[k] = byTree(c, 16) / float32(n)
		}
		m := manifest.Merge{Kind: manifest.MergeMean, Acc: tensor.F32, DType: tensor.F32}
		wantF32(t, inOrder(t, m, 16, nil, partials, nil), tensor.Shape{2, 3}, want...)
	}
}

func TestWeightedMean(t *testing.T) {
	m := manifest.Merge{Kind: manifest.MergeWeightedMean, DType: tensor.F64}
	p := func(v []float64, w ...float64) Partial {
		shape := []int{len(w)}
		if len(w) == 1 {
			shape = nil
		}
		return Partial{"value": f64s(t, v, 2, 2), "weight": f64s(t, w, shape...)}
	}
	got := inOrder(t, m, 16, nil, []Partial{p([]float64{1, 2, 3, 4}, 1, 0), p([]float64{5, 6, 7, 8}, 3, 0)}, nil)
	near(t, got, 0, []float64{4, 5, math.NaN(), math.NaN()})
	got = inOrder(t, m, 16, nil, []Partial{p([]float64{1, 2, 3, 4}, 2), p([]float64{4, 5, 6, 7}, 1)}, nil)
	near(t, got, 0, []float64{2, 3, 4, 5})
	for _, bad := range []float64{-1, math.Inf(1)} {
		g, err := New(m, 1, 16, nil)
		if err != nil {
			t.Fatal(err)
		}
		var partial *PartialError
		if err := g.Add(0, p([]float64{1, 2, 3, 4}, bad)); !errors.As(err, &partial) || partial.Role != "weight" {
			t.Errorf("weight %v: error %v, want a *PartialError about weight", bad, err)
		}
	}
}

func TestEmptyBatches(t *testing.T) {
	for _, s := range []sample{
		{"sum", sumMerge(tensor.F32, tensor.F32), nil, []Partial{value(tensor.New(tensor.F32, 0, 3)), value(tensor.New(tensor.F32, 0, 3))}},
		{"ordered sum", manifest.Merge{Kind: "ordered_sum", Acc: tensor.F32, DType: tensor.F32, Init: []string{"00000000"}}, nil,
			[]Partial{value(tensor.New(tensor.F32, 0, 3)), value(tensor.New(tensor.F32, 0, 2))}},
		{"concat", manifest.Merge{Kind: "concat", DType: tensor.F32, Dim: 1}, nil, []Partial{value(tensor.New(tensor.F32, 0, 3)), value(tensor.New(tensor.F32, 0, 2))}},
		{"topk", manifest.Merge{Kind: "topk", DType: tensor.F32, Dim: 1, K: 2, Bounds: []int{0, 5}, Result: "value"}, nil,
			[]Partial{{"value": tensor.New(tensor.F32, 0, 3), "index": tensor.New(tensor.I64, 0, 3)}}},
		{"weighted mean", manifest.Merge{Kind: "weighted_mean", DType: tensor.F32}, nil, []Partial{{"value": tensor.New(tensor.F32, 0, 3), "weight": tensor.New(tensor.F32, 0)}}},
	} {
		t.Run(s.name, func(t *testing.T) {
			got := inOrder(t, s.merge, 16, nil, s.partials, nil)
			if got.Len() != 0 || got.Dim(0) != 0 {
				t.Errorf("result %v, want no rows", got)
			}
		})
	}
}

func ExampleNew() {
	m := manifest.Merge{Kind: manifest.MergeSum, DType: tensor.F32, Acc: tensor.F32}
	merger, err := New(m, 2, manifest.Radix, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range []int{1, 0} { // in order of arrival
		part := tensor.New(tensor.F32, 2)
		tensor.Of[float32](part)[0] = float32(10 * i)
		if err := merger.Add(i, Partial{manifest.RoleValue: part}); err != nil {
			fmt.Println(err)
			return
		}
	}
	total, err := merger.Result()
	fmt.Println(tensor.Of[float32](total), err)
	// Output: [10 0] <nil>
}
