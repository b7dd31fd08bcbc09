package shape

import (
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func node(op string, opset int64, attrs map[string]any, in ...*tensor.Tensor) optest.Case {
	return optest.Case{Op: op, Opset: opset, Attrs: attrs, In: in}
}

func ints(v ...int64) *tensor.Tensor { return optest.I64(v, len(v)) }

func TestViewsAndMovesByHand(t *testing.T) {
	attrs, words := optest.Attrs, optest.Words([]string{"a", "b", "c", "d"}, 2, 2)
	x := optest.I64([]int64{1, 2, 3, 4, 5, 6}, 2, 3)
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Reshape", 1, attrs("shape", []int64{3, -1}), x), Want: optest.I64([]int64{1, 2, 3, 4, 5, 6}, 3, 2)},
		{Case: node("Reshape", 14, attrs("allowzero", 1), tensor.New(tensor.F32, 0, 3), ints(3, 0)), Want: tensor.New(tensor.F32, 3, 0)},
		{Case: node("Reshape", 14, nil, x, ints(4, -1))},
		{Case: node("Transpose", 13, nil, words), Want: optest.Words([]string{"a", "c", "b", "d"}, 2, 2)},
		{Case: node("Concat", 1, nil, x, x), Want: optest.I64([]int64{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}, 2, 6)},
		{Case: node("Concat", 4, nil, x, x)},
		{Case: node("Concat", 13, attrs("axis", 0), words, words), Want: optest.Words([]string{"a", "b", "c", "d", "a", "b", "c", "d"}, 4, 2)},
		{Case: node("Slice", 1, attrs("starts", []int64{1}, "ends", []int64{1000}, "axes", []int64{-1}), x), Want: optest.I64([]int64{2, 3, 5, 6}, 2, 2)},
		{Case: node("Slice", 13, nil, x, ints(-100), ints(math.MinInt64), ints(1), ints(-1)), Want: optest.I64([]int64{1, 4}, 2, 1)},
		{Case: node("Slice", 13, nil, x, ints(math.MaxInt64), ints(math.MinInt64), ints(1), ints(-2)), Want: optest.I64([]int64{3, 1, 6, 4}, 2, 2)},
		{Case: node("Slice", 13, nil, x, ints(2), ints(math.MinInt64), ints(1), ints(math.MinInt64)), Want: optest.I64([]int64{3, 6}, 2, 1)},
		{Case: node("Slice", 13, nil, x, ints(0), ints(1), ints(0), ints(0))},
		{Case: node("Expand", 13, nil, ints(7), ints(2, 1)), Want: optest.I64([]int64{7, 7}, 2, 1)},
		{Case: node("Tile", 13, nil, optest.Words([]string{"a", "b"}, 2), ints(2)), Want: optest.Words([]string{"a", "b", "a", "b"}, 4)},
		{Case: node("Tile", 13, nil, x, ints(1, 0)), Want: tensor.New(tensor.I64, 2, 0)},
		{Case: node("Trilu", 14, attrs("upper", 0), x, optest.I64([]int64{-1})), Want: optest.I64([]int64{0, 0, 0, 4, 0, 0}, 2, 3)},
		{Case: node("Trilu", 14, nil, x, optest.I64([]int64{math.MaxInt64})), Want: tensor.New(tensor.I64, 2, 3)},
		{Case: node("DepthToSpace", 13, attrs("blocksize", 2), optest.I64([]int64{1, 2, 3, 4}, 1, 4, 1, 1)), Want: optest.I64([]int64{1, 2, 3, 4}, 1, 1, 2, 2)},
		{Case: node("Shape", 15, attrs("start", -1), x), Want: ints(3)},
		{Case: node("Size", 13, nil, x), Want: optest.I64([]int64{6})},
		{Case: node("ConstantOfShape", 9, nil, ints(2)), Want: optest.F32([]float32{0, 0}, 2)},
		{Case: node("ConstantOfShape", 9, nil, ints(-2))},
		{Case: node("EyeLike", 9, attrs("k", -1), x), Want: optest.I64([]int64{0, 0, 0, 1, 0, 0}, 2, 3)},
		{Case: node("Range", 11, nil, optest.I64([]int64{math.MaxInt64 - 1}), optest.I64([]int64{math.MaxInt64}), optest.I64([]int64{5})), Want: ints(math.MaxInt64 - 1)},
		{Case: node("Range", 11, nil, optest.F32([]float32{1}), optest.F32([]float32{0}), optest.F32([]float32{-0.4})), Want: optest.F32([]float32{1, 0.6, 0.19999999}, 3)},
		{Case: node("Range", 11, nil, optest.I64([]int64{1}), optest.I64([]int64{2}), optest.I64([]int64{0}))},
	})
}

