package aggregate

import (
	"math"
	"math/big"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// exactMoments are mean and population variance, computed with 400 bits.
func exactMoments(v []float64) (mean, variance float64) {
	wide := func(x float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(x) }
	n := wide(float64(len(v)))
	sum := wide(0)
	for _, x := range v {
		sum.Add(sum, wide(x))
	}
	m := new(big.Float).Quo(sum, n)
	squares := wide(0)
	for _, x := range v {
		d := new(big.Float).Sub(wide(x), m)
		squares.Add(squares, d.Mul(d, d))
	}
	mean, _ = m.Float64()
	variance, _ = squares.Quo(squares, n).Float64()
	return mean, variance
}

// describe are count, mean and M2 of each row's columns lo to hi, as a shard would compute them.
func describe(t testing.TB, v []float64, columns, lo, hi int) Partial {
	var count, mean, m2 []float64
	for at := 0; at < len(v); at += columns {
		m, variance := exactMoments(v[at+lo : at+hi])
		n := float64(hi - lo)
		count, mean, m2 = append(count, n), append(mean, m), append(m2, variance*n)
	}
	rows := len(count)
	return Partial{"count": f64s(t, count, rows), "mean": f64s(t, mean, rows), "m2": f64s(t, m2, rows)}
}

func TestMomentsOfPartsAreTheMomentsOfTheWhole(t *testing.T) {
	rng := random(t)
	const rows, columns = 4, 100
	v := normals64(rng, rows*columns)
	for i := range v {
		v[i] = v[i]*3 + 1e6 // a mean far from zero: naive sums of squares would lose all digits
	}
	partials := []Partial{describe(t, v, columns, 0, 1), describe(t, v, columns, 1, 60), describe(t, v, columns, 60, 100)}
	nothing := Partial{"count": f64s(t, []float64{0, 0, 0, 0}, 4), "mean": f64s(t, []float64{math.NaN(), 9, 9, 9}, 4), "m2": f64s(t, []float64{math.NaN(), 9, 9, 9}, 4)}
	partials = append(partials, nothing)
	var means, variances, counts, m2s []float64
	for r := range rows {
		m, variance := exactMoments(v[r*columns : (r+1)*columns])
		means, variances = append(means, m), append(variances, variance)
		counts, m2s = append(counts, columns), append(m2s, variance*columns)
	}
	for result, want := range map[string][]float64{"mean": means, "variance": variances, "count": counts, "m2": m2s} {
		m := manifest.Merge{Kind: "moments", DType: tensor.F64, Result: result}
		near(t, inOrder(t, m, 2, nil, partials, []int{3, 1, 0, 2}), 1e-9, want)
	}
	near(t, inOrder(t, manifest.Merge{Kind: "moments", DType: tensor.F64, Result: "mean"}, 2, nil, []Partial{nothing, nothing}, nil), 0,
		[]float64{math.NaN(), math.NaN(), math.NaN(), math.NaN()})
	near(t, inOrder(t, manifest.Merge{Kind: "moments", DType: tensor.F64, Result: "m2"}, 2, nil, []Partial{nothing}, nil), 0, []float64{0, 0, 0, 0})
}

// shardSoftmax is what a shard computes of its part of the logits [rows, columns].
func shardSoftmax(t testing.TB, v []float64, rows, columns, lo, hi int) Partial {
	var exps, tops, sums []float64
	for r := range rows {
		part := v[r*columns+lo : r*columns+hi]
		top := math.Inf(-1)
		for _, x := range part {
			top = max(top, x)
		}
		sum := 0.0
		for _, x := range part {
			e := math.Exp(x - top)
			if math.IsInf(top, -1) {
				e = 0
			}
			exps, sum = append(exps, e), sum+e
		}
		tops, sums = append(tops, top), append(sums, sum)
	}
	return Partial{"value": f64s(t, exps, rows, hi-lo), "max": f64s(t, tops, rows), "sumexp": f64s(t, sums, rows)}
}

func TestSoftmaxOfPartsIsTheSoftmaxOfTheWhole(t *testing.T) {
	rng := random(t)
	const rows, columns = 5, 30
	v := normals64(rng, rows*columns)
	for c := range columns {
		v[columns+c] *= 80    // parts of very different weight
		v[2*columns+c] += 800 // exp overflows without the max
	}
	for c := range 10 {
		v[3*columns+c] = math.Inf(-1) // a part of nothing
	}
	for c := range columns {
		v[4*columns+c] = math.Inf(-1) // a row of nothing
	}
	partials := []Partial{shardSoftmax(t, v, rows, columns, 0, 10), shardSoftmax(t, v, rows, columns, 10, 11), shardSoftmax(t, v, rows, columns, 11, 30)}
	var want, wantLog []float64
	for r := range rows {
		row := v[r*columns : (r+1)*columns]
		top := math.Inf(-1)
		for _, x := range row {
			top = max(top, x)
		}
		sum := 0.0
		for _, x := range row {
			sum += math.Exp(x - top)
		}
		for _, x := range row {
			want = append(want, math.Exp(x-top)/sum)
		}
		if wantLog = append(wantLog, top+math.Log(sum)); math.IsInf(top, -1) {
			wantLog[r] = top
		}
	}
	got := inOrder(t, manifest.Merge{Kind: "softmax", DType: tensor.F64, Dim: 1}, 2, nil, partials, []int{2, 0, 1})
	if !got.Shape().Equal(tensor.Shape{rows, columns}) {
		t.Fatalf("result %v", got)
	}
	near(t, got, 1e-12, want) // exp(x) carries |x| times the rounding of x, and |x| comes near 700
	for _, p := range partials {
		delete(p, "value")
	}
	near(t, inOrder(t, manifest.Merge{Kind: "logsumexp", DType: tensor.F64}, 2, nil, partials, nil), 1e-14, wantLog)
}

func TestSoftmaxAlongTheFirstDimension(t *testing.T) {
	part := func(v ...float64) Partial { // logits [len, 1], all equal within a part
		return Partial{"value": f64s(t, []float64{1, 1}, 2, 1), "max": f64s(t, v[:1], 1), "sumexp": f64s(t, []float64{2}, 1)}
	}
	got := inOrder(t, manifest.Merge{Kind: "softmax", DType: tensor.F64, Dim: 0}, 16, nil, []Partial{part(0), part(math.Log(3))}, nil)
	if !got.Shape().Equal(tensor.Shape{4, 1}) {
		t.Fatalf("result %v, want shape [4, 1]", got)
	}
	near(t, got, 1e-15, []float64{0.125, 0.125, 0.375, 0.375})
}

func TestLogSumExpOfInfinityAndNaN(t *testing.T) {
	inf := math.Inf(1)
	got := inOrder(t, manifest.Merge{Kind: "logsumexp", DType: tensor.F64}, 16, nil, []Partial{
		{"max": f64s(t, []float64{inf, math.NaN(), 1}, 3), "sumexp": f64s(t, []float64{1, 1, 1}, 3)},
		{"max": f64s(t, []float64{inf, 1, 1}, 3), "sumexp": f64s(t, []float64{2, 1, math.NaN()}, 3)},
	}, nil)
	near(t, got, 0, []float64{inf, math.NaN(), math.NaN()})
}
