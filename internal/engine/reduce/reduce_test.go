package reduce

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

var inf, nan32 = float32(math.Inf(1)), float32(math.NaN())

func node(op string, opset int64, attrs map[string]any, in ...*tensor.Tensor) optest.Case {
	return optest.Case{Op: op, Opset: opset, Attrs: attrs, In: in}
}

func TestReductionsByHand(t *testing.T) {
	f, ints, attrs := optest.F32, optest.I64, optest.Attrs
	x := f([]float32{1, -2, 3, 4}, 2, 2)
	none := tensor.New(tensor.F32, 2, 0)
	axis := func(v ...int64) *tensor.Tensor { return ints(v, len(v)) }
	drop := attrs("keepdims", 0)
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("ReduceSum", 12, attrs("axes", []int64{-1}), x), Want: f([]float32{-1, 7}, 2, 1)},
		{Case: node("ReduceSum", 13, drop, x, axis(0)), Want: f([]float32{4, 2}, 2)},
		{Case: node("ReduceSum", 13, drop, x), Want: f([]float32{6})},
		{Case: node("ReduceSum", 13, drop, x, axis(2))},
		{Case: node("ReduceL1", 18, attrs("noop_with_empty_axes", 1), x, axis()), Want: f([]float32{1, 2, 3, 4}, 2, 2)},
		{Case: node("ReduceMean", 18, drop, ints([]int64{-7, 0}, 2)), Want: ints([]int64{-3})},
		{Case: node("ReduceProd", 18, drop, x), Want: f([]float32{-24})},
		{Case: node("ReduceL2", 18, drop, f([]float32{3, -4}, 2)), Want: f([]float32{5})},
		{Case: node("ReduceSumSquare", 18, drop, x, axis(1)), Want: f([]float32{5, 25}, 2)},
		{Case: node("ReduceLogSum", 18, drop, f([]float32{0.5, 0.5}, 2)), Want: f([]float32{0})},
		{Case: node("ReduceLogSumExp", 18, drop, f([]float32{1000, 1000}, 2)), Want: f([]float32{1000.6931471805599})},
		{Case: node("ReduceLogSumExp", 18, drop, f([]float32{-inf, -inf}, 2)), Want: f([]float32{-inf})},
		{Case: node("ReduceMax", 18, drop, f([]float32{1, nan32, 2}, 3)), Want: f([]float32{nan32})},
		{Case: node("ReduceMin", 20, drop, optest.Of(tensor.Bool, []bool{true, false}, 2)), Want: optest.Of(tensor.Bool, []bool{false})},
		{Case: node("ReduceMax", 18, drop, none, axis(1)), Want: f([]float32{-inf, -inf}, 2)},
		{Case: node("ReduceSum", 18, drop, none, axis(1)), Want: f([]float32{0, 0}, 2)},
		{Case: node("ReduceMean", 18, drop, none, axis(1)), Want: f([]float32{nan32, nan32}, 2)},
		{Case: node("ReduceMean", 18, drop, tensor.New(tensor.I32, 0))},
		{Case: node("ReduceMin", 18, drop, tensor.New(tensor.I8, 0)), Want: optest.Of(tensor.I8, []int8{127})},
	})
}

