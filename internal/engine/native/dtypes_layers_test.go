package native

import (
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// layerSamples are the samples of the families conv, norm, recurrent, attention, quant and signal.
func layerSamples() map[string]sample {
	image, row, vector, scalar := tensor.Shape{1, 1, 1, 1}, tensor.Shape{1, 1, 1}, tensor.Shape{1}, tensor.Shape{}
	pool := sample{attrs: attrs("kernel_shape", list(1, 1)), shapes: []tensor.Shape{image}}
	convolution := sample{shapes: []tensor.Shape{image, image, vector}}
	global := sample{shapes: []tensor.Shape{image}}
	layer := func(gates int) sample {
		return sample{shapes: []tensor.Shape{row, {1, gates, 1}, {1, gates, 1}, {1, 2 * gates}, vector, row}, low: 1, tied: []int{0, 1, 2, 3, 5}}
	}
	return map[string]sample{
		"AffineGrid":         {shapes: []tensor.Shape{{1, 2, 3}, {4}}, low: 1},
		"Attention":          {shapes: []tensor.Shape{image, image, image, vector, image, image}, tied: []int{0, 1, 2, 4, 5}},
		"AveragePool":        pool,
		"Col2Im":             {shapes: []tensor.Shape{row, vector, vector}, low: 1},
		"Conv":               convolution,
		"ConvInteger":        {shapes: []tensor.Shape{image, image, vector, vector}},
		"ConvTranspose":      convolution,
		"DeformConv":         {shapes: []tensor.Shape{image, image, {1, 2, 1, 1}, vector, image}},
		"DequantizeLinear":   {shapes: []tensor.Shape{vector, scalar, scalar}, tied: []int{0, 2}},
		"GRU":                layer(3),
		"GlobalAveragePool":  global,
		"GlobalLpPool":       global,
		"GlobalMaxPool":      global,
		"GridSample":         {shapes: []tensor.Shape{image, {1, 1, 1, 2}}},
		"GroupNormalization": {attrs: attrs("num_groups", num(1)), shapes: []tensor.Shape{image, vector, vector}},
		"LRN":                {attrs: attrs("size", num(1)), shapes: []tensor.Shape{image}},
		"LSTM":               layer(4),
		"LpPool":             pool,
		"MaxPool":            pool,
		"MaxRoiPool":         {attrs: attrs("pooled_shape", list(1, 1)), shapes: []tensor.Shape{image, {1, 5}}},
		"MaxUnpool":          {attrs: attrs("kernel_shape", list(1, 1)), shapes: []tensor.Shape{image, image}},
		"QLinearConv":        {shapes: []tensor.Shape{image, scalar, scalar, image, scalar, scalar, scalar, scalar, vector}, tied: []int{0, 2, 3, 5}},
		"QLinearMatMul":      {shapes: []tensor.Shape{{1, 1}, scalar, scalar, {1, 1}, scalar, scalar, scalar, scalar}, tied: []int{0, 2, 3, 5}},
		"RNN":                layer(1),
		"Resize 10":          {shapes: []tensor.Shape{vector, vector}, low: 1},
		"STFT":               {shapes: []tensor.Shape{row, vector, vector, vector}, low: 1, tied: []int{0, 2}},
		"Upsample 7":         {attrs: map[string]graph.Attr{"scales": {Kind: graph.AttrFloats, Floats: []float32{1}}}, shapes: []tensor.Shape{vector}},
		"Resize":             {shapes: []tensor.Shape{vector, {2}, vector}, low: 1},
		"RoiAlign":           {shapes: []tensor.Shape{image, {1, 4}, vector}, tied: []int{0, 1}},
		"RotaryEmbedding":    {shapes: []tensor.Shape{{1, 1, 1, 2}, {1, 1}, {1, 1}, {1, 1}}, tied: []int{0, 1, 2}},
	}
}
