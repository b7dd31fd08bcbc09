package infer

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// convRules are the convolutions and poolings: [batch, channels, spatial...].
func convRules() map[string]rule {
	return merge(
		onnxRules(inferConv, "Conv", "ConvInteger", "QLinearConv"),
		onnxRules(inferDeformConv, "DeformConv"),
		onnxRules(inferConvTranspose, "ConvTranspose"),
		onnxRules(inferPool, "MaxPool", "AveragePool", "LpPool"),
		onnxRules(inferGlobalPool, "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"),
		onnxRules(inferMaxUnpool, "MaxUnpool"),
		onnxRules(inferRoi, "MaxRoiPool", "RoiAlign"),
		onnxRules(inferCol2Im, "Col2Im"),
	)
}

// window are the attributes that convolutions and poolings share, one entry for each spatial dimension; pads has two.
type window struct {
	strides, dilations, pads []int64
	auto                     string
}

func (c *call) window(spatial int) (window, error) {
	w := window{strides: c.list("strides"), dilations: c.list("dilations"), pads: c.list("pads"), auto: c.node.Text("auto_pad", "NOTSET")}
	fill := func(name string, list *[]int64, n int, def, least int64) error {
		if len(*list) == 0 {
			for range n {
				*list = append(*list, def)
			}
		}
		if len(*list) != n {
			return fmt.Errorf("%s %v do not fit %d spatial dimensions", name, *list, spatial)
		}
		for _, v := range *list {
			if v < least || v > maxSize {
				return fmt.Errorf("%s %v are no legal numbers", name, *list)
			}
		}
		return nil
	}
	if err := fill("strides", &w.strides, spatial, 1, 1); err != nil {
		return w, err
	}
	if err := fill("dilations", &w.dilations, spatial, 1, 1); err != nil {
		return w, err
	}
	return w, fill("pads", &w.pads, 2*spatial, 0, -maxSize)
}

// slide is the number of places of a window of size k along spatial dimension i of size n.
func (w *window) slide(n, k Dim, i int, ceil bool) Dim {
	stride := Const(w.strides[i])
	reach := k.Sub(Const(1)).Mul(Const(w.dilations[i])).Add(Const(1))
	switch w.auto {
	case "SAME_UPPER", "SAME_LOWER":
		return n.Ceil(stride)
	case "VALID":
		return n.Sub(reach).Div(stride).Add(Const(1))
	}
	begin, end := w.pads[i], w.pads[i+len(w.strides)]
	room := n.Add(Const(begin + end)).Sub(reach)
	if !ceil {
		return room.Div(stride).Add(Const(1))
	}
	places := room.Ceil(stride).Add(Const(1))
	// A window that would begin behind the input and its padding in front does not count.
	if p, ok := places.Fixed(); ok {
		if size, ok := n.Fixed(); ok && (p-1)*w.strides[i] >= size+begin {
			return Const(p - 1)
		}
		return places
	}
	return Dim{}
}

func inferConv(c *call) error {
	weight, d := 1, c.input(0).DType
	switch c.node.Op {
	case "Conv":
		if _, err := c.oneType(0, 1, 2); err != nil {
			return err
		}
	case "ConvInteger":
		d = tensor.I32
	case "QLinearConv":
		weight, d = 3, c.input(7).DType
	}
	return c.conv(weight, d)
}

func inferDeformConv(c *call) error { return c.conv(1, c.input(0).DType) }

func (c *call) conv(weight int, d tensor.DType) error {
	x, w := c.input(0), c.input(weight)
	if x.Rank() < 0 || w.Rank() < 0 {
		c.dtype(0, d)
		return nil
	}
	if x.Rank() < 3 || x.Rank() != w.Rank() {
		return fmt.Errorf("its input is %s and its weight %s, wanted equal ranks of 3 or more", x, w)
	}
	spatial := x.Rank() - 2
	win, err := c.window(spatial)
	if err != nil {
		return err
	}
	group := c.node.Int("group", 1)
	if group < 1 || !agree(x.Dims[1], w.Dims[1].Mul(Const(group))) {
		return fmt.Errorf("its input %s does not have the channels of its weight %s in %d groups", x, w, group)
	}
	dims := []Dim{x.Dims[0], w.Dims[0]}
	for i := range spatial {
		n := win.slide(x.Dims[i+2], w.Dims[i+2], i, false)
		if size, ok := n.Fixed(); ok && size < 0 {
			return fmt.Errorf("its window of %s is larger than its input %s", text(w.Dims[2:]), x)
		}
		dims = append(dims, n)
	}
	c.set(0, d, dims...)
	return nil
}

