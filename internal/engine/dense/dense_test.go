package dense

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func node(op string, opset int64, attrs map[string]any, in ...*tensor.Tensor) optest.Case {
	return optest.Case{Op: op, Opset: opset, Attrs: attrs, In: in}
}

func TestProductsByHand(t *testing.T) {
	f, ints, attrs := optest.F32, optest.I64, optest.Attrs
	bytes := func(v ...uint8) *tensor.Tensor { return optest.Of(tensor.U8, v, len(v)) }
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	m := ints([]int64{1, 2, 3, 4}, 2, 2)
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("MatMul", 13, nil, m, ints([]int64{1, 10}, 2)), Want: ints([]int64{21, 43}, 2)},
		{Case: node("MatMul", 13, nil, ints([]int64{1, 10}, 2), m), Want: ints([]int64{31, 42}, 2)},
		{Case: node("MatMul", 13, nil, bytes(200, 100), bytes(2, 1)), Want: optest.Of(tensor.U8, []uint8{244})},
		{Case: node("MatMul", 13, nil, f([]float32{0, 1}, 2), f([]float32{inf, 1}, 2)), Want: f([]float32{nan})},
		{Case: node("MatMul", 13, nil, tensor.New(tensor.F32, 2, 0), tensor.New(tensor.F32, 0, 1)), Want: f([]float32{0, 0}, 2, 1)},
		{Case: node("MatMul", 13, nil, m, ints([]int64{1}, 1))},
		{Case: node("Gemm", 13, attrs("transA", 1), m, m, ints([]int64{1, 2}, 2)), Want: ints([]int64{11, 16, 15, 22}, 2, 2)},
		{Case: node("Gemm", 13, attrs("transB", 1, "alpha", float32(0.5), "beta", float32(2)), m, m, ints([]int64{1, 2}, 2, 1)), Want: ints([]int64{4, 7, 9, 16}, 2, 2)},
		{Case: node("Gemm", 6, attrs("broadcast", 1), f([]float32{1, 2}, 1, 2), f([]float32{3, 4}, 2, 1), f([]float32{1}, 1)), Want: f([]float32{12}, 1, 1)},
		{Case: node("Gemm", 9, nil, m, m)},
		{Case: node("Det", 11, nil, f([]float32{1, 2, 3, 4, 0, 1, 1, 0}, 2, 2, 2)), Want: f([]float32{-2, -1}, 2)},
		{Case: node("Det", 11, nil, f([]float32{1, 2, 2, 4}, 2, 2)), Want: f([]float32{0})},
	})
}

// Einsum equals its definition: the sum over all values of all labels of the products.
func TestEinsumEqualsItsDefinition(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 6))
	for _, eq := range []string{"ij,jk->ik", "bij,bjk->bik", "ij->ji", "ij->", "ii->i", "ii", "i,j->ij", "ij,bj->bi", "abc,cd,be->ade",
		"ij,ij->i", "ki,jk", "bhqd,bhkd->bhqk", "ij,jk,kl->il", "iij,j->i", "a,b,c->cab", "ijk,k->"} {
		sizes := map[rune]int{}
		left, right, explicit := strings.Cut(eq, "->")
		terms := strings.Split(left, ",")
		var order []rune
		for _, l := range strings.ReplaceAll(left, ",", "") {
			if sizes[l] == 0 {
				sizes[l], order = 1+rng.IntN(4), append(order, l)
			}
		}
		if !explicit {
			for _, l := range slices.Sorted(slices.Values(order)) {
				if strings.Count(left, string(l)) == 1 {
					right += string(l)
				}
			}
		}
		shape := func(term string) (s []int) {
			for _, l := range term {
				s = append(s, sizes[l])
			}
			return s
		}
		var in []*tensor.Tensor
		for _, term := range terms {
			x := tensor.New(tensor.I64, shape(term)...)
			for i := range x.Len() {
				tensor.Of[int64](x)[i] = rng.Int64N(20) - 10
			}
			in = append(in, x)
		}
		want := tensor.New(tensor.I64, shape(right)...)
		value := map[rune]int{}
		at := func(term string) (n int) {
			for _, l := range term {
				n = n*sizes[l] + value[l]
			}
			return n
		}
		total := 1
		for _, l := range order {
			total *= sizes[l]
		}
		for i := range total {
			for _, l := range order {
				value[l] = i % sizes[l]
				i /= sizes[l]
			}
			p := int64(1)
			for k, term := range terms {
				p *= tensor.Of[int64](in[k])[at(term)]
			}
			tensor.Of[int64](want)[at(right)] += p
		}
		optest.Check(t, Table(), []optest.Wanted{{Case: node("Einsum", 12, optest.Attrs("equation", eq), in...), Want: want}})
	}
}

func TestEinsumWithEllipsis(t *testing.T) {
	equation := func(s string) map[string]any { return optest.Attrs("equation", s) }
	x := optest.I64([]int64{1, 2, 3, 4}, 2, 1, 2)
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Einsum", 12, equation("...i->..."), x), Want: optest.I64([]int64{3, 7}, 2, 1)},
		{Case: node("Einsum", 12, equation("... i , i ..."), x, optest.I64([]int64{1, 10}, 2)), Want: optest.I64([]int64{21, 43}, 2, 1)},
		{Case: node("Einsum", 12, equation("...i,...i->i..."), x, optest.I64([]int64{1, 1, 2, 2}, 2, 2)), Want: optest.I64([]int64{1, 2, 3, 6, 2, 4, 4, 8}, 2, 2, 2)},
		{Case: node("Einsum", 12, equation("ij->ij"), x)},
		{Case: node("Einsum", 12, equation("abc->abd"), x)},
		{Case: node("Einsum", 12, equation("a1c->ac"), x)},
		{Case: node("Einsum", 12, equation("abc,abc->a"), x)},
	})
}

// A row's bits depend on nothing but the row, whichever side of the equation the batch stands on.
func TestARowsBitsDependOnNothingElse(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 7))
	random := func(shape ...int) *tensor.Tensor {
		x := tensor.New(tensor.F32, shape...)
		for i := range tensor.Of[float32](x) {
			tensor.Of[float32](x)[i] = float32(rng.NormFloat64())
		}
		return x
	}
	x, w := random(9, 33), random(21, 33)
	for _, eq := range []string{"ij,bj->bi", "bj,ij->bi"} {
		run := func(x *tensor.Tensor) []byte {
			in := []*tensor.Tensor{w, x}
			if eq[0] == 'b' {
				in = []*tensor.Tensor{x, w}
			}
			out, err := optest.Run(t, Table(), node("Einsum", 12, optest.Attrs("equation", eq), in...))
			if err != nil {
				t.Fatal(err)
			}
			return out[0].Bytes()
		}
		all := run(x)
		for r := range x.Dim(0) {
			row, err := x.Rows(r, r+1)
			if err != nil {
				t.Fatal(err)
			}
			if one := run(row); !slices.Equal(one, all[r*len(one):(r+1)*len(one)]) {
				t.Errorf("%s: row %d has other bits alone", eq, r)
			}
		}
	}
}
