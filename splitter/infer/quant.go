package infer

import "github.com/shardwise/shardwise/internal/tensor"

// quantRules are the operators between floats and integers with a scale.
func quantRules() map[string]rule {
	return merge(
		onnxRules(inferQuantize, "QuantizeLinear"),
		onnxRules(inferDequantize, "DequantizeLinear"),
		onnxRules(inferDynamicQuantize, "DynamicQuantizeLinear"),
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