func inferConvTranspose(c *call) error {
	d, err := c.oneType(0, 1, 2)
	if err != nil {
		return err
	}
	x, w := c.input(0), c.input(1)
	if x.Rank() < 0 || w.Rank() < 0 {
		c.dtype(0, d)
		return nil
	}
	if x.Rank() < 3 || x.Rank() != w.Rank() || !agree(x.Dims[1], w.Dims[0]) {
		return fmt.Errorf("its input is %s and its weight %s, wanted equal ranks of 3 or more and equal channels", x, w)
	}
	spatial := x.Rank() - 2
	win, err := c.window(spatial)
	if err != nil {
		return err
	}
	shape, extra := c.list("output_shape"), c.list("output_padding")
	dims := []Dim{x.Dims[0], w.Dims[1].Mul(Const(c.node.Int("group", 1)))}
	for i := range spatial {
		stride := Const(win.strides[i])
		switch {
		case len(shape) > 0 && len(shape) != spatial:
			return fmt.Errorf("output_shape %v does not fit %d spatial dimensions", shape, spatial)
		case len(shape) > 0:
			dims = append(dims, Const(shape[i]))
			continue
		case win.auto == "SAME_UPPER" || win.auto == "SAME_LOWER":
			dims = append(dims, x.Dims[i+2].Mul(stride))
			continue
		}
		n := x.Dims[i+2].Sub(Const(1)).Mul(stride).Add(w.Dims[i+2].Sub(Const(1)).Mul(Const(win.dilations[i]))).Add(Const(1))
		if i < len(extra) {
			n = n.Add(Const(extra[i]))
		}
		if win.auto != "VALID" {
			n = n.Sub(Const(win.pads[i] + win.pads[i+spatial]))
		}
		dims = append(dims, n)
	}
	c.set(0, d, dims...)
	return nil
}

func inferPool(c *call) error {
	x := c.input(0)
	indices := func() tensor.DType { return tensor.I64 }
	if x.Rank() < 0 {
		c.dtype(0, x.DType)
		c.dtype(1, indices())
		return nil
	}
	if x.Rank() < 3 {
		return fmt.Errorf("its input is %s, wanted at least 3 dimensions", x)
	}
	kernel := c.list("kernel_shape")
	spatial := x.Rank() - 2
	if len(kernel) != spatial {
		return fmt.Errorf("kernel_shape %v does not fit its input %s", kernel, x)
	}
	win, err := c.window(spatial)
	if err != nil {
		return err
	}
	dims := append([]Dim{}, x.Dims[:2]...)
	for i, k := range kernel {
		dims = append(dims, win.slide(x.Dims[i+2], Const(k), i, c.node.Int("ceil_mode", 0) != 0))
	}
	c.set(0, x.DType, dims...)
	c.set(1, indices(), dims...)
	return nil
}

func inferGlobalPool(c *call) error {
	x := c.input(0)
	if err := c.rank(0, 2, anyRank); err != nil || x.Rank() < 0 {
		c.dtype(0, x.DType)
		return err
	}
	dims := append([]Dim{}, x.Dims[:2]...)
	for range x.Dims[2:] {
		dims = append(dims, Const(1))
	}
	c.set(0, x.DType, dims...)
	return nil
}

func inferMaxUnpool(c *call) error {
	x := c.input(0)
	c.dtype(0, x.DType)
	if c.has(2) {
		if shape := c.input(2).Elems; shape != nil {
			c.set(0, x.DType, shape...)
		}
		return nil
	}
	kernel := c.list("kernel_shape")
	if x.Rank() < 3 || len(kernel) != x.Rank()-2 {
		return nil
	}
	win, err := c.window(len(kernel))
	if err != nil {
		return err
	}
	dims := append([]Dim{}, x.Dims[:2]...)
	for i, k := range kernel {
		pad := win.pads[i] + win.pads[i+len(kernel)]
		dims = append(dims, x.Dims[i+2].Sub(Const(1)).Mul(Const(win.strides[i])).Add(Const(k-pad)))
	}
	c.set(0, x.DType, dims...)
	return nil
}

func inferRoi(c *call) error {
	x, rois := c.input(0), c.input(1)
	shape := c.list("pooled_shape")
	if c.node.Op == "RoiAlign" {
		shape = []int64{c.node.Int("output_height", 1), c.node.Int("output_width", 1)}
	}
	if x.Rank() != 4 || rois.Rank() != 2 || len(shape) != 2 {
		c.dtype(0, x.DType)
		return nil
	}
	c.set(0, x.DType, rois.Dims[0], x.Dims[1], Const(shape[0]), Const(shape[1]))
	return nil
}

func inferCol2Im(c *call) error {
	x, image, block := c.input(0), c.input(1).Elems, c.input(2).Elems
	if x.Rank() != 3 || image == nil || block == nil {
		c.dtype(0, x.DType)
		return nil
	}
	c.set(0, x.DType, append([]Dim{x.Dims[0], x.Dims[1].Div(Product(block))}, image...)...)
	return nil
}
