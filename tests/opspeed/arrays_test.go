package opspeed

import (
	"math/rand/v2"

	"github.com/shardwise/shardwise/internal/tensor"
)

// reductions are the operators that look along axes.
func reductions() []entry {
	var list []entry
	matrix, whole := f32(positive, rows, columns), i64(between(-9, 9), rows, columns)
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
		"ReduceLogSumExp"} {
		x := matrix
		if op == "ReduceProd" {
			x.fill = func(i int, _ *rand.Rand) float64 { return 1 + float64(i%7-3)/100 }
		}
		list = append(list, entry{op: op, in: []input{x, ints(1)}}, entry{op: op, what: "the first axis", in: []input{x, ints(0)}})
	}
	list = append(list, entry{op: "ReduceSum", what: "I64", in: []input{whole, ints(1)}}, entry{op: "ReduceMax", what: "I64", in: []input{whole, ints(1)}},
		entry{op: "ReduceMean", what: "all axes", in: []input{matrix}},
		entry{op: "ReduceMax", what: "U8", in: []input{u8(below(200), rows, columns), ints(1)}})
	for _, op := range []string{"Softmax", "LogSoftmax", "Hardmax"} {
		list = append(list, entry{op: op, in: []input{f32(normal, rows, columns)}},
			entry{op: op, what: "the first axis", attrs: map[string]any{"axis": 0}, in: []input{f32(normal, rows, columns)}})
	}
	for _, op := range []string{"ArgMax", "ArgMin"} {
		list = append(list, entry{op: op, attrs: map[string]any{"axis": 1}, in: []input{f32(normal, rows, columns)}},
			entry{op: op, what: "the first axis", attrs: map[string]any{"axis": 0}, in: []input{f32(normal, rows, columns)}})
	}
	return append(list,
		entry{op: "LpNormalization", in: []input{f32(normal, rows, columns)}},
		entry{op: "CumSum", in: []input{f32(normal, rows, columns), i64(these(1)).weight()}, loose: 1e-4},
		entry{op: "CumSum", what: "the first axis", in: []input{f32(normal, rows, columns), i64(these(0)).weight()}, loose: 1e-4},
		entry{op: "CumProd", opset: 26, in: []input{f32(func(i int, _ *rand.Rand) float64 { return 1 + float64(i%7-3)/100 }, rows, columns), i64(these(1)).weight()}},
		entry{op: "TopK", what: "10 of each row", in: []input{f32(normal, rows, columns), ints(10)}, outputs: 2},
		entry{op: "TopK", what: "half of each row", in: []input{f32(normal, rows, columns), ints(512)}, outputs: 2})
}

