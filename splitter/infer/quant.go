package infer

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/tensor"
)

// quantRules are the operators between floats and integers with a scale.
func quantRules() map[string]rule {
	return merge(
		onnxRules(inferQuantize, "QuantizeLinear"),
		onnxRules(inferDequantize, "DequantizeLinear"),
		onnxRules(inferDynamicQuantize, "DynamicQuantizeLinear"),
		map[string]rule{key("com.microsoft", "MatMulNBits"): inferMatMulNBits},
	)
}

func inferQuantize(c *call) error {
	d := tensor.U8
	if _, given := c.node.Attrs["output_dtype"]; given && c.node.Int("output_dtype", 0) != 0 {
		d = c.typeAttr("output_dtype")
	} else if c.has(2) {
		d = c.input(2).DType
	}
	c.like(0, c.input(0), d)
	return nil
}

func inferDequantize(c *call) error {
	d := c.input(1).DType
	if c.opset < 19 {
		d = tensor.F32
	}
	if t := c.typeAttr("output_dtype"); t != tensor.Invalid {
		d = t
	}
	c.like(0, c.input(0), d)
	return nil
}

func inferDynamicQuantize(c *call) error {
	c.like(0, c.input(0), tensor.U8)
	c.set(1, tensor.F32)
	c.set(2, tensor.U8)
	return nil
}

// inferMatMulNBits: the last dimension, of K numbers, becomes N.
func inferMatMulNBits(c *call) error {
	x := c.input(0)
	if x.Rank() < 0 {
		c.dtype(0, x.DType)
		return nil
	}
	if k := c.node.Int("K", 0); x.Rank() == 0 || !agree(x.Dims[x.Rank()-1], Const(k)) {
		return fmt.Errorf("its input is %s, wanted rows of %d numbers", x, k)
	}
	dims := slices.Clone(x.Dims)
	dims[len(dims)-1] = Const(max(c.node.Int("N", 0), 0))
	c.set(0, x.DType, dims...)
	return nil
}
