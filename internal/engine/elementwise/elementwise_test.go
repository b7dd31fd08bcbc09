package elementwise

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

var inf, nan32 = float32(math.Inf(1)), float32(math.NaN())

type tensors = []*tensor.Tensor

func node(op string, opset int64, attrs map[string]any, in ...*tensor.Tensor) optest.Case {
	return optest.Case{Op: op, Opset: opset, Attrs: attrs, In: in}
}

func TestArithmeticByHand(t *testing.T) {
	f, of, attrs := optest.F32, optest.Of[int8], optest.Attrs
	i8 := func(v ...int8) *tensor.Tensor { return of(tensor.I8, v, len(v)) }
	u8 := func(v ...uint8) *tensor.Tensor { return optest.Of(tensor.U8, v, len(v)) }
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Add", 14, nil, u8(250, 1), u8(10, 2)), Want: u8(4, 3)},
		{Case: node("Div", 14, nil, i8(-7, 7, -128), i8(2, -2, -1)), Want: i8(-3, -3, -128)},
		{Case: node("Div", 14, nil, i8(1), i8(0))},
		{Case: node("Div", 14, nil, f([]float32{1, -1, 0}, 3), f([]float32{0}, 1)), Want: f([]float32{inf, -inf, nan32}, 3)},
		{Case: node("Mod", 13, nil, i8(-7, 7, -7), i8(3, -3, -3)), Want: i8(2, -2, -1)},
		{Case: node("Mod", 13, attrs("fmod", 1), i8(-7, 7), i8(3, -3)), Want: i8(-1, 1)},
		{Case: node("Mod", 13, attrs("fmod", 1), f([]float32{-7.5, 7.5, 1}, 3), f([]float32{2, -2, 0}, 3)), Want: f([]float32{-1.5, 1.5, nan32}, 3)},
		{Case: node("Mod", 28, nil, f([]float32{-7.5, 7.5, 5}, 3), f([]float32{2, -2, -inf}, 3)), Want: f([]float32{0.5, -0.5, -inf}, 3)},
		{Case: node("Mod", 13, attrs("fmod", 2), i8(1), i8(1))},
		{Case: node("Pow", 15, nil, f([]float32{2, 3, 4, -8}, 4), optest.I64([]int64{3, 2, -1, 1}, 4)), Want: f([]float32{8, 9, 0.25, -8}, 4)},
		{Case: node("Pow", 15, nil, optest.I64([]int64{2, -1, 3, -1}, 4), optest.I64([]int64{10, -3, -1, -2}, 4)), Want: optest.I64([]int64{1024, -1, 0, 1}, 4)},
		{Case: node("Max", 13, nil, f([]float32{1, nan32}, 2), f([]float32{2, 0}, 2)), Want: f([]float32{2, nan32}, 2)},
		{Case: node("Mean", 13, nil, f([]float32{1, 2}, 2, 1), f([]float32{3, 5}, 2), f([]float32{2}, 1)), Want: f([]float32{2, 8. / 3, 7. / 3, 3}, 2, 2)},
		{Case: node("PRelu", 16, nil, f([]float32{-2, 2}, 2), f([]float32{0.5}, 1)), Want: f([]float32{-1, 2}, 2)},
	})
}

// Until version 6 the second operand lies in the first from an axis on.
func TestOldBroadcasting(t *testing.T) {
	f, attrs := optest.F32, optest.Attrs
	x := f([]float32{1, 2, 3, 4, 5, 6}, 1, 2, 3)
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Add", 6, attrs("broadcast", 1, "axis", 1), x, f([]float32{10, 20}, 2)), Want: f([]float32{11, 12, 13, 24, 25, 26}, 1, 2, 3)},
		{Case: node("Add", 6, attrs("broadcast", 1), x, f([]float32{10, 20, 30}, 3)), Want: f([]float32{11, 22, 33, 14, 25, 36}, 1, 2, 3)},
		{Case: node("Add", 6, nil, x, f([]float32{10, 20, 30}, 3))},
		{Case: node("Add", 6, attrs("broadcast", 1), f([]float32{1}, 1), x)},
		{Case: node("Add", 7, attrs("broadcast", 1), x, x)},
		{Case: node("Relu", 1, optest.Attrs("consumed_inputs", []int64{0}), f([]float32{-1, 1}, 2)), Want: f([]float32{0, 1}, 2)},
		{Case: node("PRelu", 6, nil, f([]float32{-1, -1, -1, -1}, 1, 2, 2), f([]float32{2, 3}, 2)), Want: f([]float32{-2, -2, -3, -3}, 1, 2, 2)},
	})
}

