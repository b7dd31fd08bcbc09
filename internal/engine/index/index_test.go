package index

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func node(op string, opset int64, attrs map[string]any, in ...*tensor.Tensor) optest.Case {
	return optest.Case{Op: op, Opset: opset, Attrs: attrs, In: in}
}

func ints(v ...int64) *tensor.Tensor { return optest.I64(v, len(v)) }

func TestIndicesByHand(t *testing.T) {
	attrs := optest.Attrs
	x := optest.I64([]int64{1, 2, 3, 4, 5, 6}, 2, 3)
	f := func(v ...float32) *tensor.Tensor { return optest.F32(v, len(v)) }
	nan := float32(math.NaN())
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Gather", 13, attrs("axis", 1), x, ints(-1, 0)), Want: optest.I64([]int64{3, 1, 6, 4}, 2, 2)},
		{Case: node("Gather", 13, nil, optest.Words([]string{"a", "b"}, 2), optest.I64([]int64{1})), Want: optest.Words([]string{"b"})},
		{Case: node("Gather", 13, nil, x, ints(2))},
		{Case: node("Gather", 13, nil, x, ints(math.MinInt64))},
		{Case: node("GatherElements", 13, attrs("axis", 1), x, optest.I64([]int64{-1, 0}, 1, 2)), Want: optest.I64([]int64{3, 1}, 1, 2)},
		{Case: node("GatherElements", 13, attrs("axis", 1), x, optest.I64([]int64{0, 0, 0}, 3, 1))},
		{Case: node("GatherND", 13, attrs("batch_dims", 1), x, optest.I64([]int64{2, -3}, 2, 1)), Want: ints(3, 4)},
		{Case: node("GatherND", 13, nil, x, optest.I64([]int64{1, 3}, 1, 2))},
		{Case: node("ScatterElements", 18, attrs("axis", 0, "reduction", "max"), ints(1, 5), ints(0, 0, 1), ints(3, 2, 4)), Want: ints(3, 5)},
		{Case: node("ScatterElements", 16, attrs("reduction", "max"), ints(1), ints(0), ints(1))},
		{Case: node("ScatterElements", 18, attrs("reduction", "add"), optest.Of(tensor.F16, []uint16{0x3c00}, 1), ints(0, 0), optest.Of(tensor.F16, []uint16{0x3c00, 0x3c00}, 2)), Want: optest.Of(tensor.F16, []uint16{0x4200}, 1)},
		{Case: node("Scatter", 9, nil, optest.Words([]string{"a", "b"}, 2), ints(1), optest.Words([]string{"x"}, 1)), Want: optest.Words([]string{"a", "x"}, 2)},
		{Case: node("ScatterND", 18, attrs("reduction", "mul"), ints(1, 2), optest.I64([]int64{1, 1}, 2, 1), ints(3, 4)), Want: ints(1, 24)},
		{Case: node("TensorScatter", 24, attrs("axis", 1, "mode", "circular"), optest.I64([]int64{0, 0, 0}, 1, 3), optest.I64([]int64{7, 8}, 1, 2), ints(2)), Want: optest.I64([]int64{8, 0, 7}, 1, 3)},
		{Case: node("TensorScatter", 24, attrs("axis", 1), optest.I64([]int64{0, 0, 0}, 1, 3), optest.I64([]int64{7, 8}, 1, 2), ints(2))},
		{Case: node("OneHot", 11, attrs("axis", 0), ints(1, -1, 5), optest.F32([]float32{3}), ints(0, 9)), Want: optest.I64([]int64{0, 0, 0, 9, 0, 0, 0, 9, 0}, 3, 3)},
		{Case: node("NonZero", 13, nil, f(0, nan, float32(math.Copysign(0, -1)), 2)), Want: optest.I64([]int64{1, 3}, 1, 2)},
		{Case: node("Compress", 11, nil, x, optest.Of(tensor.Bool, []bool{false, true, true}, 3)), Want: ints(2, 3)},
		{Case: node("Compress", 11, attrs("axis", 1), x, optest.Of(tensor.Bool, []bool{false, false, false, true}, 4))},
		{Case: node("ReverseSequence", 10, attrs("time_axis", 1, "batch_axis", 0), x, ints(2, 3)), Want: optest.I64([]int64{2, 1, 3, 6, 5, 4}, 2, 3)},
		{Case: node("ReverseSequence", 10, nil, x, ints(2, 3))},
		{Case: node("Unique", 11, nil, optest.Words([]string{"b", "a", "b"}, 3)), Want: optest.Words([]string{"a", "b"}, 2)},
		{Case: node("Unique", 11, attrs("axis", 0), optest.I64([]int64{2, 1, 0, 9, 2, 1}, 3, 2)), Want: optest.I64([]int64{0, 9, 2, 1}, 2, 2)},
		{Case: node("Unique", 11, nil, f(nan, 1, nan)), Want: f(1, nan, nan)},
		{Case: node("NonMaxSuppression", 11, nil, optest.F32([]float32{0, 0, 1, 1, 1, 1, 0, 0, 5, 5, 6, 6}, 1, 3, 4),
			optest.F32([]float32{0.5, 0.9, 0.1}, 1, 1, 3), ints(3), f(0.5), f(0.2)), Want: optest.I64([]int64{0, 0, 1}, 1, 3)},
	})
}