func TestPadInEveryMode(t *testing.T) {
	x := ints(1, 2, 3)
	mode := func(m string) map[string]any { return optest.Attrs("mode", m) }
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Pad", 13, nil, x, ints(1, 2), optest.I64([]int64{9})), Want: ints(9, 1, 2, 3, 9, 9)},
		{Case: node("Pad", 13, nil, x, ints(-1, 1)), Want: ints(2, 3, 0)},
		{Case: node("Pad", 13, mode("edge"), x, ints(2, 1)), Want: ints(1, 1, 1, 2, 3, 3)},
		{Case: node("Pad", 13, mode("reflect"), x, ints(2, 2)), Want: ints(3, 2, 1, 2, 3, 2, 1)},
		{Case: node("Pad", 19, mode("wrap"), x, ints(2, 4)), Want: ints(2, 3, 1, 2, 3, 1, 2, 3, 1)},
		{Case: node("Pad", 18, mode("wrap"), x, ints(2, 4))},
		{Case: node("Pad", 2, optest.Attrs("pads", []int64{0, 1}, "value", float32(4)), x), Want: ints(1, 2, 3, 4)},
		{Case: node("Pad", 18, nil, optest.I64([]int64{1, 2}, 1, 2), ints(1, 0), nil, ints(-1)), Want: optest.I64([]int64{0, 1, 2}, 1, 3)},
		{Case: node("Pad", 13, nil, x, ints(-2, -2))},
		{Case: node("Pad", 13, mode("edge"), tensor.New(tensor.F32, 0), ints(1, 0))},
		{Case: node("Pad", 13, nil, optest.Words([]string{"a"}, 1), ints(0, 1)), Want: optest.Words([]string{"a", ""}, 2)},
	})
}

// ONNX Runtime 1.23.2 gives these results, but for the last but one, which is numpy's.
func TestNegativePadsCropBeforeOthersRepeat(t *testing.T) {
	x := ints(1, 2, 3, 4, 5)
	mode := func(m string) map[string]any { return optest.Attrs("mode", m) }
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Pad", 19, mode("wrap"), x, ints(1, -1)), Want: ints(4, 1, 2, 3, 4)},
		{Case: node("Pad", 19, mode("wrap"), x, ints(2, -3)), Want: ints(1, 2, 1, 2)},
		{Case: node("Pad", 19, mode("wrap"), x, ints(-1, 2)), Want: ints(2, 3, 4, 5, 2, 3)},
		{Case: node("Pad", 19, mode("reflect"), x, ints(3, -1)), Want: ints(4, 3, 2, 1, 2, 3, 4)},
		{Case: node("Pad", 19, mode("reflect"), x, ints(-1, 2)), Want: ints(2, 3, 4, 5, 4, 3)},
		{Case: node("Pad", 19, mode("edge"), x, ints(2, -3)), Want: ints(1, 1, 1, 2)},
		{Case: node("Pad", 19, mode("edge"), x, ints(-1, 2)), Want: ints(2, 3, 4, 5, 5, 5)},
		{Case: node("Pad", 19, mode("reflect"), ints(1, 2), ints(1, -1)), Want: ints(1, 1)},
		{Case: node("Pad", 19, mode("edge"), x, ints(2, -5))},
	})
}

