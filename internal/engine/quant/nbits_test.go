package quant

import (
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// floatsOf and bytesOf are the numbers that the wanted values were computed of.
func floatsOf(n int, f func(i int) float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

func bytesOf(n, step, first int) *tensor.Tensor {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i*step + first)
	}
	return optest.Of(tensor.U8, out, n)
}

// nbits is a case of two rows of K numbers.
func nbits(k, n, block, bits int, zeros string, bias bool, order []int32) optest.Case {
	blocks := (k + block - 1) / block
	in := []*tensor.Tensor{optest.F32(floatsOf(2*k, func(i int) float32 { return float32(i*7%11-5) / 4 }), 2, k),
		bytesOf(n*blocks*block*bits/8, 37, 11), optest.F32(floatsOf(n*blocks, func(i int) float32 { return float32(i%5+1) / 16 }), n*blocks), nil, nil, nil}
	switch zeros {
	case "packed":
		in[3] = bytesOf(n*((blocks*bits+7)/8), 53, 5)
	case "floats":
		in[3] = optest.F32(floatsOf(n*blocks, func(i int) float32 { return float32(i%7) + 0.5 }), n*blocks)
	}
	if order != nil {
		in[4] = optest.Of(tensor.I32, order, len(order))
	}
	if bias {
		in[5] = optest.F32([]float32{1, 2, 3}[:n], n)
	}
	return optest.Case{Domain: Microsoft, Op: "MatMulNBits", Opset: 1, Attrs: optest.Attrs("K", k, "N", n, "block_size", block, "bits", bits), In: in}
}

// The wanted values are ONNX Runtime 1.23.2's, but for the last, since it takes packed zero points for 8 when blocks are in another
// order.
func TestProductsWithFewBitsEqualONNXRuntime(t *testing.T) {
	order := make([]int32, 32)
	for i := range order {
		order[i] = int32((i/16 + 1) % 2)
	}
	for _, c := range []struct {
		name string
		optest.Case
		want []float32
	}{
		{"no zero points", nbits(40, 3, 16, 4, "", false, nil), []float32{-0.25, -9.71875, 0.5625, 0.65625, 11.546875, -3.140625}},
		{"packed zero points and a bias", nbits(40, 3, 16, 4, "packed", true, nil), []float32{0.703125, -8.09375, 3.15625, 2.359375, 16.890625, 0.5}},
		{"float zero points", nbits(40, 3, 16, 4, "floats", false, nil), []float32{0.125, -9.398438, 1.015625, -0.328125, 10.28125, -3.632812}},
		{"8 bits", nbits(32, 2, 32, 8, "packed", false, nil), []float32{5.671875, -17.3125, -9.625, -21.28125}},
		{"8 bits, no zero points", nbits(48, 3, 16, 8, "", true, nil), []float32{-12.609375, -67.515625, 39.34375, -23.015625, -42.515625, 19.03125}},
		{"blocks in another order", nbits(32, 2, 16, 4, "", false, order), []float32{-1.25, 5.1875, -1.75, -4.96875}},
		{"and float zero points", nbits(32, 2, 16, 4, "floats", false, order), []float32{-1.046875, 5.46875, -2.1875, -5.765625}},
		{"and packed ones", nbits(32, 2, 16, 4, "packed", false, order), []float32{-1, 5.5, -2.09375, -5.09375}},
	} {
		optest.Same(t, c.name, optest.One(t, Table(), c.Case), optest.F32(c.want, 2, len(c.want)/2), 1e-6)
	}
}

// Rows of a matrix that is longer than a chunk are those of the matrix cut into single rows.
func TestProductsWithFewBitsAreOfEachRow(t *testing.T) {
	const k, n = 32, 2*chunk + 3
	c := nbits(k, n, 32, 4, "", false, nil)
	whole := tensor.Of[float32](optest.One(t, Table(), c))
	for _, row := range []int{0, chunk - 1, chunk, n - 1} {
		one := nbits(k, 1, 32, 4, "", false, nil)
		one.In[1] = optest.Of(tensor.U8, c.In[1].Bytes()[row*16:(row+1)*16], 16)
		one.In[2] = optest.F32(tensor.Of[float32](c.In[2])[row:row+1], 1)
		got := tensor.Of[float32](optest.One(t, Table(), one))
		if got[0] != whole[row] || got[1] != whole[n+row] {
			t.Errorf("row %d: %v, in the whole %v and %v", row, got, whole[row], whole[n+row])
		}
	}
}

func TestWrongFewBitsAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *optest.Case)
		want   string
	}{
		"block":   {func(c *optest.Case) { c.Attrs["block_size"] = 24 }, "block_size 24"},
		"bits":    {func(c *optest.Case) { c.Attrs["bits"] = 3 }, "bits 3"},
		"input":   {func(c *optest.Case) { c.Attrs["K"] = 39 }, "rows of 39"},
		"matrix":  {func(c *optest.Case) { c.Attrs["N"] = 4 }, "input 1"},
		"order":   {func(c *optest.Case) { c.In[4] = optest.Of(tensor.I32, make([]int32, 3), 3) }, "input 4"},
		"a block": {func(c *optest.Case) { o := make([]int32, 40); o[7] = 3; c.In[4] = optest.Of(tensor.I32, o, 40) }, "g_idx has 3"},
	} {
		k := nbits(40, 3, 16, 4, "", false, nil)
		c.change(&k)
		if _, err := optest.Run(t, Table(), k); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
