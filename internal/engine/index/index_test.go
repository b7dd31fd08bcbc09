package index

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/nodetest"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func node(op string, opset int64, attrs map[string]graph.Attr, in ...*tensor.Tensor) nodetest.Node {
	return nodetest.Node{Op: op, Opset: opset, Attrs: attrs, In: in}
}

func ints(v ...int64) *tensor.Tensor { return nodetest.I64(v, len(v)) }

func TestIndicesByHand(t *testing.T) {
	attrs := nodetest.Attrs
	x := nodetest.I64([]int64{1, 2, 3, 4, 5, 6}, 2, 3)
	f := func(v ...float32) *tensor.Tensor { return nodetest.F32(v, len(v)) }
	nan := float32(math.NaN())
	nodetest.Check(t, Table(), []nodetest.Case{
		{Node: node("Gather", 13, attrs("axis", 1), x, ints(-1, 0)), Want: nodetest.I64([]int64{3, 1, 6, 4}, 2, 2)},
		{Node: node("Gather", 13, nil, nodetest.Words([]string{"a", "b"}, 2), nodetest.I64([]int64{1})), Want: nodetest.Words([]string{"b"})},
		{Node: node("Gather", 13, nil, x, ints(2))},
		{Node: node("Gather", 13, nil, x, ints(math.MinInt64))},
		{Node: node("GatherElements", 13, attrs("axis", 1), x, nodetest.I64([]int64{-1, 0}, 1, 2)), Want: nodetest.I64([]int64{3, 1}, 1, 2)},
		{Node: node("GatherElements", 13, attrs("axis", 1), x, nodetest.I64([]int64{0, 0, 0}, 3, 1))},
		{Node: node("GatherND", 13, attrs("batch_dims", 1), x, nodetest.I64([]int64{2, -3}, 2, 1)), Want: ints(3, 4)},
		{Node: node("GatherND", 13, nil, x, nodetest.I64([]int64{1, 3}, 1, 2))},
		{Node: node("ScatterElements", 18, attrs("axis", 0, "reduction", "max"), ints(1, 5), ints(0, 0, 1), ints(3, 2, 4)), Want: ints(3, 5)},
		{Node: node("ScatterElements", 16, attrs("reduction", "max"), ints(1), ints(0), ints(1))},
		{Node: node("ScatterElements", 18, attrs("reduction", "add"), nodetest.Of(tensor.F16, []uint16{0x3c00}, 1), ints(0, 0), nodetest.Of(tensor.F16, []uint16{0x3c00, 0x3c00}, 2)), Want: nodetest.Of(tensor.F16, []uint16{0x4200}, 1)},
		{Node: node("Scatter", 9, nil, nodetest.Words([]string{"a", "b"}, 2), ints(1), nodetest.Words([]string{"x"}, 1)), Want: nodetest.Words([]string{"a", "x"}, 2)},
		{Node: node("ScatterND", 18, attrs("reduction", "mul"), ints(1, 2), nodetest.I64([]int64{1, 1}, 2, 1), ints(3, 4)), Want: ints(1, 24)},
		{Node: node("TensorScatter", 24, attrs("axis", 1, "mode", "circular"), nodetest.I64([]int64{0, 0, 0}, 1, 3), nodetest.I64([]int64{7, 8}, 1, 2), ints(2)), Want: nodetest.I64([]int64{8, 0, 7}, 1, 3)},
		{Node: node("TensorScatter", 24, attrs("axis", 1), nodetest.I64([]int64{0, 0, 0}, 1, 3), nodetest.I64([]int64{7, 8}, 1, 2), ints(2))},
		{Node: node("OneHot", 11, attrs("axis", 0), ints(1, -1, 5), nodetest.F32([]float32{3}), ints(0, 9)), Want: nodetest.I64([]int64{0, 0, 0, 9, 0, 0, 0, 9, 0}, 3, 3)},
		{Node: node("NonZero", 13, nil, f(0, nan, float32(math.Copysign(0, -1)), 2)), Want: nodetest.I64([]int64{1, 3}, 1, 2)},
		{Node: node("Compress", 11, nil, x, nodetest.Of(tensor.Bool, []bool{false, true, true}, 3)), Want: ints(2, 3)},
		{Node: node("Compress", 11, attrs("axis", 1), x, nodetest.Of(tensor.Bool, []bool{false, false, false, true}, 4))},
		{Node: node("ReverseSequence", 10, attrs("time_axis", 1, "batch_axis", 0), x, ints(2, 3)), Want: nodetest.I64([]int64{2, 1, 3, 6, 5, 4}, 2, 3)},
		{Node: node("ReverseSequence", 10, nil, x, ints(2, 3))},
		{Node: node("Unique", 11, nil, nodetest.Words([]string{"b", "a", "b"}, 3)), Want: nodetest.Words([]string{"a", "b"}, 2)},
		{Node: node("Unique", 11, attrs("axis", 0), nodetest.I64([]int64{2, 1, 0, 9, 2, 1}, 3, 2)), Want: nodetest.I64([]int64{0, 9, 2, 1}, 2, 2)},
		{Node: node("Unique", 11, nil, f(nan, 1, nan)), Want: f(1, nan, nan)},
		{Node: node("NonMaxSuppression", 11, nil, nodetest.F32([]float32{0, 0, 1, 1, 1, 1, 0, 0, 5, 5, 6, 6}, 1, 3, 4),
			nodetest.F32([]float32{0.5, 0.9, 0.1}, 1, 1, 3), ints(3), f(0.5), f(0.2)), Want: nodetest.I64([]int64{0, 0, 1}, 1, 3)},
	})
}

func TestUniqueTellsWhereAndHowOften(t *testing.T) {
	for _, sorted := range []int{0, 1} {
		n := node("Unique", 11, nodetest.Attrs("sorted", sorted), ints(2, 1, 1, 3, 4, 3))
		n.Outputs = 4
		out, err := n.Run(Table())
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
		out, err := node(op, 18, nil, in...).Run(Table())
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
		index, values := nodetest.I64(tuples, len(updates), 2), nodetest.I64(updates, len(updates))
		written := run("ScatterND", data, index, values)
		if got := run("GatherND", nodetest.I64(written, rows, columns), index); !slices.Equal(got, updates) {
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
		placed := nodetest.I64(run("ScatterElements", data, places, nodetest.I64(written, rows, columns)), rows, columns)
		if got := run("GatherElements", placed, places); !slices.Equal(got, written) {
			t.Fatalf("GatherElements reads %v, wanted %v", got, written)
		}
	}
}
