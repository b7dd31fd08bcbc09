package native

import (
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestReductionsByHand(t *testing.T) {
	x := fl([]float32{1, 2, 3, 6, 5, 4}, 2, 3)
	third, nan := float32(1)/3, float32(math.NaN())
	ones := fl([]float32{1, 1, 1, 1, 1, 1}, 1, 2, 3)
	sixth := fl([]float32{1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6}, 1, 2, 3)
	check(t, []opCase{
		{op: "Softmax", opset: 11, name: "flattens", in: []*tensor.Tensor{ones}, want: sixth},
		{op: "Softmax", opset: 13, name: "last axis", in: []*tensor.Tensor{ones}, want: fl([]float32{third, third, third, third, third, third}, 1, 2, 3)},
		{op: "Softmax", opset: 13, attrs: attrs("axis", num(1)), in: []*tensor.Tensor{ones}, want: fl([]float32{.5, .5, .5, .5, .5, .5}, 1, 2, 3)},
		{op: "Softmax", name: "large", in: []*tensor.Tensor{fl([]float32{1000, 1000, -1000}, 1, 3)}, want: fl([]float32{.5, .5, 0}, 1, 3)},
		{op: "Softmax", name: "NaN", in: []*tensor.Tensor{fl([]float32{1, nan}, 1, 2)}, want: fl([]float32{nan, nan}, 1, 2)},
		{op: "LogSoftmax", in: []*tensor.Tensor{fl([]float32{1000, 1000}, 1, 2)}, want: fl([]float32{-0.6931472, -0.6931472}, 1, 2)},
		{op: "Softmax", attrs: attrs("axis", num(2)), in: []*tensor.Tensor{x}, fails: true},
		{op: "ArgMax", name: "axis 0, first of equals", in: []*tensor.Tensor{fl([]float32{1, 5, 1, 2}, 2, 2)}, want: il([]int64{0, 0}, 1, 2)},
		{op: "ArgMax", name: "last of equals", attrs: attrs("select_last_index", num(1), "axis", num(1), "keepdims", num(0)), in: []*tensor.Tensor{fl([]float32{7, 1, 7}, 1, 3)}, want: il([]int64{2}, 1)},
		{op: "ArgMin", attrs: attrs("axis", num(-1)), in: []*tensor.Tensor{x}, want: il([]int64{0, 2}, 2, 1)},
		{op: "ReduceSum", opset: 11, attrs: attrs("axes", list(1)), in: []*tensor.Tensor{x}, want: fl([]float32{6, 15}, 2, 1)},
		{op: "ReduceSum", opset: 13, attrs: attrs("keepdims", num(0)), in: []*tensor.Tensor{x, il([]int64{0}, 1)}, want: fl([]float32{7, 7, 7}, 3)},
		{op: "ReduceSum", opset: 13, name: "no axes", in: []*tensor.Tensor{x}, want: fl([]float32{21}, 1, 1)},
		{op: "ReduceSum", opset: 13, name: "no-op", attrs: attrs("noop_with_empty_axes", num(1)), in: []*tensor.Tensor{x}, want: x},
		{op: "ReduceMean", opset: 18, in: []*tensor.Tensor{x, il([]int64{-1}, 1)}, want: fl([]float32{2, 5}, 2, 1)},
		{op: "ReduceMax", opset: 11, attrs: attrs("axes", list(0), "keepdims", num(0)), in: []*tensor.Tensor{x}, want: fl([]float32{6, 5, 4}, 3)},
		{op: "ReduceMin", opset: 11, in: []*tensor.Tensor{x}, want: fl([]float32{1}, 1, 1)},
	})
}

func TestShapesByHand(t *testing.T) {
	x := fl([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	text, err := tensor.FromStrings(tensor.Shape{2}, []string{"no", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	picked, err := tensor.FromStrings(tensor.Shape{1, 3}, []string{"yes", "no", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	values := []float32{1, 2, 3, 4, 5, 6}
	check(t, []opCase{
		{op: "Reshape", name: "0 and -1", in: []*tensor.Tensor{x, il([]int64{0, -1, 1}, 3)}, want: fl(values, 2, 3, 1)},
		{op: "Reshape", name: "too many", in: []*tensor.Tensor{x, il([]int64{4, -1}, 2)}, fails: true},
		{op: "Reshape", name: "huge", in: []*tensor.Tensor{x, il([]int64{1 << 40, 1 << 40}, 2)}, fails: true},
		{op: "Flatten", attrs: attrs("axis", num(0)), in: []*tensor.Tensor{x}, want: fl(values, 1, 6)},
		{op: "Flatten", name: "axis of the rank", attrs: attrs("axis", num(2)), in: []*tensor.Tensor{x}, want: fl(values, 6, 1)},
		{op: "Squeeze", opset: 11, attrs: attrs("axes", list(0)), in: []*tensor.Tensor{fl(values, 1, 6)}, want: fl(values, 6)},
		{op: "Squeeze", opset: 13, name: "all", in: []*tensor.Tensor{fl(values, 1, 6, 1)}, want: fl(values, 6)},
		{op: "Squeeze", opset: 13, name: "not 1", in: []*tensor.Tensor{x, il([]int64{0}, 1)}, fails: true},
		{op: "Unsqueeze", opset: 13, in: []*tensor.Tensor{x, il([]int64{-1, 0}, 2)}, want: fl(values, 1, 2, 3, 1)},
		{op: "Unsqueeze", opset: 11, name: "twice", attrs: attrs("axes", list(0, 0)), in: []*tensor.Tensor{x}, fails: true},
		{op: "Transpose", in: []*tensor.Tensor{x}, want: fl([]float32{1, 4, 2, 5, 3, 6}, 3, 2)},
		{op: "Transpose", attrs: attrs("perm", list(1, 0, 2)), in: []*tensor.Tensor{fl(values, 1, 2, 3)}, want: fl(values, 2, 1, 3)},
		{op: "Transpose", attrs: attrs("perm", list(0, 0)), in: []*tensor.Tensor{x}, fails: true},
		{op: "Concat", attrs: attrs("axis", num(-1)), in: []*tensor.Tensor{x, fl([]float32{7, 8}, 2, 1)}, want: fl([]float32{1, 2, 3, 7, 4, 5, 6, 8}, 2, 4)},
		{op: "Concat", attrs: attrs("axis", num(0)), in: []*tensor.Tensor{x, fl([]float32{7, 8}, 2, 1)}, fails: true},
		{op: "Slice", in: []*tensor.Tensor{x, il([]int64{-1}, 1), il([]int64{math.MinInt64}, 1), il([]int64{1}, 1), il([]int64{-2}, 1)}, want: fl([]float32{3, 1, 6, 4}, 2, 2)},
		{op: "Slice", name: "clamped", in: []*tensor.Tensor{x, il([]int64{1}, 1), il([]int64{99}, 1)}, want: fl([]float32{4, 5, 6}, 1, 3)},
		{op: "Slice", name: "huge step", in: []*tensor.Tensor{x, il([]int64{1}, 1), il([]int64{3}, 1), il([]int64{1}, 1), il([]int64{math.MaxInt64}, 1)}, want: fl([]float32{2, 5}, 2, 1)},
		{op: "Slice", name: "huge step back", in: []*tensor.Tensor{x, il([]int64{1}, 1), il([]int64{math.MinInt64}, 1), il([]int64{1}, 1), il([]int64{math.MinInt64}, 1)}, want: fl([]float32{2, 5}, 2, 1)},
		{op: "Gather", attrs: attrs("axis", num(1)), in: []*tensor.Tensor{x, il([]int64{-1, 0}, 2)}, want: fl([]float32{3, 1, 6, 4}, 2, 2)},
		{op: "Gather", name: "outside", in: []*tensor.Tensor{x, il([]int64{2}, 1)}, fails: true},
		{op: "Shape", opset: 15, attrs: attrs("start", num(-1)), in: []*tensor.Tensor{x}, want: il([]int64{3}, 1)},
		{op: "Cast", name: "truncates", attrs: attrs("to", num(7)), in: []*tensor.Tensor{fl([]float32{-1.9, 2.9}, 2)}, want: il([]int64{-1, 2}, 2)},
		{op: "Cast", name: "does not fit", attrs: attrs("to", num(6)), in: []*tensor.Tensor{fl([]float32{1e20}, 1)}, fails: true},
		{op: "Cast", name: "to boolean", attrs: attrs("to", num(9)), in: []*tensor.Tensor{fl([]float32{0, 0.5}, 2)}, want: of(tensor.Bool, []bool{false, true}, 2)},
		{op: "Cast", name: "rounds", attrs: attrs("to", num(1)), in: []*tensor.Tensor{of(tensor.F64, []float64{0.1}, 1)}, want: fl([]float32{0.1}, 1)},
		{op: "Constant", attrs: map[string]graph.Attr{"value_floats": {Kind: graph.AttrFloats, Floats: []float32{1, 2}}}, want: fl([]float32{1, 2}, 2)},
		{op: "Dropout", in: []*tensor.Tensor{x}, want: x},
		{op: "ArrayFeatureExtractor", domain: "ai.onnx.ml", name: "strings", in: []*tensor.Tensor{text, il([]int64{1, 0, 1}, 3, 1)}, want: picked},
		{op: "ArrayFeatureExtractor", domain: "ai.onnx.ml", in: []*tensor.Tensor{x, il([]int64{2, 0}, 2)}, want: fl([]float32{3, 1, 6, 4}, 2, 2)},
		{op: "Normalizer", domain: "ai.onnx.ml", attrs: attrs("norm", word("L2")), in: []*tensor.Tensor{fl([]float32{3, 4, 0, 0}, 2, 2)}, want: fl([]float32{.6, .8, 0, 0}, 2, 2)},
		{op: "Normalizer", domain: "ai.onnx.ml", attrs: attrs("norm", word("L1")), in: []*tensor.Tensor{fl([]float32{-1, 3}, 1, 2)}, want: fl([]float32{-.25, .75}, 1, 2)},
		{op: "Scaler", domain: "ai.onnx.ml", attrs: map[string]graph.Attr{"offset": {Kind: graph.AttrFloats, Floats: []float32{1, 2, 3}}, "scale": {Kind: graph.AttrFloats, Floats: []float32{2}}},
			in: []*tensor.Tensor{x}, want: fl([]float32{0, 0, 0, 6, 6, 6}, 2, 3)},
		{op: "Binarizer", domain: "ai.onnx.ml", attrs: attrs("threshold", real(3)), in: []*tensor.Tensor{x}, want: fl([]float32{0, 0, 0, 1, 1, 1}, 2, 3)},
	})
}
