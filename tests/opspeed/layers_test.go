package opspeed

import "math/rand/v2"

// products are dense layers, products of integers and quantisation.
func products() []entry {
	list := []entry{
		{op: "MatMul", in: []input{f32(normal, 64, 512), f32(normal, 512, 512).weight()}},
		{op: "MatMul", what: "one row", in: []input{f32(normal, 1, 1024), f32(normal, 1024, 1024).weight()}},
		{op: "MatMul", what: "heads", in: []input{f32(normal, 8, 64, 64), f32(normal, 8, 64, 64)}},
		{op: "MatMul", what: "F64", in: []input{f64(normal, 64, 512), f64(normal, 512, 512).weight()}},
		{op: "MatMul", what: "I64", in: []input{i64(between(-9, 9), 64, 256), i64(between(-9, 9), 256, 256)}},
		{op: "Gemm", attrs: map[string]any{"transB": 1}, in: []input{f32(normal, 64, 512), f32(normal, 512, 512).weight(), f32(normal, 512).weight()}},
		{op: "Gemm", what: "one row", attrs: map[string]any{"transB": 1}, in: []input{f32(normal, 1, 1024), f32(normal, 1024, 1024).weight(), f32(normal, 1024).weight()}},
		{op: "Gemm", what: "transA", attrs: map[string]any{"transA": 1}, in: []input{f32(normal, 512, 64), f32(normal, 512, 512).weight()}},
		{op: "Einsum", attrs: map[string]any{"equation": "bhid,bhjd->bhij"}, in: []input{f32(normal, 2, 4, 64, 64), f32(normal, 2, 4, 64, 64)}},
		{op: "Det", in: []input{f32(normal, 32, 16, 16)}, loose: 1e-4},
	}
	bytes, scale, point := u8(below(256), 64, 512), f32(these(0.02)).weight(), u8(these(128)).weight()
	weights, zero := i8(between(-64, 64), 512, 512).weight(), i8(these(0)).weight()
	// Without VNNI ONNX Runtime adds pairs of products of U8 and I8 in 16 bits, which overflow for weights of 8 bits. So these have 7.
	list = append(list,
		entry{op: "MatMulInteger", in: []input{bytes, weights, point, zero}},
		entry{op: "MatMulInteger", what: "one row", in: []input{u8(below(256), 1, 1024), i8(between(-64, 64), 1024, 1024).weight(), point, zero}},
		entry{op: "MatMulInteger", what: "both U8", in: []input{bytes, u8(below(256), 512, 512).weight(), point, point}},
		entry{op: "QLinearMatMul", steps: 1, in: []input{bytes, scale, point, weights, scale, zero, f32(these(40)).weight(), point}},
		entry{op: "DynamicQuantizeLinear", steps: 1, in: []input{f32(normal, rows, columns)}, outputs: 3},
		entry{op: "QuantizeLinear", steps: 1, in: []input{f32(normal, rows, columns), scale, point}},
		entry{op: "QuantizeLinear", what: "a scale for each row", steps: 1, attrs: map[string]any{"axis": 0}, in: []input{f32(normal, rows, columns), f32(positive, rows).weight(),
			u8(below(200), rows).weight()}},
		entry{op: "DequantizeLinear", in: []input{u8(below(256), rows, columns), scale, point}},
		entry{op: "DequantizeLinear", what: "a scale for each column", attrs: map[string]any{"axis": 1}, in: []input{i8(between(-99, 99), rows, columns), f32(positive, columns).weight(),
			i8(below(9), columns).weight()}})
	return list
}