// indexing are the operators that pick and place elements.
func indexing() []entry {
	x, one := f32(normal, rows, columns), func(_ int, _ *rand.Rand) float64 { return 1 }
	axis := func(n int) map[string]any { return map[string]any{"axis": n} }
	return []entry{
		{op: "Gather", in: []input{x, i64(below(rows), 512)}},
		{op: "Gather", what: "columns", attrs: axis(1), in: []input{x, i64(below(columns), 512)}},
		{op: "GatherElements", attrs: axis(1), in: []input{x, i64(below(columns), rows, columns)}},
		{op: "GatherND", in: []input{x, i64(below(rows), 4096, 2)}},
		{op: "ScatterElements", attrs: axis(1), in: []input{x, i64(func(i int, _ *rand.Rand) float64 { return float64(i % 512 * 2) }, rows, 512), f32(normal, rows, 512)}},
		{op: "Scatter", opset: 10, attrs: axis(1), in: []input{x, i64(func(i int, _ *rand.Rand) float64 { return float64(i % 512 * 2) }, rows, 512), f32(normal, rows, 512)}},
		{op: "ScatterND", in: []input{x, i64(func(i int, _ *rand.Rand) float64 { return float64(i * 2) }, 128, 1), f32(normal, 128, columns)}},
		{op: "TensorScatter", opset: 24, in: []input{f32(normal, 4, 8, 256, 64), f32(normal, 4, 8, 16, 64), i64(below(200), 4)}},
		{op: "OneHot", in: []input{i64(below(256), 1024), i64(these(256)).weight(), f32(these(0, 1), 2).weight()}},
		{op: "NonZero", in: []input{{dtype: tensor.F32, shape: []int{rows, columns}, fill: below(3)}}},
		{op: "Compress", attrs: axis(1), in: []input{x, truths(columns)}},
		{op: "Compress", what: "elements", in: []input{x, truths(rows * columns)}},
		{op: "ReverseSequence", attrs: map[string]any{"batch_axis": 1, "time_axis": 0}, in: []input{f32(normal, 64, 32, 128), i64(between(1, 64), 32)}},
		{op: "Unique", in: []input{i64(below(1000), rows*columns/4)}},
		{op: "Unique", what: "F32", in: []input{f32(below(1000), rows*columns/4)}, outputs: 4},
		{op: "NonMaxSuppression", in: []input{f32(func(i int, r *rand.Rand) float64 { return float64(i%4/2) + r.Float64() }, 1, 500, 4), f32(positive, 1, 4, 500), ints(50),
			f32(these(0.5), 1).weight(), f32(these(0.2), 1).weight()}},
		{op: "ai.onnx.ml.ArrayFeatureExtractor", in: []input{x, i64(below(columns), 128)}},
		{op: "Trilu", in: []input{x}},
		{op: "EyeLike", in: []input{x}},
		{op: "Expand", in: []input{f32(normal, rows, 1), ints(rows, columns)}},
		{op: "Expand", what: "rows", in: []input{f32(one, columns), ints(rows, columns)}},
		{op: "Tile", in: []input{f32(normal, 64, 64), ints(8, 8)}},
		{op: "Range", in: []input{i64(these(0)).weight(), i64(these(100000)), i64(these(1)).weight()}},
		{op: "ConstantOfShape", in: []input{i64(these(rows, columns), 2)}},
		{op: "Shape", in: []input{x}}, {op: "Size", in: []input{x}},
	}
}

// movements are the operators that arrange elements anew.
func movements() []entry {
	x, image := f32(normal, rows, columns), f32(normal, 2, 32, 56, 56)
	perm := func(p ...int) map[string]any { return map[string]any{"perm": p} }
	return []entry{
		{op: "Transpose", in: []input{x}},
		{op: "Transpose", what: "heads", attrs: perm(0, 2, 1, 3), in: []input{f32(normal, 4, 64, 16, 64)}},
		{op: "Transpose", what: "channels last", attrs: perm(0, 2, 3, 1), in: []input{image}},
		{op: "Transpose", what: "U8", in: []input{u8(below(200), rows, columns)}},
		{op: "Reshape", in: []input{x, ints(columns, rows)}}, {op: "Flatten", in: []input{image}},
		{op: "Squeeze", in: []input{f32(normal, 1, rows, columns), ints(0)}}, {op: "Unsqueeze", in: []input{x, ints(0)}},
		{op: "Dropout", in: []input{x}},
		{op: "BitCast", opset: 26, attrs: map[string]any{"to": 6}, in: []input{x}},
		{op: "Concat", attrs: map[string]any{"axis": 0}, in: []input{x, x}},
		{op: "Concat", what: "columns", attrs: map[string]any{"axis": 1}, in: []input{x, x}},
		{op: "Split", attrs: map[string]any{"axis": 1, "num_outputs": 4}, in: []input{x}, outputs: 4},
		{op: "Slice", in: []input{x, ints(10, 20), ints(200, 900), ints(0, 1)}},
		{op: "Slice", what: "every second column", in: []input{x, ints(0), ints(columns), ints(1), ints(2)}},
		{op: "Slice", what: "backwards", in: []input{x, ints(-1), ints(-9999), ints(1), ints(-1)}},
		{op: "Pad", in: []input{image, ints(0, 0, 3, 3, 0, 0, 3, 3)}},
		{op: "Pad", what: "reflect", attrs: map[string]any{"mode": "reflect"}, in: []input{image, ints(0, 0, 3, 3, 0, 0, 3, 3)}},
		{op: "CenterCropPad", attrs: map[string]any{"axes": []int{2, 3}}, in: []input{image, ints(40, 64)}},
		{op: "DepthToSpace", attrs: map[string]any{"blocksize": 2}, in: []input{image}},
		{op: "SpaceToDepth", attrs: map[string]any{"blocksize": 2}, in: []input{image}},
		{op: "Col2Im", in: []input{f32(normal, 2, 32*9, 54*54), ints(56, 56), ints(3, 3)}},
	}
}
