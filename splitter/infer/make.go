package infer

import (
	"math"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// makeRules are the operators that make values from attributes, shapes and bounds.
func makeRules() map[string]rule {
	return merge(
		onnxRules(inferConstant, "Constant"),
		onnxRules(inferConstantOfShape, "ConstantOfShape", "ConstantFill"),
		onnxRules(inferShape, "Shape"),
		onnxRules(inferSize, "Size"),
		onnxRules(inferRange, "Range"),
		onnxRules(inferTyped, "EyeLike", "RandomNormalLike", "RandomUniformLike", "Bernoulli"),
		onnxRules(inferRandom, "RandomNormal", "RandomUniform"),
		onnxRules(inferMultinomial, "Multinomial"),
	)
}

func inferConstant(c *call) error {
	for _, name := range []string{"value", "value_int", "value_ints", "value_float", "value_floats", "value_string", "value_strings"} {
		a, ok := c.node.Attrs[name]
		if !ok {
			continue
		}
		switch a.Kind {
		case graph.AttrTensor:
			if a.Tensor != nil {
				c.out[0] = OfWeight(a.Tensor)
			}
		case graph.AttrInt:
			c.out[0] = Value{DType: tensor.I64, Ranked: true, Elems: []Dim{Const(a.Int)}}
		case graph.AttrInts:
			c.out[0] = Value{DType: tensor.I64, Ranked: true, Dims: []Dim{Const(int64(len(a.Ints)))}, Elems: constants(a.Ints)}
		case graph.AttrFloat:
			f := []float64{float64(a.Float)}
			c.out[0] = Value{DType: tensor.F32, Ranked: true, Floats: f, Elems: wholes(f)}
		case graph.AttrFloats:
			var list []float64
			for _, f := range a.Floats {
				list = append(list, float64(f))
			}
			c.out[0] = Value{DType: tensor.F32, Ranked: true, Dims: []Dim{Const(int64(len(list)))}, Floats: list, Elems: wholes(list)}
		case graph.AttrString:
			c.set(0, tensor.String)
		case graph.AttrStrings:
			c.set(0, tensor.String, Const(int64(len(a.Strs))))
		}
	}
	return nil
}

func inferConstantOfShape(c *call) error {
	fill := Value{DType: tensor.F32, Elems: []Dim{Const(0)}, Floats: []float64{0}}
	if a, ok := c.node.Attrs["value"]; ok && a.Tensor != nil {
		fill = OfWeight(a.Tensor)
	}
	c.dtype(0, fill.DType)
	shape := c.input(0)
	if shape.Elems == nil {
		if shape.Rank() == 1 {
			if n, ok := shape.Dims[0].Fixed(); ok && n >= 0 && n <= maxElems {
				c.set(0, fill.DType, make([]Dim, n)...)
			}
		}
		return nil
	}
	c.set(0, fill.DType, shape.Elems...)
	if n, ok := dimCount(shape.Elems); ok {
		for range n {
			if len(fill.Elems) == 1 {
				c.out[0].Elems = append(c.out[0].Elems, fill.Elems[0])
			}
			if len(fill.Floats) == 1 {
				c.out[0].Floats = append(c.out[0].Floats, fill.Floats[0])
			}
		}
	}
	return nil
}

func inferShape(c *call) error {
	x := c.input(0)
	if x.Rank() < 0 {
		c.set(0, tensor.I64, Dim{})
		return nil
	}
	rank := int64(x.Rank())
	clamp := func(v int64) int64 {
		if v < 0 {
			v += rank
		}
		return max(0, min(v, rank))
	}
	lo, hi := clamp(c.node.Int("start", 0)), clamp(c.node.Int("end", rank))
	dims := x.Dims[lo:max(lo, hi)]
	c.set(0, tensor.I64, Const(int64(len(dims))))
	c.out[0].Elems = append([]Dim{}, dims...)
	return nil
}

func inferSize(c *call) error {
	c.set(0, tensor.I64)
	if x := c.input(0); x.Rank() >= 0 {
		c.out[0].Elems = []Dim{Product(x.Dims)}
	}
	return nil
}

func inferRange(c *call) error {
	d, err := c.oneType(0, 1, 2)
	if err != nil {
		return err
	}
	c.set(0, d, Dim{})
	start, limit, delta := c.input(0), c.input(1), c.input(2)
	if len(start.Floats) == 1 && len(limit.Floats) == 1 && len(delta.Floats) == 1 && delta.Floats[0] != 0 {
		if n := math.Ceil((limit.Floats[0] - start.Floats[0]) / delta.Floats[0]); n < maxSize {
			c.out[0].Dims[0] = Const(int64(math.Max(n, 0)))
		}
		return nil
	}
	if len(start.Elems) != 1 || len(limit.Elems) != 1 || len(delta.Elems) != 1 {
		return nil
	}
	span, step := limit.Elems[0].Sub(start.Elems[0]), delta.Elems[0]
	by, ok := step.Fixed()
	switch {
	case !span.Known() || !ok || by == 0:
		return nil
	case by < 0:
		span, step = span.Mul(Const(-1)), Const(-by)
	}
	n := Max(span, Const(0)).Ceil(step)
	c.out[0].Dims[0] = n
	if count, ok := n.Fixed(); ok && count <= maxElems {
		c.out[0].Elems = []Dim{}
		for i := range count {
			c.out[0].Elems = append(c.out[0].Elems, start.Elems[0].Add(delta.Elems[0].Mul(Const(i))))
		}
	}
	return nil
}

// inferTyped keeps the input's shape and takes the dtype of the attribute, else the input's.
func inferTyped(c *call) error {
	d := c.typeAttr("dtype")
	if _, given := c.node.Attrs["dtype"]; !given {
		d = c.input(0).DType
	}
	c.like(0, c.input(0), d)
	return nil
}

func inferRandom(c *call) error {
	d := c.typeAttr("dtype")
	if _, given := c.node.Attrs["dtype"]; !given {
		d = tensor.F32
	}
	c.set(0, d, constants(c.list("shape"))...)
	return nil
}

func inferMultinomial(c *call) error {
	d := c.typeAttr("dtype")
	if _, given := c.node.Attrs["dtype"]; !given {
		d = tensor.I32
	}
	c.dtype(0, d)
	if x := c.input(0); x.Rank() == 2 {
		c.set(0, d, x.Dims[0], Const(c.node.Int("sample_size", 1)))
	}
	return nil
}
