package quant

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// convNode is ConvInteger and QLinearConv.
type convNode struct {
	k     *kernels
	attrs window.Attrs
	memo  window.Memo
	group int
}

func (p *kernels) readConv(s *engine.Site, minIn, maxIn int) (*convNode, error) {
	if err := s.Only("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"); err != nil {
		return nil, err
	}
	if err := s.Arity(minIn, maxIn, 1); err != nil {
		return nil, err
	}
	attrs, err := window.Read(s)
	if err != nil {
		return nil, err
	}
	n := &convNode{k: p, attrs: attrs, group: int(s.Node.Int("group", 1))}
	if n.group < 1 {
		return nil, s.Refuse("group %d is not positive", n.group)
	}
	return n, nil
}

// convInteger is ConvInteger (ai.onnx 10 to today): Conv of x - x_zero_point with w - w_zero_point, U8 or I8, as I32.
// Padding counts as the zero point. The weights' zero point is one, or one for each output channel.
func (p *kernels) convInteger(s *engine.Site) (engine.Kernel, error) {
	n, err := p.readConv(s, 2, 4)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		g, err := n.geometry(c.In[0], c.In[1])
		if err != nil {
			return err
		}
		var few [5]int
		c.Out[0] = c.New(tensor.I32, g.Shape(few[:0], c.In[0].Dim(0), c.In[1].Dim(0))...)
		dst := tensor.Of[int32](c.Out[0])
		return n.run(c, g, [4]int{0, 1, 2, 3}, func(channel, from int, sums []int32) {
			copy(dst[channel*g.Out()+from:], sums)
		})
	}), nil
}

// qlinearConv is QLinearConv (ai.onnx 10 to today): the sums of ConvInteger plus the bias B, times x_scale · w_scale /
// y_scale, rounded to nearest even, plus y_zero_point, saturated in its dtype. The weights' scale is one, or one for each
// output channel.
func (p *kernels) qlinearConv(s *engine.Site) (engine.Kernel, error) {
	n, err := p.readConv(s, 8, 9)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		g, err := n.geometry(c.In[0], c.In[3])
		if err != nil {
			return err
		}
		filters := c.In[3].Dim(0)
		xs, err := scales(c.In[1], 1)
		if err != nil {
			return err
		}
		ws, err := scales(c.In[4], filters)
		if err != nil {
			return err
		}
		ys, r, err := result(c, 6, 7)
		if err != nil {
			return err
		}
		var bias []int32
		if c.Has(8) {
			if c.In[8].DType() != tensor.I32 || !c.In[8].Shape().Equal(tensor.Shape{filters}) {
				return fmt.Errorf("bias is %v, wanted I32[%d]", c.In[8], filters)
			}
			bias = tensor.Of[int32](c.In[8])
		}
		var few [5]int
		c.Out[0] = c.New(c.In[7].DType(), g.Shape(few[:0], c.In[0].Dim(0), filters)...)
		to := c.Out[0].Bytes()
		return n.run(c, g, [4]int{0, 3, 2, 5}, func(channel, from int, sums []int32) {
			m := channel % filters
			if bias != nil {
				for i := range sums {
					sums[i] += bias[m]
				}
			}
			factor := xs[0] * pick(ws, m) / ys
			at := channel*g.Out() + from
			r.store(to[at:at+len(sums)], sums, factor)
		})
	}), nil
}

func (n *convNode) geometry(x, w *tensor.Tensor) (*window.Geometry, error) {
	for _, t := range []*tensor.Tensor{x, w} {
		if t.DType() != tensor.U8 && t.DType() != tensor.I8 || t.Rank() < 3 {
			return nil, fmt.Errorf("wanted an input and weights of U8 or I8 [N, C, spatial...], found %v and %v", x, w)
		}
	}
	if w.Rank() != x.Rank() || w.Dim(1)*n.group != x.Dim(1) || w.Dim(0)%n.group != 0 {
		return nil, fmt.Errorf("weights are %v, wanted [M, C/group, kernel...] for the input %v and group %d", w, x, n.group)
	}
	return n.memo.Resolve(&n.attrs, x.Shape()[2:], w.Shape()[2:])
}

// blockElements bounds the patches that are laid out at a time.
const blockElements = 1 << 18

// run computes the sums; in are the positions of x, w and their zero points. done takes the sums of one output channel
// (counted over all images) from a place on.
func (n *convNode) run(c *engine.Call, g *window.Geometry, in [4]int, done func(channel, from int, sums []int32)) error {
	x, w := c.In[in[0]], c.In[in[1]]
	channels, filters := w.Dim(1), w.Dim(0)/n.group
	k, size, pad := channels*g.Kernel(), channels*g.In(), g.Padded()
	zeroX, err := zeroPoints(c, in[2], in[0], 1)
	if err != nil {
		return err
	}
	zeroW, err := zeroPoints(c, in[3], in[1], w.Dim(0))
	if err != nil {
		return err
	}
	block := min(g.Out(), max(blockElements/max(k, 1)/64*64, 64))
	wide := tensor.Of[float32](c.New(tensor.F32, size))
	padded := tensor.Of[float32](c.New(tensor.F32, channels*pad[0]*pad[1]*pad[2]))
	cols, sums := tensor.Of[float32](c.New(tensor.F32, k*block)), tensor.Of[int32](c.New(tensor.I32, filters*block))
	run := &multiplier{dense: n.k.dense, c: c, part: partOf(x.DType() == tensor.I8, zeroX, w.DType() == tensor.I8, zeroW)}
	for i := range x.Dim(0) * n.group {
		kernel.WidenBytes(wide, x.Bytes()[i*size:(i+1)*size], x.DType() == tensor.I8, zeroX[0])
		window.Pad(g, padded, wide, channels)
		m := i % n.group * filters
		zero := zeroW
		if len(zero) > 1 {
			zero = zero[m : m+filters]
		}
		weights := run.rowsOf(w.Bytes()[m*k:(m+filters)*k], w.DType() == tensor.I8, zero, filters, k)
		for from := 0; from < g.Out(); from += block {
			to := min(from+block, g.Out())
			places := to - from
			window.Patches(g, cols[:k*places], padded, channels, from, to)
			run.multiply(sums[:filters*places], weights, func(lo, hi int) []float32 { return cols[lo*places : hi*places] }, filters, places, k)
			for f := range filters {
				done(i*filters+f, from, sums[f*places:(f+1)*places])
			}
		}
	}
	return nil
}
