package conv

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// deformNode is DeformConv (ai.onnx 19 to today) on images [N, C, H, W]: Conv whose window's elements are read at their
// positions plus offset [N, offset_group · kernel · 2, out...] (y before x), interpolated from four neighbours with zeros
// outside, and multiplied by mask [N, offset_group · kernel, out...] when it is given.
type deformNode struct {
	k              *kernels
	attrs          window.Attrs
	group, offsets int
}

func (k *kernels) deformConv(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("dilations", "group", "kernel_shape", "offset_group", "pads", "strides"); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 5, 1); err != nil {
		return nil, err
	}
	attrs, err := window.Read(s)
	if err != nil {
		return nil, err
	}
	n := &deformNode{k: k, attrs: attrs, group: int(s.Node.Int("group", 1)), offsets: int(s.Node.Int("offset_group", 1))}
	if n.group < 1 || n.offsets < 1 {
		return nil, s.Refuse("group %d and offset_group %d are positive", n.group, n.offsets)
	}
	return n, nil
}

// Run implements engine.Kernel.
func (n *deformNode) Run(c *engine.Call) error {
	x, w, offset := c.In[0], c.In[1], c.In[2]
	if x.Rank() != 4 || w.Rank() != 4 || w.DType() != x.DType() || w.Dim(1)*n.group != x.Dim(1) || w.Dim(0)%n.group != 0 || x.Dim(1)%n.offsets != 0 {
		return fmt.Errorf("wanted an input [N, C, H, W] and weights [M, C/group, kH, kW] of its type, found %v and %v (group %d, offset_group %d)", x, w, n.group, n.offsets)
	}
	g, err := n.attrs.Resolve(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return err
	}
	h, wide := g.Axes[1].Out, g.Axes[2].Out
	if offset.DType() != x.DType() || !offset.Shape().Equal(tensor.Shape{x.Dim(0), n.offsets * g.Kernel() * 2, h, wide}) {
		return fmt.Errorf("offset is %v, wanted %s[%d, %d, %d, %d]", offset, x.DType(), x.Dim(0), n.offsets*g.Kernel()*2, h, wide)
	}
	if c.Has(3) && (c.In[3].DType() != x.DType() || !c.In[3].Shape().Equal(tensor.Shape{w.Dim(0)})) {
		return fmt.Errorf("bias is %v, wanted %s[%d]", c.In[3], x.DType(), w.Dim(0))
	}
	if c.Has(4) && (c.In[4].DType() != x.DType() || !c.In[4].Shape().Equal(tensor.Shape{x.Dim(0), n.offsets * g.Kernel(), h, wide})) {
		return fmt.Errorf("mask is %v, wanted %s[%d, %d, %d, %d]", c.In[4], x.DType(), x.Dim(0), n.offsets*g.Kernel(), h, wide)
	}
	c.Out[0] = c.New(x.DType(), x.Dim(0), w.Dim(0), h, wide)
	return onFloats(c, func() { runDeform(n, n.k.f32, c, &g, tensor.Of[float32]) }, func() { runDeform(n, n.k.f64, c, &g, tensor.Of[float64]) })
}

func runDeform[T kernel.Float](n *deformNode, d kernel.Dense[T], c *engine.Call, g *window.Geometry, of func(*tensor.Tensor) []T) {
	x, w, out := of(c.In[0]), of(c.In[1]), of(c.Out[0])
	ch, filters := c.In[1].Dim(1), c.In[1].Dim(0)/n.group
	kernel, places := g.Kernel(), g.Out()
	if len(out) == 0 {
		return
	}
	cols := of(c.New(c.In[0].DType(), ch*kernel*places))
	for i := range c.In[0].Dim(0) {
		for group := range n.group {
			for k := range ch {
				channel := group*ch + k
				plane := x[(i*n.group*ch+channel)*g.In() : (i*n.group*ch+channel+1)*g.In()]
				at := i*n.offsets + channel/(n.group*ch/n.offsets)
				offset := of(c.In[2])[at*kernel*2*places : (at+1)*kernel*2*places]
				var mask []T
				if c.Has(4) {
					mask = of(c.In[4])[at*kernel*places : (at+1)*kernel*places]
				}
				deformed(g, cols[k*kernel*places:(k+1)*kernel*places], plane, offset, mask)
			}
			at := i*n.group + group
			d.Mul(out[at*filters*places:(at+1)*filters*places], w[group*filters*ch*kernel:(group+1)*filters*ch*kernel], cols, filters, places, ch*kernel)
		}
	}
	if c.Has(3) {
		addBias(out, of(c.In[3]), places)
	}
}

// deformed lays out the patches of one channel.
func deformed[T kernel.Float](g *window.Geometry, cols, plane, offset, mask []T) {
	y, x, places := g.Axes[1], g.Axes[2], g.Out()
	for tap := range g.Kernel() {
		for p := range places {
			py := float64(p/x.Out*y.Stride-y.Begin+tap/x.Kernel*y.Dilation) + float64(offset[2*tap*places+p])
			px := float64(p%x.Out*x.Stride-x.Begin+tap%x.Kernel*x.Dilation) + float64(offset[(2*tap+1)*places+p])
			v := bilinear(plane, y.In, x.In, py, px)
			if mask != nil {
				v *= float64(mask[tap*places+p])
			}
			cols[tap*places+p] = T(v)
		}
	}
}

// bilinear reads a plane between its elements, with zeros outside; NaN at a position that is NaN.
func bilinear[T kernel.Float](plane []T, h, w int, y, x float64) float64 {
	if y != y || x != x {
		return math.NaN()
	}
	if y <= -1 || x <= -1 || y >= float64(h) || x >= float64(w) {
		return 0
	}
	y0, x0 := math.Floor(y), math.Floor(x)
	fy, fx := y-y0, x-x0
	at := func(i, j int, weight float64) float64 {
		if i < 0 || j < 0 || i >= h || j >= w {
			return 0
		}
		return weight * float64(plane[i*w+j])
	}
	i, j := int(y0), int(x0)
	return at(i, j, (1-fy)*(1-fx)) + at(i, j+1, (1-fy)*fx) + at(i+1, j, fy*(1-fx)) + at(i+1, j+1, fy*fx)
}
