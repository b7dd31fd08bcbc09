package conv

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// patchElements bounds the patches that are laid out at a time, so that they stay in a core's second-level cache.
const patchElements = 1 << 18

func shapeError(what string, t *tensor.Tensor, want string) error {
	return fmt.Errorf("%s is %v, wanted %s", what, t, want)
}

// convNode is Conv (ai.onnx 1 to today): for each group, output channel m and place o of the window
//
//	Y[n, m, o] = B[m] + sum over channels c and elements k of the window of X[n, c, o·stride + k·dilation - pad] · W[m, c, k]
//
// in one to three spatial dimensions. auto_pad SAME_UPPER and SAME_LOWER pad to ceil(in / stride) places.
type convNode struct {
	k     *kernels
	attrs window.Attrs
	memo  window.Memo
	group int
}

func (k *kernels) conv(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 3, 1); err != nil {
		return nil, err
	}
	attrs, err := window.Read(s)
	if err != nil {
		return nil, err
	}
	group := s.Node.Int("group", 1)
	if group < 1 {
		return nil, s.Refuse("group %d is not positive", group)
	}
	return &convNode{k: k, attrs: attrs, group: int(group)}, nil
}

// Run implements engine.Kernel.
func (n *convNode) Run(c *engine.Call) error {
	x, w := c.In[0], c.In[1]
	if err := image(x); err != nil {
		return err
	}
	if w.DType() != x.DType() || w.Rank() != x.Rank() || w.Dim(1)*n.group != x.Dim(1) || w.Dim(0)%n.group != 0 {
		return fmt.Errorf("weights are %v, wanted %s[M, C/group, kernel...] for the input %v and group %d", w, x.DType(), x, n.group)
	}
	if c.Has(2) && (c.In[2].DType() != x.DType() || !c.In[2].Shape().Equal(tensor.Shape{w.Dim(0)})) {
		return fmt.Errorf("bias is %v, wanted %s[%d]", c.In[2], x.DType(), w.Dim(0))
	}
	g, err := n.memo.Resolve(&n.attrs, x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return err
	}
	var few [5]int
	c.Out[0] = c.New(x.DType(), g.Shape(few[:0], x.Dim(0), w.Dim(0))...)
	if x.DType() == tensor.F32 {
		runConv(n, n.k.f32, c, g, tensor.Of[float32])
	} else {
		runConv(n, n.k.f64, c, g, tensor.Of[float64])
	}
	return nil
}

func runConv[T kernel.Float](n *convNode, d kernel.Dense[T], c *engine.Call, g *window.Geometry, of func(*tensor.Tensor) []T) {
	x, w, out := of(c.In[0]), of(c.In[1]), of(c.Out[0])
	channels, filters := c.In[1].Dim(1), c.In[1].Dim(0)/n.group
	k, places := channels*g.Kernel(), g.Out()
	if len(out) == 0 {
		return
	}
	p := newPatcher(c, g, channels, of)
	for i := range c.In[0].Dim(0) * n.group {
		from := p.open(x[i*channels*g.In() : (i+1)*channels*g.In()])
		weights := w[i%n.group*filters*k : (i%n.group+1)*filters*k]
		result := out[i*filters*places : (i+1)*filters*places]
		for lo := 0; lo < places; lo += p.block {
			hi := min(lo+p.block, places)
			cols := p.patches(from, lo, hi)
			if hi-lo == places {
				d.Mul(result, weights, cols, filters, places, k)
				continue
			}
			part := p.result(filters * (hi - lo))
			d.Mul(part, weights, cols, filters, hi-lo, k)
			for m := range filters {
				copy(result[m*places+lo:m*places+hi], part[m*(hi-lo):])
			}
		}
	}
	if c.Has(2) {
		addBias(out, of(c.In[2]), places)
	}
}

func addBias[T kernel.Float](out, bias []T, places int) {
	if places == 0 {
		return
	}
	for at := 0; at < len(out); at += places {
		b := bias[at/places%len(bias)]
		for i := range out[at : at+places] {
			out[at+i] += b
		}
	}
}

// patcher lays out the patches of one image's group at a time; its scratch space is the run's.
type patcher[T kernel.Float] struct {
	c        *engine.Call
	g        *window.Geometry
	of       func(*tensor.Tensor) []T
	channels int
	block    int // places at a time
	plain    bool
	padded   []T // nil when the input has no padding
	cols     []T
	part     []T
}

func newPatcher[T kernel.Float](c *engine.Call, g *window.Geometry, channels int, of func(*tensor.Tensor) []T) patcher[T] {
	p := patcher[T]{c: c, g: g, of: of, channels: channels, plain: g.Plain(), block: g.Out()}
	if p.plain {
		return p
	}
	dtype := c.In[0].DType()
	k := channels * g.Kernel()
	p.block = min(g.Out(), max(patchElements/max(k, 1)/64*64, 64))
	p.cols = of(c.New(dtype, k*p.block))
	if size := g.Padded(); size != [3]int{g.Axes[0].In, g.Axes[1].In, g.Axes[2].In} {
		p.padded = of(c.New(dtype, channels*size[0]*size[1]*size[2]))
	}
	return p
}

// open pads the channels when they need it.
func (p *patcher[T]) open(x []T) []T {
	if p.padded == nil {
		return x
	}
	window.Pad(p.g, p.padded, x, p.channels)
	return p.padded
}

func (p *patcher[T]) patches(x []T, lo, hi int) []T {
	if p.plain {
		return x
	}
	cols := p.cols[:p.channels*p.g.Kernel()*(hi-lo)]
	window.Patches(p.g, cols, x, p.channels, lo, hi)
	return cols
}

// result is space for one block's products.
func (p *patcher[T]) result(n int) []T {
	if len(p.part) < n {
		p.part = p.of(p.c.New(p.c.In[0].DType(), n))
	}
	return p.part[:n]
}
