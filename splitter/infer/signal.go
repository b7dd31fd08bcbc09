package infer

import (
	"github.com/shardwise/shardwise/internal/tensor"
)

// signalRules are the operators of signal processing.
func signalRules() map[string]rule {
	return merge(
		onnxRules(inferDFT, "DFT"),
		onnxRules(inferSTFT, "STFT"),
		onnxRules(inferWindow, "HannWindow", "HammingWindow", "BlackmanWindow"),
		onnxRules(inferMel, "MelWeightMatrix"),
	)
}

// one is the only element of an input, unknown when it is not known.
func (c *call) one(i int) Dim {
	if e := c.input(i).Elems; len(e) == 1 {
		return e[0]
	}
	return Dim{}
}

// half is n // 2 + 1, the number of frequencies of a real signal.
func half(n Dim) Dim { return n.Div(Const(2)).Add(Const(1)) }

// inferDFT: the last dimension is 1 for real and 2 for complex numbers.
func inferDFT(c *call) error {
	x := c.input(0)
	c.like(0, x, x.DType)
	if x.Rank() < 2 {
		return nil
	}
	at := int64(1)
	known := true
	if a, ok := c.node.Attrs["axis"]; ok {
		at = a.Int
	} else if c.opset >= 20 {
		at = -2
		if c.has(2) {
			at, known = c.one(2).Fixed()
		}
	}
	dims := c.out[0].Dims
	last := x.Rank() - 1
	onesided, inverse := c.node.Int("onesided", 0) != 0, c.node.Int("inverse", 0) != 0
	dims[last] = Const(2)
	if onesided && inverse {
		dims[last] = Const(1)
	}
	if !known {
		for i := range dims[:last] {
			dims[i] = Dim{}
		}
		return nil
	}
	i, err := axis(at, x.Rank())
	if err != nil {
		return err
	}
	if c.has(1) {
		dims[i] = c.one(1)
	}
	switch {
	case onesided && !inverse:
		dims[i] = half(dims[i])
	case onesided && inverse && !c.has(1):
		dims[i] = Dim{}
	}
	return nil
}

func inferSTFT(c *call) error {
	x := c.input(0)
	if x.Rank() < 2 {
		c.dtype(0, x.DType)
		return nil
	}
	length := c.one(3)
	if w := c.input(2); !c.has(3) && w.Rank() == 1 {
		length = w.Dims[0]
	}
	frames := Dim{}
	if step, ok := c.one(1).Fixed(); ok && step > 0 {
		frames = x.Dims[1].Sub(length).Div(Const(step)).Add(Const(1))
	}
	bins := length
	if c.node.Int("onesided", 1) != 0 {
		bins = half(length)
	}
	c.set(0, x.DType, x.Dims[0], frames, bins, Const(2))
	return nil
}

func (c *call) outputType() tensor.DType {
	if _, given := c.node.Attrs["output_datatype"]; given {
		return c.typeAttr("output_datatype")
	}
	return tensor.F32
}

func inferWindow(c *call) error {
	c.set(0, c.outputType(), c.one(0))
	return nil
}

func inferMel(c *call) error {
	c.set(0, c.outputType(), half(c.one(1)), c.one(0))
	return nil
}