func TestFunctionsAtTheirEdges(t *testing.T) {
	f, attrs := optest.F32, optest.Attrs
	b := func(v ...bool) *tensor.Tensor { return optest.Of(tensor.Bool, v, len(v)) }
	x := f([]float32{nan32, -inf, inf, -0.5}, 4)
	zero := float32(math.Copysign(0, -1))
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Round", 11, nil, f([]float32{0.5, 1.5, -0.5, -2.5, nan32, inf}, 6)), Want: f([]float32{0, 2, zero, -2, nan32, inf}, 6)},
		{Case: node("Sign", 13, nil, x), Want: f([]float32{nan32, -1, 1, -1}, 4)},
		{Case: node("Relu", 14, nil, x), Want: f([]float32{nan32, 0, inf, 0}, 4)},
		{Case: node("Sigmoid", 13, nil, x), Want: f([]float32{nan32, 0, 1, 0.37754068}, 4)},
		{Case: node("Tanh", 13, nil, x), Want: f([]float32{nan32, -1, 1, -0.46211717}, 4)},
		{Case: node("IsNaN", 13, nil, x), Want: b(true, false, false, false)},
		{Case: node("IsInf", 10, attrs("detect_negative", 0), x), Want: b(false, false, true, false)},
		{Case: node("Clip", 13, nil, x, f([]float32{-1}), f([]float32{1})), Want: f([]float32{nan32, -1, 1, -0.5}, 4)},
		{Case: node("Clip", 13, nil, x, f([]float32{2}), f([]float32{1})), Want: f([]float32{nan32, 1, 1, 1}, 4)},
		{Case: node("Clip", 6, attrs("min", float32(-1)), x), Want: f([]float32{nan32, -1, math.MaxFloat32, -0.5}, 4)},
		{Case: node("Shrink", 9, attrs("bias", float32(1), "lambd", float32(1)), f([]float32{-3, -1, 1, 3}, 4)), Want: f([]float32{-2, 0, 0, 2}, 4)},
		{Case: node("Equal", 19, nil, optest.Words([]string{"a", "b"}, 2), optest.Words([]string{"a"}, 1)), Want: b(true, false)},
		{Case: node("GreaterOrEqual", 16, nil, x, f([]float32{0}, 1)), Want: b(false, false, true, false)},
		{Case: node("BitShift", 28, attrs("direction", "RIGHT"), optest.I64([]int64{-8, -8, 8, 8}, 4), optest.I64([]int64{1, 64, -1, 2}, 4)), Want: optest.I64([]int64{-4, -1, 0, 2}, 4)},
		{Case: node("BitShift", 11, attrs("direction", "UP"), optest.I64([]int64{1}, 1), optest.I64([]int64{1}, 1))},
		{Case: node("Where", 16, nil, b(true, false), optest.Words([]string{"x"}, 1), optest.Words([]string{"y", "z"}, 2)), Want: optest.Words([]string{"x", "z"}, 2)},
		{Case: node("RandomNormal", 1, attrs("shape", []int64{1}))},
	})
}

// Each element of a broadcast is what the two operands' elements alone give, whatever the shapes.
func TestBroadcastingEqualsElements(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	for range 300 {
		rank := 1 + rng.IntN(4)
		full, shapes := make([]int, rank), [2][]int{}
		for d := range full {
			full[d] = 1 + rng.IntN(5)
			if d == rank-1 && rng.IntN(4) == 0 {
				full[d] = chunk + rng.IntN(chunk)
			}
			for k := range shapes {
				n := full[d]
				if rng.IntN(3) == 0 {
					n = 1
				}
				shapes[k] = append(shapes[k], n)
			}
		}
		var in tensors
		for _, s := range shapes {
			x := tensor.New(tensor.F32, s...)
			for i := range tensor.Of[float32](x) {
				tensor.Of[float32](x)[i] = float32(rng.IntN(100))
			}
			in = append(in, x)
		}
		out, err := optest.Run(t, Table(), node("Sub", 14, nil, in...))
		if err != nil {
			t.Fatal(err)
		}
		got := tensor.Of[float32](out[0])
		for i := range got {
			var at [2]int
			rest := i
			step := [2]int{1, 1}
			for d := rank - 1; d >= 0; d-- {
				n := max(shapes[0][d], shapes[1][d])
				for k := range at {
					if shapes[k][d] > 1 {
						at[k] += rest % n * step[k]
					}
					step[k] *= shapes[k][d]
				}
				rest /= n
			}
			if want := tensor.Of[float32](in[0])[at[0]] - tensor.Of[float32](in[1])[at[1]]; got[i] != want {
				t.Fatalf("%v - %v: element %d is %v, wanted %v", in[0], in[1], i, got[i], want)
			}
		}
	}
}
