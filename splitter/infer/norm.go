package infer

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// normRules are the operators that normalise and keep the shape of their first input.
func normRules() map[string]rule {
	return merge(
		onnxRules(inferSoftmax, "Softmax", "LogSoftmax", "Hardmax"),
		onnxRules(inferAlongAxis, "LpNormalization", "CumSum", "CumProd"),
		onnxRules(same, "MeanVarianceNormalization", "LRN"),
		onnxRules(inferChannels, "InstanceNormalization", "GroupNormalization"),
		onnxRules(inferBatchNorm, "BatchNormalization"),
		onnxRules(inferLayerNorm, "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"),
		onnxRules(inferDropout, "Dropout"),
	)
}

func inferSoftmax(c *call) error {
	def := int64(-1)
	if c.opset < 13 {
		def = 1
	}
	if r := c.input(0).Rank(); r >= 0 {
		a := c.node.Int("axis", def)
		if c.opset < 13 && a == int64(r) || r == 0 {
			return same(c) // everything lies before the axis
		}
		if _, err := axis(a, r); err != nil {
			return err
		}
	}
	return same(c)
}

func inferAlongAxis(c *call) error {
	if r := c.input(0).Rank(); r > 0 && c.node.Op == "LpNormalization" {
		if _, err := axis(c.node.Int("axis", -1), r); err != nil {
			return err
		}
	}
	if list, given, known := c.ints("", 1); given && known && len(list) == 1 && c.ranked(0) {
		if _, err := axis(list[0], c.input(0).Rank()); err != nil {
			return err
		}
	}
	return same(c)
}

// inferChannels checks the vectors beside an input whose dimension 1 counts the channels.
func inferChannels(c *call) error {
	if err := c.rank(0, 2, anyRank); err != nil {
		return err
	}
	if _, err := c.oneType(c.all(0)...); err != nil {
		return err
	}
	grouped := c.node.Op == "GroupNormalization" && c.opset < 21 // its vectors have one number for each group there
	return c.perChannel(1, 2, grouped)
}

// perChannel fails when one of the inputs from first to last is no vector of one number for each channel.
func (c *call) perChannel(first, last int, anySize bool) error {
	x := c.input(0)
	for i := first; i <= last; i++ {
		if err := c.rank(i, 1, 1); err != nil {
			return err
		}
		if v := c.input(i); !anySize && x.Rank() >= 2 && v.Rank() == 1 && !agree(v.Dims[0], x.Dims[1]) {
			return fmt.Errorf("its input %d is %s, wanted one number for each channel of %s", i, v, x)
		}
	}
	return same(c)
}

func inferBatchNorm(c *call) error {
	x := c.input(0)
	if err := c.rank(0, 1, anyRank); err != nil {
		return err
	}
	if c.opset < 14 {
		if _, err := c.oneType(c.all(0)...); err != nil {
			return err
		}
	}
	if err := c.perChannel(1, 4, x.Rank() == 1); err != nil {
		return err
	}
	for i := 1; i < len(c.out); i++ { // statistics of training
		c.like(i, c.input(3), c.input(3).DType)
	}
	return nil
}

func inferLayerNorm(c *call) error {
	if err := same(c); err != nil {
		return err
	}
	x := c.input(0)
	stash := c.typeAttr("stash_type")
	if stash == tensor.Invalid {
		stash = tensor.F32
	}
	if x.Rank() < 0 {
		for i := 1; i < len(c.out); i++ {
			c.dtype(i, stash)
		}
		return nil
	}
	at, err := axis(c.node.Int("axis", -1), x.Rank())
	if err != nil {
		return err
	}
	dims := append([]Dim{}, x.Dims[:at]...)
	for range x.Dims[at:] {
		dims = append(dims, Const(1))
	}
	for i := 1; i < len(c.out); i++ {
		c.set(i, stash, dims...)
	}
	return nil
}

func inferDropout(c *call) error {
	if err := same(c); err != nil {
		return err
	}
	c.out[0].Elems, c.out[0].Floats = c.input(0).Elems, c.input(0).Floats
	d := tensor.Bool
	if c.opset < 10 { // the mask had the input's type
		d = c.input(0).DType
	}
	c.like(1, c.input(0), d)
	return nil
}
