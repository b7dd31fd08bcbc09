package aggregate

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// anyTensor has any dtype, rank 0 to 3, extents 0 to 3 and random bytes (strings: empty ones).
func anyTensor(t testing.TB, rng *rand.Rand) *tensor.Tensor {
	shape := make(tensor.Shape, rng.IntN(4))
	for d := range shape {
		shape[d] = rng.IntN(4)
	}
	dtype := tensor.DType(1 + rng.IntN(int(tensor.String)))
	if rng.IntN(2) == 0 {
		dtype = tensor.F32
	}
	n, err := shape.Elements()
	if err != nil {
		t.Fatal(err)
	}
	if dtype == tensor.String {
		return made(t)(tensor.FromStrings(shape, make([]string, n)))
	}
	v := tensor.New(dtype, shape...)
	for j := range v.Bytes() {
		if v.Bytes()[j] = byte(rng.IntN(3)); rng.IntN(4) == 0 {
			v.Bytes()[j] = byte(rng.Uint32())
		}
	}
	return v
}

// TestNothingThatArrivesMakesAMergePanic gives every merge partials of the right roles and any tensors. What is refused
// is refused with a type; what is accepted by all has a result or a typed error.
func TestNothingThatArrivesMakesAMergePanic(t *testing.T) {
	rng := random(t)
	results := map[string]int{}
	for range 1000 {
		for _, s := range hostileMerges(t, rng) {
			g, err := New(s.merge, 2, 16, s.tables)
			if err != nil {
				t.Fatal(err)
			}
			p := Partial{}
			for _, role := range manifest.Roles(s.merge.Kind) {
				p[role] = anyTensor(t, rng)
			}
			if rng.IntN(2) == 0 {
				for _, role := range manifest.Roles(s.merge.Kind) { // all components alike: more are accepted
					p[role] = p[manifest.Roles(s.merge.Kind)[0]]
				}
				if s.merge.Kind == manifest.MergeSoftmax && s.merge.Dim <= p[manifest.RoleMax].Rank() {
					shape := slices.Insert(slices.Clone([]int(p[manifest.RoleMax].Shape())), s.merge.Dim, rng.IntN(3))
					p[manifest.RoleValue] = tensor.New(tensor.F32, shape...)
				}
			}
			typed(t, g.Add(1, p))
			typed(t, g.Add(0, p))
			_, err = g.Result()
			typed(t, err)
			if err == nil {
				results[s.merge.Kind]++
			}
		}
	}
	for _, s := range hostileMerges(t, rng) {
		if results[s.merge.Kind] == 0 {
			t.Errorf("merge %s never got as far as a result: the test is too coarse", s.merge.Kind)
		}
	}
}

func typed(t *testing.T, err error) {
	t.Helper()
	_, partial := errors.AsType[*PartialError](err)
	_, duplicate := errors.AsType[*DuplicateError](err)
	_, missing := errors.AsType[*MissingError](err)
	_, merge := errors.AsType[*MergeError](err)
	if err != nil && !partial && !duplicate && !missing && !merge {
		t.Fatalf("error %T: %v, want one of this package's types", err, err)
	}
}

func hostileMerges(t testing.TB, rng *rand.Rand) []sample {
	dim := rng.IntN(3)
	bounds := []int{0, 1 + rng.IntN(3), 0}
	bounds[2] = bounds[1] + 1 + rng.IntN(3)
	list := []manifest.Merge{
		{Kind: "concat", DType: tensor.F32, Dim: dim},
		{Kind: "concat", DType: tensor.F64, Dim: dim, Bounds: bounds},
		{Kind: "concat", DType: tensor.String, Dim: dim},
		{Kind: "sum", DType: tensor.F32, Acc: tensor.F32},
		{Kind: "sum", DType: tensor.F16, Acc: tensor.F64, Init: []string{manifest.HexF64(1), manifest.HexF64(2)}},
		{Kind: "sum", DType: tensor.I32, Acc: tensor.I64, Squeeze: true},
		{Kind: "ordered_sum", DType: tensor.F32, Acc: tensor.F32, Init: []string{"00000000"}, Squeeze: true},
		{Kind: "ordered_sum", DType: tensor.F64, Acc: tensor.F64, Init: []string{manifest.HexF64(0), manifest.HexF64(1)}, Table: "to"},
		{Kind: "mean", DType: tensor.BF16, Acc: tensor.F32},
		{Kind: "weighted_mean", DType: tensor.F32},
		{Kind: "max", DType: tensor.F64}, {Kind: "min", DType: tensor.F32},
		{Kind: "moments", DType: tensor.F32, Result: "variance"}, {Kind: "moments", DType: tensor.I64, Result: "count"},
		{Kind: "topk", DType: tensor.F64, Dim: dim, K: 2, Bounds: []int{0, 1 << 20, 1 << 21}, Result: "value"},
		{Kind: "topk", DType: tensor.I64, Dim: dim, K: 2, Bounds: []int{0, 1 << 20, 1 << 21}, Result: "index"},
		{Kind: "logsumexp", DType: tensor.F32}, {Kind: "softmax", DType: tensor.F32, Dim: dim},
		{Kind: "vote", DType: tensor.I32}, {Kind: "scatter_back", DType: tensor.F32}, {Kind: "scatter_back", DType: tensor.String},
	}
	samples := make([]sample, len(list))
	for i, m := range list {
		samples[i] = sample{merge: m, tables: tables{"to": i32s(t, []int32{0, 1, 1, 0}, 4)}}
	}
	return samples
}
