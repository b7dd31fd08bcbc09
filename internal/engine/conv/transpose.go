package conv

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// transposeNode is ConvTranspose (ai.onnx 1 to today), the adjoint of Conv with the same weights: each input element adds
// its product with the window to the output,
//
//	Y[n, m, i·stride + k·dilation - pad] += X[n, c, i] · W[c, m, k]
//
// and B[m] comes on top. The output has stride·(in-1) + output_padding + span - pads elements, unless output_shape gives
// it; then, as with SAME padding (in·stride elements), the pads follow from it, and the odd one stands behind for
// SAME_UPPER and in front otherwise.
type transposeNode struct {
	k             *kernels
	attrs         window.Attrs
	group         int
	extra, extent []int64 // output_padding and output_shape
}

func (k *kernels) convTranspose(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("auto_pad", "dilations", "group", "kernel_shape", "output_padding", "output_shape", "pads", "strides"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 3, 1); err != nil {
		return nil, err
	}
	attrs, err := window.Read(s)
	if err != nil {
		return nil, err
	}
	n := &transposeNode{k: k, attrs: attrs, group: int(s.Node.Int("group", 1)), extra: s.Node.Attrs["output_padding"].Ints,
		extent: s.Node.Attrs["output_shape"].Ints}
	for _, v := range append(append([]int64{}, n.extra...), n.extent...) {
		if v < 0 || v > 1<<30 {
			return nil, s.Refuse("output_padding %v and output_shape %v are not negative and at most %d", n.extra, n.extent, 1<<30)
		}
	}
	if n.group < 1 {
		return nil, s.Refuse("group %d is not positive", n.group)
	}
	return n, nil
}

// geometry is the one of the Conv whose adjoint this is: In is the result's extent, Out the input's.
func (n *transposeNode) geometry(spatial, kernel []int) (*window.Geometry, error) {
	g, err := n.attrs.Arrange(spatial, kernel)
	if err != nil {
		return nil, err
	}
	d := len(spatial)
	extent := n.extent
	if len(extent) == d+2 {
		extent = extent[2:]
	}
	if n.extra != nil && len(n.extra) != d || extent != nil && len(extent) != d {
		return nil, fmt.Errorf("output_padding %v and output_shape %v do not suit %d spatial dimensions", n.extra, n.extent, d)
	}
	for i := range d {
		x := &g.Axes[3-d+i]
		full := x.Stride*(x.In-1) + x.Span()
		if n.extra != nil {
			full += int(n.extra[i])
		}
		same := n.attrs.AutoPad == "SAME_UPPER" || n.attrs.AutoPad == "SAME_LOWER"
		out := full - x.Begin - x.End
		switch {
		case extent != nil:
			out = int(extent[i])
		case same:
			out = x.In * x.Stride
		}
		if extent != nil || same {
			x.Begin, x.End = window.Halves(max(full-out, 0), n.attrs.AutoPad == "SAME_UPPER")
		}
		if out < 1 {
			return nil, fmt.Errorf("spatial dimension %d of the output would have %d elements", i, out)
		}
		x.In, x.Out = out, x.In
	}
	return &g, g.Bounded()
}

// Run implements engine.Kernel.
func (n *transposeNode) Run(c *engine.Call) error {
	x, w := c.In[0], c.In[1]
	if err := image(x); err != nil {
		return err
	}
	if w.DType() != x.DType() || w.Rank() != x.Rank() || w.Dim(0) != x.Dim(1) || x.Dim(1)%n.group != 0 {
		return fmt.Errorf("weights are %v, wanted %s[C, M/group, kernel...] for the input %v and group %d", w, x.DType(), x, n.group)
	}
	filters := w.Dim(1) * n.group
	if c.Has(2) && (c.In[2].DType() != x.DType() || !c.In[2].Shape().Equal(tensor.Shape{filters})) {
		return fmt.Errorf("bias is %v, wanted %s[%d]", c.In[2], x.DType(), filters)
	}
	g, err := n.geometry(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return err
	}
	shape := tensor.Shape{x.Dim(0), filters}
	for _, a := range g.Axes[3-g.Spatial:] {
		shape = append(shape, a.In)
	}
	c.Out[0] = c.New(x.DType(), shape...)
	if x.DType() == tensor.F32 {
		runTranspose(n, n.k.f32, c, g, tensor.Of[float32])
	} else {
		runTranspose(n, n.k.f64, c, g, tensor.Of[float64])
	}
	return nil
}

func runTranspose[T kernel.Float](n *transposeNode, d kernel.Dense[T], c *engine.Call, g *window.Geometry, of func(*tensor.Tensor) []T) {
	x, w, out := of(c.In[0]), of(c.In[1]), of(c.Out[0])
	dtype := c.In[0].DType()
	channels, filters := c.In[0].Dim(1)/n.group, c.In[1].Dim(1)
	rows, places := filters*g.Kernel(), g.Out()
	clear(out)
	if len(out) == 0 || rows == 0 {
		return
	}
	// Output channels are cut into blocks, places are not: the order of an element's products is that of the window.
	block := min(filters, max(patchElements*4/max(g.Kernel()*places, 1), 1))
	weights := of(c.New(dtype, rows*channels))
	products := of(c.New(dtype, block*g.Kernel()*places))
	for group := range n.group {
		for r := range rows {
			for ch := range channels {
				weights[r*channels+ch] = w[(group*channels+ch)*rows+r]
			}
		}
		for image := range c.In[0].Dim(0) {
			i := image*n.group + group
			from := x[i*channels*places : (i+1)*channels*places]
			for m := 0; m < filters; m += block {
				count := min(block, filters-m)
				part := products[:count*g.Kernel()*places]
				d.Mul(part, weights[m*g.Kernel()*channels:(m+count)*g.Kernel()*channels], from, count*g.Kernel(), places, channels)
				window.Scatter(g, out[(i*filters+m)*g.In():(i*filters+m+count)*g.In()], part, count)
			}
		}
	}
	if c.Has(2) {
		addBias(out, of(c.In[2]), g.In())
	}
}