func TestUniqueTellsWhereAndHowOften(t *testing.T) {
	for _, sorted := range []int{0, 1} {
		n := node("Unique", 11, optest.Attrs("sorted", sorted), ints(2, 1, 1, 3, 4, 3))
		n.Outputs = 4
		out, err := optest.Run(t, Table(), n)
		if err != nil {
			t.Fatal(err)
		}
		want := [][]int64{{1, 2, 3, 4}, {1, 0, 3, 4}, {1, 0, 0, 2, 3, 2}, {2, 1, 2, 1}}
		if sorted == 0 {
			want = [][]int64{{2, 1, 3, 4}, {0, 1, 3, 4}, {0, 1, 1, 2, 3, 2}, {1, 2, 2, 1}}
		}
		for i := range want {
			if got := tensor.Of[int64](out[i]); !slices.Equal(got, want[i]) {
				t.Errorf("sorted %d, output %d: %v, wanted %v", sorted, i, got, want[i])
			}
		}
	}
}

// What ScatterND writes GatherND reads again, and the rest is as it was; the same for the pair of Elements.
func TestGatherReadsWhatScatterWrote(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	run := func(op string, in ...*tensor.Tensor) []int64 {
		out, err := optest.Run(t, Table(), node(op, 18, nil, in...))
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		return slices.Clone(tensor.Of[int64](out[0]))
	}
	for range 100 {
		rows, columns := 1+rng.IntN(6), 1+rng.IntN(6)
		data := tensor.New(tensor.I64, rows, columns)
		var tuples, updates []int64
		for _, at := range rng.Perm(rows * columns)[:rng.IntN(rows*columns+1)] {
			tuples = append(tuples, int64(at/columns-rows*rng.IntN(2)), int64(at%columns-columns*rng.IntN(2)))
			updates = append(updates, 1+rng.Int64N(1000))
		}
		index, values := optest.I64(tuples, len(updates), 2), optest.I64(updates, len(updates))
		written := run("ScatterND", data, index, values)
		if got := run("GatherND", optest.I64(written, rows, columns), index); !slices.Equal(got, updates) {
			t.Fatalf("GatherND reads %v, wanted %v", got, updates)
		}
		touched := 0
		for _, v := range written {
			if v != 0 {
				touched++
			}
		}
		if touched != len(updates) {
			t.Fatalf("%d elements were written, wanted %d", touched, len(updates))
		}
		places := tensor.New(tensor.I64, rows, columns)
		for c := range columns {
			for r, p := range rng.Perm(rows) {
				tensor.Of[int64](places)[r*columns+c] = int64(p)
			}
		}
		placed := optest.I64(run("ScatterElements", data, places, optest.I64(written, rows, columns)), rows, columns)
		if got := run("GatherElements", placed, places); !slices.Equal(got, written) {
			t.Fatalf("GatherElements reads %v, wanted %v", got, written)
		}
	}
}
