package quant

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestQuantizeByHand(t *testing.T) {
	nan := float32(math.NaN())
	x := optest.F32([]float32{0, 2.5, 3.5, -1000, 1000, nan}, 6)
	square := optest.F32([]float32{1, 2, 3, 4}, 2, 2)
	f := func(v ...float32) *tensor.Tensor { return optest.F32(v, len(v)) }
	one := optest.F32([]float32{1})
	for _, c := range []struct {
		name string
		optest.Case
		want *tensor.Tensor
	}{
		{"ties to even, saturates", optest.Case{Opset: 10, In: []*tensor.Tensor{x, one, optest.Of(tensor.U8, []uint8{128})}}, optest.Of(tensor.U8, []uint8{128, 130, 132, 0, 255, 0}, 6)},
		{"no zero point", optest.Case{Opset: 13, In: []*tensor.Tensor{x, one}}, optest.Of(tensor.U8, []uint8{0, 2, 4, 0, 255, 0}, 6)},
		{"output_dtype", optest.Case{Opset: 21, Attrs: map[string]any{"output_dtype": 5}, In: []*tensor.Tensor{x, one}}, optest.Of(tensor.I16, []int16{0, 2, 4, -1000, 1000, -32768}, 6)},
		{"axis", optest.Case{Opset: 13, Attrs: map[string]any{"axis": 0}, In: []*tensor.Tensor{square, f(1, 0.5), optest.Of(tensor.I8, []int8{0, -1}, 2)}}, optest.Of(tensor.I8, []int8{1, 2, 5, 7}, 2, 2)},
		{"blocks", optest.Case{Opset: 21, Attrs: map[string]any{"axis": 1, "block_size": 1}, In: []*tensor.Tensor{square, optest.F32([]float32{1, 2, 3, 4}, 2, 2)}}, optest.Of(tensor.U8, []uint8{1, 1, 1, 1}, 2, 2)},
	} {
		c.Op = "QuantizeLinear"
		optest.Same(t, c.name, optest.One(t, Table(), c.Case), c.want, 0)
	}
	bytes := optest.Of(tensor.U8, []uint8{0, 128, 255, 1}, 2, 2)
	for _, c := range []struct {
		name string
		optest.Case
		want *tensor.Tensor
	}{
		{"axis 1", optest.Case{Opset: 13, In: []*tensor.Tensor{bytes, f(1, 0.5), optest.Of(tensor.U8, []uint8{128, 0}, 2)}}, optest.F32([]float32{-128, 64, 127, 0.5}, 2, 2)},
		{"a half scale gives halves", optest.Case{Opset: 19, In: []*tensor.Tensor{bytes, optest.Of(tensor.F16, []uint16{0x3800})}}, optest.Of(tensor.F16, []uint16{0, 0x5400, 0x57f8, 0x3800}, 2, 2)},
		{"I32", optest.Case{Opset: 10, In: []*tensor.Tensor{optest.Of(tensor.I32, []int32{-5}, 1), optest.F32([]float32{2})}}, optest.F32([]float32{-10}, 1)},
	} {
		c.Op = "DequantizeLinear"
		optest.Same(t, c.name, optest.One(t, Table(), c.Case), c.want, 0)
	}
}

func TestDynamicQuantizeCoversZero(t *testing.T) {
	for _, c := range []struct {
		x, scale []float32
		y, zero  []uint8
	}{
		{[]float32{0, 2, -3, -2.5, 1.34, 0.5}, []float32{5. / 255}, []uint8{153, 255, 0, 26, 221, 179}, []uint8{153}},
		{[]float32{1, 2.55}, []float32{0.01}, []uint8{100, 255}, []uint8{0}},
		{[]float32{0, 0}, []float32{1}, []uint8{0, 0}, []uint8{0}},
	} {
		out, err := optest.Run(t, Table(), optest.Case{Op: "DynamicQuantizeLinear", Opset: 11, In: []*tensor.Tensor{optest.F32(c.x, len(c.x))}, Outputs: 3})
		if err != nil {
			t.Fatal(err)
		}
		optest.Same(t, "y", out[0], optest.Of(tensor.U8, c.y, len(c.y)), 0)
		optest.Same(t, "scale", out[1], optest.F32(c.scale), 1e-6)
		optest.Same(t, "zero point", out[2], optest.Of(tensor.U8, c.zero), 0)
	}
}

// bytes are random integers of U8 or I8, extremes often, and their values.
func bytes(rng *rand.Rand, d tensor.DType, shape ...int) (*tensor.Tensor, []int64) {
	x := tensor.New(d, shape...)
	values := make([]int64, x.Len())
	for i := range x.Bytes() {
		b := []byte{0, 127, 128, 255, byte(rng.IntN(256))}[rng.IntN(5)]
		x.Bytes()[i], values[i] = b, int64(b)
		if d == tensor.I8 {
			values[i] = int64(int8(b))
		}
	}
	return x, values
}

