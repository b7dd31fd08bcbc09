package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// transpose is Transpose (ai.onnx 1 to today): dimensions in the order perm, default reversed.
func transpose(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("perm"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	perm, given := s.Node.Attrs["perm"]
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		x := c.In[0]
		if given && len(perm.Ints) != x.Rank() {
			return fmt.Errorf("perm %v does not fit %v", perm.Ints, x)
		}
		var few [2][8]int // enough for most, and no memory of the heap's
		shape, step := append(few[0][:0], x.Shape()...), append(few[1][:0], x.Shape()...)
		seen := uint64(0)
		for i := range shape {
			p := int64(len(shape) - 1 - i)
			if given {
				p = perm.Ints[i]
			}
			d, ok := engine.Axis(p, len(shape))
			if !ok || seen>>d&1 != 0 {
				return fmt.Errorf("perm %v does not fit %v", perm.Ints, x)
			}
			seen |= 1 << d
			shape[i], step[i] = x.Dim(d), 1
			for _, n := range x.Shape()[d+1:] {
				step[i] *= n
			}
		}
		c.Out[0], err = strided.Copy(c, x, shape, step, 0)
		return err
	}), nil
}

// depthToSpace is DepthToSpace (ai.onnx 1 to today): channels become blocks of blocksize x blocksize positions. The
// channel's number is read as (block row, block column, depth) in mode DCR, the default, and as (depth, block row, block
// column) in mode CRD (since 11).
func depthToSpace(s *engine.Site) (engine.Kernel, error) {
	b, crd, err := blockAttrs(s, s.Opset >= 11)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() != 4 || x.Dim(1)%(b*b) != 0 {
			return fmt.Errorf("input is %v, wanted 4 dimensions and a multiple of %d channels", x, b*b)
		}
		n, depth, h, w := x.Dim(0), x.Dim(1)/(b*b), x.Dim(2), x.Dim(3)
		// The result is [n, depth, h, block row, w, block column].
		plane, row, column := h*w, b*depth*h*w, depth*h*w
		if crd {
			plane, row, column = b*b*h*w, b*h*w, h*w
		}
		return rearrange(c, tensor.Shape{n, depth, h, b, w, b}, []int{b * b * depth * h * w, plane, w, row, 1, column},
			tensor.Shape{n, depth, h * b, w * b})
	}), nil
}

// spaceToDepth is SpaceToDepth (ai.onnx 1 to today), the inverse of DepthToSpace; mode CRD exists since 28.
func spaceToDepth(s *engine.Site) (engine.Kernel, error) {
	b, crd, err := blockAttrs(s, s.Opset >= 28)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() != 4 || x.Dim(2)%b != 0 || x.Dim(3)%b != 0 {
			return fmt.Errorf("input is %v, wanted 4 dimensions, the last two multiples of %d", x, b)
		}
		n, depth, h, w := x.Dim(0), x.Dim(1), x.Dim(2)/b, x.Dim(3)/b
		plane, row, column := h*b*w*b, w*b, 1
		shape, step := tensor.Shape{n, b, b, depth, h, w}, []int{depth * plane, row, column, plane, b * w * b, b}
		if crd {
			shape, step = tensor.Shape{n, depth, b, b, h, w}, []int{depth * plane, plane, row, column, b * w * b, b}
		}
		return rearrange(c, shape, step, tensor.Shape{n, b * b * depth, h, w})
	}), nil
}

func blockAttrs(s *engine.Site, modes bool) (block int, crd bool, err error) {
	names := []string{"blocksize"}
	if modes {
		names = append(names, "mode")
	}
	if err := s.Only(names...); err != nil {
		return 0, false, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return 0, false, err
	}
	size, mode := s.Node.Int("blocksize", 0), s.Node.Text("mode", "DCR")
	if size < 1 || size > 1<<15 || mode != "DCR" && mode != "CRD" {
		return 0, false, s.Refuse("blocksize is %d and mode %q, wanted a small positive number and DCR or CRD", size, mode)
	}
	return int(size), mode == "CRD", nil
}

// rearrange copies the input in steps and views the result in the last shape.
func rearrange(c *engine.Call, shape tensor.Shape, step []int, last tensor.Shape) error {
	t, err := strided.Copy(c, c.In[0], shape, step, 0)
	if err != nil {
		return err
	}
	c.Out[0], err = t.Reshape(last...)
	return err
}