func TestSplitInEveryVersion(t *testing.T) {
	x := ints(1, 2, 3, 4, 5)
	for _, c := range []struct {
		n     optest.Case
		sizes []int
	}{
		{node("Split", 2, optest.Attrs("split", []int64{2, 3}), x), []int{2, 3}},
		{node("Split", 13, nil, x, ints(0, 5)), []int{0, 5}},
		{node("Split", 18, optest.Attrs("num_outputs", 2), x), []int{3, 2}},
		{node("Split", 13, nil, x), nil},
		{node("Split", 13, nil, x, ints(2, 2)), nil},
		{node("Split", 13, nil, x, ints(-1, 6)), nil},
	} {
		c.n.Outputs = 2
		out, err := optest.Run(t, Table(), c.n)
		if (err != nil) != (c.sizes == nil) {
			t.Errorf("version %d %v: error %v", c.n.Opset, c.n.Attrs, err)
			continue
		}
		next := int64(1)
		for i, size := range c.sizes {
			for _, v := range tensor.Of[int64](out[i]) {
				if v != next {
					t.Errorf("version %d: piece %d has %d, wanted %d", c.n.Opset, i, v, next)
				}
				next++
			}
			if out[i].Len() != size {
				t.Errorf("version %d: piece %d is %v, wanted %d elements", c.n.Opset, i, out[i], size)
			}
		}
	}
}

func TestCastByHand(t *testing.T) {
	to := func(n int) map[string]any { return optest.Attrs("to", n) }
	f := func(v ...float32) *tensor.Tensor { return optest.F32(v, len(v)) }
	words := func(v ...string) *tensor.Tensor { return optest.Words(v, len(v)) }
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Cast", 13, to(7), f(1.9, -1.9)), Want: ints(1, -1)},
		{Case: node("Cast", 13, to(7), f(nan))},
		{Case: node("Cast", 13, to(3), ints(200, -129)), Want: optest.Of(tensor.I8, []int8{-56, 127}, 2)},
		{Case: node("Cast", 13, to(9), f(0, -0.5, nan)), Want: optest.Of(tensor.Bool, []bool{false, true, true}, 3)},
		{Case: node("Cast", 13, to(10), f(1, 65520)), Want: optest.Of(tensor.F16, []uint16{0x3c00, 0x7c00}, 2)},
		{Case: node("Cast", 13, to(7), optest.Of(tensor.F16, []uint16{0x4000}, 1)), Want: ints(2)},
		{Case: node("Cast", 13, to(8), f(0.1, 3, 1e20, -inf, nan)), Want: words("0.1", "3", "1e+20", "-INF", "NaN")},
		{Case: node("Cast", 13, to(1), words("0.1", "-INF", "NaN", "1e400")), Want: f(0.1, -inf, nan, inf)},
		{Case: node("Cast", 13, to(7), words("9223372036854775807")), Want: ints(math.MaxInt64)},
		{Case: node("Cast", 13, to(1), words("one"))},
		{Case: node("Cast", 13, to(14), f(1))},
		{Case: node("Cast", 5, optest.Attrs("to", "INT64"), f(2)), Want: ints(2)},
		{Case: node("CastLike", 15, nil, ints(3), f(0)), Want: f(3)},
		{Case: node("BitCast", 26, to(6), f(1)), Want: optest.Of(tensor.I32, []int32{0x3f800000}, 1)},
		{Case: node("BitCast", 26, to(7), f(1))},
	})
}

func TestDropoutIsForInference(t *testing.T) {
	x := optest.F32([]float32{1, 2}, 2)
	yes, no := optest.Of(tensor.Bool, []bool{true}), optest.Of(tensor.Bool, []bool{false})
	zero, half := optest.F32([]float32{0}), optest.F32([]float32{0.5})
	optest.Check(t, Table(), []optest.Wanted{
		{Case: node("Dropout", 6, optest.Attrs("is_test", 1), x), Want: x},
		{Case: node("Dropout", 6, nil, x)},
		{Case: node("Dropout", 13, nil, x, half, no), Want: x},
		{Case: node("Dropout", 13, nil, x, zero, yes), Want: x},
		{Case: node("Dropout", 13, nil, x, half, yes)},
		{Case: node("Dropout", 13, nil, x, nil, yes)},
	})
	masked := node("Dropout", 13, nil, x)
	masked.Outputs = 2
	out, err := optest.Run(t, Table(), masked)
	if err != nil || out[1].DType() != tensor.Bool || out[1].Bytes()[0] != 1 || out[1].Bytes()[1] != 1 {
		t.Errorf("the mask is %v, error %v", out, err)
	}
}