// Integer products are exact, also of sums that F32 could not hold.
func TestMatMulIntegerIsExact(t *testing.T) {
	rng := optest.Seeded(t)
	types := []tensor.DType{tensor.U8, tensor.I8}
	for range 60 {
		n, m, k, cols := 1+rng.IntN(2), 1+rng.IntN(4), 1+rng.IntN(1200), 1+rng.IntN(5)
		a, va := bytes(rng, types[rng.IntN(2)], n, m, k)
		b, vb := bytes(rng, types[rng.IntN(2)], k, cols)
		za, zva := bytes(rng, a.DType(), m)
		zb, zvb := bytes(rng, b.DType(), cols)
		want := tensor.New(tensor.I32, n, m, cols)
		for i := range want.Len() {
			row, j := i/cols, i%cols
			for l := range k {
				tensor.Of[int32](want)[i] += int32((va[row*k+l] - zva[row%m]) * (vb[l*cols+j] - zvb[j]))
			}
		}
		got := optest.One(t, Table(), optest.Case{Op: "MatMulInteger", Opset: 10, In: []*tensor.Tensor{a, b, za, zb}})
		optest.Same(t, fmt.Sprint(a, b), got, want, 0)
	}
}

// ConvInteger over a window that is the whole image is a product, and QLinearConv scales it.
func TestIntegerConvolutionsAreProducts(t *testing.T) {
	rng := optest.Seeded(t)
	for range 30 {
		images, channels, filters := 1+rng.IntN(3), 1+rng.IntN(60), 1+rng.IntN(4)
		x, _ := bytes(rng, tensor.U8, images, channels, 3, 3)
		w, _ := bytes(rng, tensor.I8, filters, channels, 3, 3)
		zx, zw := optest.Of(tensor.U8, []uint8{uint8(rng.IntN(256))}), optest.Of(tensor.I8, []int8{int8(rng.IntN(256) - 128)})
		flat, _ := x.Reshape(images, channels*9)
		turned := tensor.New(tensor.I8, channels*9, filters)
		for i, v := range w.Bytes() {
			turned.Bytes()[i%(channels*9)*filters+i/(channels*9)] = v
		}
		product := optest.One(t, Table(), optest.Case{Op: "MatMulInteger", Opset: 10, In: []*tensor.Tensor{flat, turned, zx, zw}})
		conv := optest.One(t, Table(), optest.Case{Op: "ConvInteger", Opset: 10, In: []*tensor.Tensor{x, w, zx, zw}})
		want, _ := product.Reshape(images, filters, 1, 1)
		optest.Same(t, "ConvInteger", conv, want, 0)
		scale, zero := optest.F32([]float32{0.01}), optest.Of(tensor.I8, []int8{3})
		quantised := optest.One(t, Table(), optest.Case{Op: "QLinearConv", Opset: 10, In: []*tensor.Tensor{x, scale, zx, w, scale, zw, scale, zero}})
		matmul := optest.One(t, Table(), optest.Case{Op: "QLinearMatMul", Opset: 10, In: []*tensor.Tensor{flat, scale, zx, turned, scale, zw, scale, zero}})
		for i, sum := range tensor.Of[int32](product) {
			v := int8(min(max(math.RoundToEven(float64(float32(sum)*(float32(0.01)*float32(0.01)/float32(0.01))))+3, -128), 127))
			if got := int8(matmul.Bytes()[i]); got != v || int8(quantised.Bytes()[i]) != v {
				t.Fatalf("element %d: %d and %d, wanted %d", i, got, int8(quantised.Bytes()[i]), v)
			}
		}
	}
}

// Padding of an integer convolution stands for the zero point.
func TestIntegerPaddingIsTheZeroPoint(t *testing.T) {
	x, w := optest.Of(tensor.U8, []uint8{7, 9}, 1, 1, 2), optest.Of(tensor.U8, []uint8{1, 1}, 1, 1, 2)
	got := optest.One(t, Table(), optest.Case{Op: "ConvInteger", Opset: 10, Attrs: map[string]any{"pads": []int{1, 1}}, In: []*tensor.Tensor{x, w, optest.Of(tensor.U8, []uint8{5})}})
	optest.Same(t, "ConvInteger", got, optest.Of(tensor.I32, []int32{2, 6, 4}, 1, 1, 3), 0)
}

func TestWrongQuantisationsAreRefused(t *testing.T) {
	x, one := tensor.New(tensor.F32, 2, 3), optest.F32([]float32{1})
	for what, c := range map[string]optest.Case{
		"4-bit integers":             {Op: "QuantizeLinear", Opset: 21, Attrs: map[string]any{"output_dtype": 22}, In: []*tensor.Tensor{x, one}},
		"8-bit floats":               {Op: "QuantizeLinear", Opset: 21, Attrs: map[string]any{"output_dtype": 17}, In: []*tensor.Tensor{x, one}},
		"scales of another length":   {Op: "QuantizeLinear", Opset: 13, In: []*tensor.Tensor{x, optest.F32([]float32{1, 2}, 2)}},
		"an axis before version 13":  {Op: "QuantizeLinear", Opset: 10, Attrs: map[string]any{"axis": 0}, In: []*tensor.Tensor{x, one}},
		"a zero point of other type": {Op: "DequantizeLinear", Opset: 13, In: []*tensor.Tensor{tensor.New(tensor.U8, 2), one, tensor.New(tensor.I8)}},
		"shapes that do not match":   {Op: "MatMulInteger", Opset: 10, In: []*tensor.Tensor{tensor.New(tensor.U8, 2, 3), tensor.New(tensor.U8, 2, 3)}},
	} {
		if out, err := optest.Run(t, Table(), c); err == nil {
			t.Errorf("%s: %v, wanted an error", what, out)
		}
	}
}
