package trees_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func margin(t *testing.T, values, table, init *tensor.Tensor) (*tensor.Tensor, error) {
	t.Helper()
	k, err := kernel(t, &graph.Node{Op: trees.OpMargin, Inputs: []string{"v", "t", "i"}, Outputs: []string{"m"}})
	if err != nil {
		t.Fatal(err)
	}
	call := &engine.Call{Ctx: context.Background(), In: []*tensor.Tensor{values, table, init}, Want: []bool{true}, Out: make([]*tensor.Tensor, 1)}
	err = k.Run(call)
	return call.Out[0], err
}

// Single-precision additions in another order, or in double precision, give other bits for most rows.
func TestMarginsAddLeavesOneByOneInSinglePrecision(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		rows, columns, k := rng.IntN(4), rng.IntN(40), 1+rng.IntN(3)
		v, to, init := make([]float32, rows*columns), make([]int32, columns), make([]float32, k)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		for i := range to {
			to[i] = int32(rng.IntN(k))
		}
		for i := range init {
			init[i] = rng.Float32()
		}
		got, err := margin(t, of(t, tensor.F32, v, rows, columns), of(t, tensor.I32, to), of(t, tensor.F32, init))
		if err != nil {
			t.Fatal(err)
		}
		if want := (tensor.Shape{rows, k})[:min(k, 2)]; !got.Shape().Equal(want) {
			t.Fatalf("shape %v of %d outputs, wanted %v", got.Shape(), k, want)
		}
		for r := range rows {
			for o := range k {
				sum := init[o]
				for c, at := range to {
					if int(at) == o {
						sum += v[r*columns+c]
					}
				}
				if tensor.Of[float32](got)[r*k+o] != sum {
					t.Fatalf("row %d, output %d: %v, wanted %v", r, o, tensor.Of[float32](got)[r*k+o], sum)
				}
			}
		}
	}
}

func TestMarginsRefuseWhatDoesNotFit(t *testing.T) {
	v, to, init := tensor.New(tensor.F32, 2, 3), of(t, tensor.I32, []int32{0, 1, 0}), of(t, tensor.F32, []float32{0, 0})
	if _, err := margin(t, v, to, init); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][3]*tensor.Tensor{
		"no values":            {nil, to, init},
		"values of F64":        {tensor.New(tensor.F64, 2, 3), to, init},
		"a flat matrix":        {tensor.New(tensor.F32, 6), to, init},
		"table of I64":         {v, tensor.New(tensor.I64, 3), init},
		"a short table":        {v, tensor.New(tensor.I32, 2), init},
		"an output too many":   {v, of(t, tensor.I32, []int32{0, 2, 0}), init},
		"a negative output":    {v, of(t, tensor.I32, []int32{0, -1, 0}), init},
		"no outputs":           {v, tensor.New(tensor.I32, 3), tensor.New(tensor.F32, 0)},
		"a matrix of firsts":   {v, to, tensor.New(tensor.F32, 1, 2)},
		"first margins of F64": {v, to, tensor.New(tensor.F64, 2)},
	} {
		_, err := margin(t, in[0], in[1], in[2])
		if _, ok := errors.AsType[*engine.InputError](err); !ok {
			t.Errorf("%s: error %v, want an *InputError", name, err)
		}
	}
}
