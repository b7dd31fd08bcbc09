package infer

import (
	"fmt"
	"math"
)

// resizeRules are the operators that change an image's extent.
func resizeRules() map[string]rule {
	return merge(
		onnxRules(inferResize, "Resize", "Upsample"),
		onnxRules(inferGridSample, "GridSample"),
		onnxRules(inferAffineGrid, "AffineGrid"),
		onnxRules(inferDepthToSpace, "DepthToSpace"),
		onnxRules(inferSpaceToDepth, "SpaceToDepth"),
		onnxRules(inferPad, "Pad"),
		onnxRules(inferCenterCropPad, "CenterCropPad"),
	)
}

// inferResize takes sizes, or scales: of each dimension, or of those that axes names.
func inferResize(c *call) error {
	x := c.input(0)
	c.dtype(0, x.DType)
	if x.Rank() < 0 {
		return nil
	}
	scales, sizes := c.input(2).Floats, c.input(3).Elems
	switch {
	case c.node.Op == "Upsample" && c.opset < 9:
		for _, f := range c.node.Attrs["scales"].Floats {
			scales = append(scales, float64(f))
		}
	case c.node.Op == "Upsample" || c.opset < 11:
		scales = c.input(1).Floats
	}
	list := c.list("axes")
	if len(list) == 0 {
		for i := range x.Dims {
			list = append(list, int64(i))
		}
	}
	if _, err := axes(list, x.Rank()); err != nil {
		return err
	}
	c.like(0, x, x.DType)
	dims := c.out[0].Dims
	policy := c.node.Text("keep_aspect_ratio_policy", "stretch")
	for i, a := range list {
		at, _ := axis(a, x.Rank())
		switch {
		case len(sizes) == len(list) && policy == "stretch":
			dims[at] = sizes[i]
		case len(sizes) == 0 && len(scales) == len(list):
			dims[at] = scaled(x.Dims[at], scales[i])
		default:
			dims[at] = Dim{}
		}
	}
	if len(scales) > 0 && len(scales) != len(list) && len(sizes) == 0 {
		return fmt.Errorf("it has %d scales for %d dimensions of its input %s", len(scales), len(list), x)
	}
	return nil
}

// scaled is floor(d * by). Scales travel as float32, whose product with a size is taken in float32 by the runtimes.
func scaled(d Dim, by float64) Dim {
	if n, ok := d.Fixed(); ok {
		return Const(int64(math.Floor(float64(float32(n) * float32(by)))))
	}
	if by == math.Trunc(by) && math.Abs(by) < maxSize {
		return d.Mul(Const(int64(by)))
	}
	if inverse := 1 / by; inverse == math.Trunc(inverse) && math.Abs(inverse) < maxSize {
		return d.Div(Const(int64(inverse)))
	}
	return Dim{}
}

func inferGridSample(c *call) error {
	x, grid := c.input(0), c.input(1)
	if x.Rank() < 2 || grid.Rank() != x.Rank() {
		c.dtype(0, x.DType)
		return nil
	}
	c.set(0, x.DType, append([]Dim{x.Dims[0], x.Dims[1]}, grid.Dims[1:grid.Rank()-1]...)...)
	return nil
}

func inferAffineGrid(c *call) error {
	d, size := c.input(0).DType, c.input(1).Elems
	c.dtype(0, d)
	if len(size) == 4 || len(size) == 5 {
		dims := append([]Dim{size[0]}, size[2:]...)
		c.set(0, d, append(dims, Const(int64(len(size)-2)))...)
	}
	return nil
}

func (c *call) blockSize() (Value, Dim, error) {
	x, b := c.input(0), c.node.Int("blocksize", 0)
	if err := c.rank(0, 4, 4); err != nil {
		return x, Dim{}, err
	}
	if b < 1 || b > 1<<20 {
		return x, Dim{}, fmt.Errorf("blocksize is %d", b)
	}
	return x, Const(b), nil
}

func inferDepthToSpace(c *call) error {
	x, b, err := c.blockSize()
	if err != nil || x.Rank() < 0 {
		c.dtype(0, x.DType)
		return err
	}
	c.set(0, x.DType, x.Dims[0], x.Dims[1].Div(b.Mul(b)), x.Dims[2].Mul(b), x.Dims[3].Mul(b))
	return nil
}

func inferSpaceToDepth(c *call) error {
	x, b, err := c.blockSize()
	if err != nil || x.Rank() < 0 {
		c.dtype(0, x.DType)
		return err
	}
	c.set(0, x.DType, x.Dims[0], x.Dims[1].Mul(b.Mul(b)), x.Dims[2].Div(b), x.Dims[3].Div(b))
	return nil
}

func inferPad(c *call) error {
	x := c.input(0)
	c.dtype(0, x.DType)
	if x.Rank() < 0 {
		return nil
	}
	pads := c.input(1).Elems
	for _, name := range []string{"pads", "paddings"} {
		if a, ok := c.node.Attrs[name]; ok {
			pads = constants(a.Ints)
		}
	}
	list, given, known := c.ints("", 3)
	if !given {
		for i := range x.Dims {
			list = append(list, int64(i))
		}
	}
	c.like(0, x, x.DType)
	dims := c.out[0].Dims
	if !known || pads == nil {
		for i := range dims {
			dims[i] = Dim{}
		}
		return nil
	}
	if len(pads) != 2*len(list) {
		return fmt.Errorf("it has %d paddings for %d dimensions of its input %s", len(pads), len(list), x)
	}
	for i, a := range list {
		at, err := axis(a, x.Rank())
		if err != nil {
			return err
		}
		dims[at] = dims[at].Add(pads[i]).Add(pads[i+len(list)])
	}
	return nil
}

func inferCenterCropPad(c *call) error {
	x, shape := c.input(0), c.input(1).Elems
	c.like(0, x, x.DType)
	if x.Rank() < 0 {
		return nil
	}
	list := c.list("axes")
	if len(list) == 0 {
		for i := range x.Dims {
			list = append(list, int64(i))
		}
	}
	for i, a := range list {
		at, err := axis(a, x.Rank())
		if err != nil {
			return err
		}
		c.out[0].Dims[at] = Dim{}
		if len(shape) == len(list) {
			c.out[0].Dims[at] = shape[i]
		}
	}
	return nil
}