func TestAlongAnAxisByHand(t *testing.T) {
	f, ints, attrs := optest.F32, optest.I64, optest.Attrs
	x := f([]float32{1, 3, 3, 2}, 1, 4)
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("ArgMax", 13, attrs("axis", 1, "keepdims", 0), x), Want: ints([]int64{1}, 1)},
		{Case: node("ArgMax", 13, attrs("axis", 1, "select_last_index", 1), x), Want: ints([]int64{2}, 1, 1)},
		{Case: node("ArgMin", 13, attrs("axis", -1, "keepdims", 0), f([]float32{2, nan32, 1}, 3)), Want: ints([]int64{2})},
		{Case: node("Hardmax", 13, nil, x), Want: f([]float32{0, 1, 0, 0}, 1, 4)},
		{Case: node("Softmax", 13, attrs("axis", 0), f([]float32{1, 1, 1, 1}, 2, 2)), Want: f([]float32{.5, .5, .5, .5}, 2, 2)},
		{Case: node("Softmax", 12, attrs("axis", 0), f([]float32{1, 1, 1, 1}, 2, 2)), Want: f([]float32{.25, .25, .25, .25}, 2, 2)},
		{Case: node("Softmax", 13, nil, f([]float32{inf, 0}, 2)), Want: f([]float32{nan32, nan32}, 2)},
		{Case: node("LpNormalization", 22, nil, f([]float32{3, 4, 0, 0}, 2, 2)), Want: f([]float32{0.6, 0.8, 0, 0}, 2, 2)},
		{Case: node("CumSum", 14, attrs("exclusive", 1, "reverse", 1), f([]float32{1, 2, 3}, 3), ints([]int64{0})), Want: f([]float32{5, 3, 0}, 3)},
		{Case: node("CumProd", 26, nil, ints([]int64{2, 3, 4}, 3), ints([]int64{-1})), Want: ints([]int64{2, 6, 24}, 3)},
		{Case: node("TopK", 11, nil, f([]float32{1, 3, 3, nan32}, 4), ints([]int64{3}, 1)), Want: f([]float32{nan32, 3, 3}, 3)},
		{Case: node("TopK", 11, attrs("largest", 0), f([]float32{1, 3, 3, nan32}, 4), ints([]int64{2}, 1)), Want: f([]float32{1, 3}, 2)},
		{Case: node("TopK", 1, attrs("k", 1), f([]float32{1, 3}, 2)), Want: f([]float32{3}, 1)},
		{Case: node("TopK", 11, nil, f([]float32{1}, 1), ints([]int64{2}, 1))},
	})
}

// TopK is a stable sort, cut off.
func TestTopKEqualsSorting(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 200 {
		n := 1 + rng.IntN(60)
		k, largest := rng.IntN(n+1), rng.IntN(2)
		values, order := make([]int64, n), make([]int64, n)
		for i := range values {
			values[i], order[i] = int64(rng.IntN(10)), int64(i)
		}
		slices.SortStableFunc(order, func(i, j int64) int {
			if largest == 1 {
				i, j = j, i
			}
			return int(values[i] - values[j])
		})
		nd := node("TopK", 11, optest.Attrs("largest", largest), optest.I64(values, n), optest.I64([]int64{int64(k)}, 1))
		nd.Outputs = 2
		out, err := optest.Run(t, Table(), nd)
		if err != nil {
			t.Fatal(err)
		}
		if got := tensor.Of[int64](out[1]); !slices.Equal(got, order[:k]) {
			t.Fatalf("%d of %v (largest %d): indices %v, wanted %v", k, values, largest, got, order[:k])
		}
	}
}

// A row's bits depend on nothing but the row: the same alone as among others.
func TestARowsBitsDependOnNothingElse(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceL2", "ReduceLogSumExp", "Softmax", "LogSoftmax", "CumSum", "LpNormalization"} {
		const rows, columns = 5, 37
		x := tensor.New(tensor.F32, rows, columns)
		for i := range tensor.Of[float32](x) {
			tensor.Of[float32](x)[i] = float32(rng.NormFloat64() * 1e3)
		}
		run := func(x *tensor.Tensor) []byte {
			in := []*tensor.Tensor{x}
			switch op {
			case "Softmax", "LogSoftmax", "LpNormalization":
			case "CumSum":
				in = append(in, optest.I64([]int64{1}))
			default:
				in = append(in, optest.I64([]int64{1}, 1))
			}
			out, err := optest.Run(t, Table(), node(op, 18, nil, in...))
			if err != nil {
				t.Fatalf("%s: %v", op, err)
			}
			return out[0].Bytes()
		}
		all := run(x)
		for r := range rows {
			row, err := x.Rows(r, r+1)
			if err != nil {
				t.Fatal(err)
			}
			one := run(row)
			if !slices.Equal(one, all[r*len(one):(r+1)*len(one)]) {
				t.Errorf("%s: row %d has other bits alone", op, r)
			}
		}
	}
}