// windows are convolutions and pools.
func windows() []entry {
	image, kernel := f32(normal, 1, 32, 56, 56), []int{3, 3}
	pads := map[string]any{"kernel_shape": kernel, "pads": []int{1, 1, 1, 1}}
	stride := map[string]any{"kernel_shape": kernel, "pads": []int{1, 1, 1, 1}, "strides": []int{2, 2}}
	bytes, point := u8(below(256), 1, 32, 28, 28), u8(these(128)).weight()
	scale, zero := f32(these(0.02)).weight(), i8(these(0)).weight()
	filters := i8(between(-64, 64), 32, 32, 3, 3).weight()
	return []entry{
		{op: "Conv", attrs: pads, in: []input{image, f32(normal, 64, 32, 3, 3).weight(), f32(normal, 64).weight()}},
		{op: "Conv", what: "1x1", in: []input{image, f32(normal, 64, 32, 1, 1).weight()}},
		{op: "Conv", what: "depthwise", attrs: map[string]any{"pads": []int{1, 1, 1, 1}, "group": 32}, in: []input{image, f32(normal, 32, 1, 3, 3).weight()}},
		{op: "Conv", what: "one dimension", in: []input{f32(normal, 4, 64, 256), f32(normal, 64, 64, 5).weight()}},
		{op: "ConvTranspose", attrs: map[string]any{"strides": []int{2, 2}}, in: []input{f32(normal, 1, 32, 28, 28), f32(normal, 32, 32, 3, 3).weight()}},
		{op: "ConvInteger", attrs: pads, in: []input{bytes, filters, point, zero}},
		{op: "QLinearConv", attrs: pads, steps: 1, in: []input{bytes, scale, point, filters, scale, zero, f32(these(30)).weight(), point}},
		{op: "DeformConv", attrs: pads, in: []input{f32(normal, 1, 16, 28, 28), f32(normal, 16, 16, 3, 3).weight(), f32(normal, 1, 18, 28, 28)}, loose: 1e-4},
		{op: "MaxPool", attrs: stride, in: []input{image}},
		{op: "MaxPool", what: "U8", attrs: stride, in: []input{u8(below(256), 1, 32, 56, 56)}},
		{op: "MaxPool", what: "indices", attrs: stride, in: []input{image}, outputs: 2},
		{op: "AveragePool", attrs: stride, in: []input{image}},
		{op: "LpPool", attrs: stride, in: []input{image}},
		{op: "GlobalAveragePool", in: []input{image}}, {op: "GlobalMaxPool", in: []input{image}}, {op: "GlobalLpPool", in: []input{image}},
		{op: "MaxUnpool", attrs: map[string]any{"kernel_shape": []int{2, 2}, "strides": []int{2, 2}}, in: []input{f32(normal, 1, 32, 28, 28),
			i64(func(i int, _ *rand.Rand) float64 { return float64(i/784*3136 + i%784/28*112 + i%28*2) }, 1, 32, 28, 28)}},
		{op: "MaxRoiPool", attrs: map[string]any{"pooled_shape": []int{7, 7}}, in: []input{image, f32(these(0, 3, 4, 40, 50, 0, 10, 10, 55, 30, 0, 0, 0, 20, 20, 0, 5, 6, 7, 8), 4, 5).weight()}},
		{op: "RoiAlign", opset: 16, attrs: map[string]any{"output_height": 7, "output_width": 7, "sampling_ratio": 2}, in: []input{image,
			f32(these(3, 4, 40, 50, 10, 10, 55, 30, 0, 0, 20, 20, 5, 6, 7, 8), 4, 4).weight(), i64(these(0, 0, 0, 0), 4).weight()}},
		{op: "Resize", what: "nearest", attrs: map[string]any{"mode": "nearest"}, in: []input{image, {}, f32(these(1, 1, 2, 2), 4).weight()}},
		{op: "Resize", what: "linear", attrs: map[string]any{"mode": "linear"}, in: []input{image, {}, f32(these(1, 1, 2, 2), 4).weight()}},
		{op: "Resize", what: "cubic", attrs: map[string]any{"mode": "cubic"}, in: []input{image, {}, f32(these(1, 1, 2, 2), 4).weight()}},
		{op: "Upsample", opset: 9, attrs: map[string]any{"mode": "linear"}, in: []input{image, f32(these(1, 1, 2, 2), 4).weight()}},
		{op: "GridSample", attrs: map[string]any{"mode": "linear"}, in: []input{image, f32(inside, 1, 56, 56, 2)}},
		{op: "AffineGrid", in: []input{f32(normal, 4, 2, 3), ints(4, 3, 64, 64)}},
	}
}

// layers are normalisations, attention, recurrent layers and signals.
func layers() []entry {
	x, image := f32(normal, rows, columns), f32(normal, 2, 32, 56, 56)
	row, channel := f32(positive, columns).weight(), f32(positive, 32).weight()
	heads := f32(normal, 2, 4, 64, 64)
	small := func(i int, rng *rand.Rand) float64 { return inside(i, rng) / 10 }
	gates := func(n int) []input {
		return []input{f32(normal, 32, 1, 64), f32(small, 1, n*128, 64).weight(), f32(small, 1, n*128, 128).weight(), f32(inside, 1, 2*n*128).weight()}
	}
	hidden := map[string]any{"hidden_size": 128}
	return []entry{
		{op: "LayerNormalization", in: []input{x, row, row}},
		{op: "RMSNormalization", opset: 23, in: []input{x, row}},
		{op: "BatchNormalization", in: []input{image, channel, channel, channel, channel}},
		{op: "InstanceNormalization", in: []input{image, channel, channel}},
		{op: "GroupNormalization", attrs: map[string]any{"num_groups": 4}, in: []input{image, channel, channel}},
		{op: "MeanVarianceNormalization", in: []input{image}},
		{op: "LRN", attrs: map[string]any{"size": 5}, in: []input{image}},
		{op: "Attention", opset: 23, in: []input{heads, heads, heads}},
		{op: "Attention", what: "causal", opset: 23, attrs: map[string]any{"is_causal": 1}, in: []input{heads, heads, heads}},
		{op: "Attention", what: "with a mask", opset: 23, in: []input{heads, heads, heads, f32(normal, 64, 64)}},
		{op: "Attention", what: "one query", opset: 23, in: []input{f32(normal, 1, 8, 1, 64), f32(normal, 1, 8, 512, 64), f32(normal, 1, 8, 512, 64)}},
		{op: "RotaryEmbedding", opset: 23, in: []input{heads, f32(inside, 128, 32), f32(inside, 128, 32), i64(below(128), 2, 64)}},
		{op: "LSTM", attrs: hidden, in: gates(4), outputs: 3}, {op: "GRU", attrs: hidden, in: gates(3), outputs: 2}, {op: "RNN", attrs: hidden, in: gates(1), outputs: 2},
		{op: "DFT", opset: 17, in: []input{f32(normal, 64, 512, 1)}, loose: 1e-4},
		{op: "STFT", in: []input{f32(normal, 4, 4096, 1), i64(these(128)).weight(), f32(positive, 512).weight()}, loose: 1e-4},
		{op: "HannWindow", in: []input{i64(these(65536))}}, {op: "HammingWindow", in: []input{i64(these(65536))}}, {op: "BlackmanWindow", in: []input{i64(these(65536))}},
		{op: "MelWeightMatrix", in: []input{i64(these(64)), i64(these(512)), i64(these(8000)), f32(these(0)), f32(these(4000))}},
	}
}
