package conv

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/tensor"
)

// arranging are the operators that put elements elsewhere.
func arranging() engine.Table {
	ints := engine.TypesOf(tensor.I64)
	return engine.Table{
		{Op: "Col2Im"}:        {{Since: 18, Build: col2Im, In: []engine.Types{engine.Floats(), ints}, Half: true}},
		{Op: "CenterCropPad"}: {{Since: 18, Build: centerCropPad, In: []engine.Types{engine.Fixed(), engine.TypesOf(tensor.I32, tensor.I64)}}},
	}
}

// col2Im is Col2Im (ai.onnx 18 to today), the adjoint of taking patches: column l of [N, C·block, L] is added to the
// image [N, C, image_shape] at the l-th place of a window of block_shape.
func col2Im(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("dilations", "pads", "strides"); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	attrs, err := window.Read(s)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		spatial, err := extents(c.In[1])
		if err != nil {
			return err
		}
		block, err := extents(c.In[2])
		if err != nil {
			return err
		}
		g, err := attrs.Resolve(spatial, block)
		if err != nil {
			return err
		}
		if x.Rank() != 3 || x.Dim(1)%g.Kernel() != 0 || x.Dim(2) != g.Out() {
			return fmt.Errorf("input is %v, wanted [N, C·%d, %d] for the image %v and the block %v", x, g.Kernel(), g.Out(), spatial, block)
		}
		channels := x.Dim(0) * (x.Dim(1) / g.Kernel())
		c.Out[0] = c.New(x.DType(), append([]int{x.Dim(0), x.Dim(1) / g.Kernel()}, spatial...)...)
		clear(c.Out[0].Bytes())
		return onFloats(c, func() { window.Scatter(&g, tensor.Of[float32](c.Out[0]), tensor.Of[float32](x), channels) },
			func() { window.Scatter(&g, tensor.Of[float64](c.Out[0]), tensor.Of[float64](x), channels) })
	}), nil
}

func extents(t *tensor.Tensor) ([]int, error) {
	list, err := engine.Int64s(t)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(list))
	for i, v := range list {
		if v < 0 || v > 1<<30 {
			return nil, fmt.Errorf("shape %v is out of range", list)
		}
		out[i] = int(v)
	}
	return out, nil
}

// centerCropPad is CenterCropPad (ai.onnx 18 to today): along each of the axes the middle of the input that fits, or the
// input in the middle of zeros; what is odd is cut, or added, behind.
func centerCropPad(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axes"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	attr, given := s.Node.Attrs["axes"]
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		want, err := extents(c.In[1])
		if err != nil {
			return err
		}
		shape, at := x.Shape().Clone(), []int{}
		for i := range x.Rank() {
			if !given {
				at = append(at, i)
			}
		}
		for _, a := range attr.Ints {
			i, ok := engine.Axis(a, x.Rank())
			if !ok || slices.Contains(at, i) {
				return fmt.Errorf("axes %v do not suit %v", attr.Ints, x)
			}
			at = append(at, i)
		}
		if len(want) != len(at) {
			return fmt.Errorf("shape has %d elements for %d axes", len(want), len(at))
		}
		for k, i := range at {
			shape[i] = want[k]
		}
		if _, err := shape.Elements(); err != nil {
			return err
		}
		out := c.New(x.DType(), shape...)
		clear(out.Bytes())
		if x.Len() > 0 && out.Len() > 0 {
			middle(out.Bytes(), x.Bytes(), shape, x.Shape(), x.DType().Size())
		}
		c.Out[0] = out
		return nil
	}), nil
}

// middle copies the common middle of two shapes, recursively along the first axis.
func middle(dst, src []byte, to, from tensor.Shape, size int) {
	if len(to) == 0 {
		copy(dst[:size], src[:size])
		return
	}
	n := min(to[0], from[0])
	o, i := (to[0]-n)/2, (from[0]-n)/2
	d, s := len(dst)/to[0], len(src)/from[0]
	if to[1:].Equal(from[1:]) {
		copy(dst[o*d:(o+n)*d], src[i*s:])
		return
	}
	for k := range n {
		middle(dst[(o+k)*d:(o+k+1)*d], src[(i+k)*s:(i+k+1)*s], to[1:], from[1:], size)
	}
}
