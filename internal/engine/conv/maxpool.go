package conv

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/tensor"
)

// maxPool is MaxPool (ai.onnx 1 to today): the greatest element of each window, NaN above all. Padding takes no part; a
// window wholly in it gives the least value of the dtype. The second output (8 to today) is the element's position in the
// flattened input, the first of equals; with storage_order 1 the spatial dimensions are counted in column-major order.
func maxPool(outputs int, names []string) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		attrs, err := readPool(s, outputs, names)
		if err != nil {
			return nil, err
		}
		order := s.Node.Int("storage_order", 0)
		if order != 0 && order != 1 {
			return nil, s.Refuse("storage_order %d is neither 0 nor 1", order)
		}
		return engine.KernelFunc(func(c *engine.Call) error {
			p, err := plan(c, &attrs)
			if err != nil {
				return err
			}
			return runMaxPool(c, &p, order == 1)
		}), nil
	}
}

func runMaxPool(c *engine.Call, p *places, columns bool) error {
	x := c.In[0]
	var few [5]int
	shape := p.g.Shape(few[:0], x.Dim(0), x.Dim(1))
	c.Out[0] = c.New(x.DType(), shape...)
	var index []int64
	if len(c.Want) > 1 && c.Want[1] {
		c.Out[1] = c.New(tensor.I64, shape...)
		index = tensor.Of[int64](c.Out[1])
	}
	switch x.DType() {
	case tensor.F32:
		maxChannels(c, p, index, float32(math.Inf(-1)), columns, tensor.Of[float32])
	case tensor.F64:
		maxChannels(c, p, index, math.Inf(-1), columns, tensor.Of[float64])
	case tensor.I8:
		maxChannels(c, p, index, math.MinInt8, columns, tensor.Of[int8])
	case tensor.U8:
		maxChannels(c, p, index, 0, columns, tensor.Of[uint8])
	default:
		return fmt.Errorf("input is %v, covered are F32, F64, I8 and U8", x)
	}
	return nil
}

func maxChannels[T number](c *engine.Call, p *places, index []int64, least T, columns bool, of func(*tensor.Tensor) []T) {
	x, out, row := of(c.In[0]), of(c.Out[0]), of(c.New(c.In[0].DType(), p.g.Axes[2].In))
	in, n := p.g.In(), p.g.Out()
	for i := 0; in > 0 && i < len(x)/in; i++ {
		if index == nil {
			maxRows(p, x[i*in:(i+1)*in], out[i*n:(i+1)*n], row, least)
			continue
		}
		at := index[i*n : (i+1)*n]
		maxChannel(p, x[i*in:(i+1)*in], out[i*n:(i+1)*n], at, least)
		for j, v := range at {
			if v >= 0 && columns {
				v = p.columnMajor(v)
			}
			at[j] = v + int64(i*in)
		}
	}
}

// maxRows is the loop over one channel: the greatest of each column of a row of windows, then of each window's columns.
// Row is scratch space for one row of the input.
func maxRows[T number](p *places, x, out, row []T, least T) {
	w, place := p.g.Axes[2], 0
	for oz := range p.g.Axes[0].Out {
		z0, z1 := p.tap(0, oz)
		for oy := range p.g.Axes[1].Out {
			y0, y1 := p.tap(1, oy)
			for i := range row {
				row[i] = least
			}
			for kz := z0; kz < z1; kz++ {
				for ky := y0; ky < y1; ky++ {
					line := p.line(oz, oy, kz, ky)
					for i, v := range x[line : line+w.In] {
						row[i] = max(row[i], v) // NaN stays
					}
				}
			}
			for ox := range w.Out {
				best, start := least, ox*w.Stride-w.Begin
				lo, hi := p.tap(2, ox)
				for kx := lo; kx < hi; kx++ {
					best = max(best, row[start+kx*w.Dilation])
				}
				out[place] = best
				place++
			}
		}
	}
}

// maxChannel is the loop over one channel with the winners' positions in at, -1 for an empty window.
func maxChannel[T number](p *places, x, out []T, at []int64, least T) {
	place := 0
	for oz := range p.g.Axes[0].Out {
		for oy := range p.g.Axes[1].Out {
			for ox := range p.g.Axes[2].Out {
				out[place], at[place] = maxWindow(p, x, least, oz, oy, ox)
				place++
			}
		}
	}
}

// maxWindow is the greatest element of a window and where it lies.
func maxWindow[T number](p *places, x []T, least T, oz, oy, ox int) (best T, from int64) {
	w := p.g.Axes[2]
	z0, z1 := p.tap(0, oz)
	y0, y1 := p.tap(1, oy)
	x0, x1 := p.tap(2, ox)
	best, from = least, -1
	for kz := z0; kz < z1; kz++ {
		for ky := y0; ky < y1; ky++ {
			line := p.line(oz, oy, kz, ky) + ox*w.Stride - w.Begin
			for kx := x0; kx < x1; kx++ {
				v := x[line+kx*w.Dilation]
				if v > best || from < 0 || v != v && best == best {
					best, from = v, int64(line+kx*w.Dilation)
				}
			}
		}
	}
	return best, from
}

// columnMajor turns a row-major position within a channel into the column-major one.
func (p *places) columnMajor(v int64) int64 {
	h, w := int64(p.g.Axes[1].In), int64(p.g.Axes[2].In)
	d, i, j := v/(h*w), v/w%h, v%w
	switch p.g.Spatial {
	case 1:
		return v
	case 2:
		return i + j*h
	}
	return d + i*int64(p.g.Axes[0].In) + j*h*int64(p.g.Axes[0].In)
}

// maxUnpool is MaxUnpool (ai.onnx 9 to today): zeros, with the elements of X at the positions I of the flattened output
// that a MaxPool with this window would have had as its input, (in-1)·stride + kernel - pads. A third input gives a
// larger output shape, whose first elements along each dimension this output fills.
func maxUnpool(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("kernel_shape", "pads", "strides"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 3, 1); err != nil {
		return nil, err
	}
	attrs, err := window.Read(s)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x, index := c.In[0], c.In[1]
		if x.Rank() < 3 || index.DType() != tensor.I64 || !index.Shape().Equal(x.Shape()) {
			return fmt.Errorf("wanted X [N, C, spatial...] and I64 indices of its shape, found %v and %v", x, index)
		}
		g, err := attrs.Arrange(x.Shape()[2:], nil)
		if err != nil {
			return err
		}
		inner := x.Shape()[:2].Clone()
		for _, a := range g.Axes[3-g.Spatial:] {
			inner = append(inner, (a.In-1)*a.Stride+a.Kernel-a.Begin-a.End)
		}
		outer := inner
		if c.Has(2) {
			list, err := engine.Int64s(c.In[2])
			if err != nil {
				return err
			}
			outer = make(tensor.Shape, len(list))
			for i, v := range list {
				outer[i] = int(v)
			}
		}
		return runUnpool(c, inner, outer)
	}), nil
}

func runUnpool(c *engine.Call, inner, outer tensor.Shape) error {
	if len(outer) != len(inner) {
		return fmt.Errorf("output_shape is %v, the input has %d dimensions", outer, len(inner))
	}
	for i, v := range inner {
		if outer[i] < v || v < 0 || outer[i] > 1<<30 {
			return fmt.Errorf("output_shape is %v, wanted at least %v", outer, inner)
		}
	}
	if _, err := outer.Elements(); err != nil {
		return err
	}
	c.Out[0] = c.New(c.In[0].DType(), outer...)
	clear(c.Out[0].Bytes())
	size := c.In[0].DType().Size()
	n, _ := inner.Elements()
	from, to := c.In[0].Bytes(), c.Out[0].Bytes()
	for i, v := range tensor.Of[int64](c.In[1]) {
		if v < 0 || v >= int64(n) {
			return fmt.Errorf("index %d is outside the unpooled shape %v", v, inner)
		}
		at, step, rest := 0, 1, int(v)
		for d := len(inner) - 1; d >= 0; d-- {
			at += rest % inner[d] * step
			rest /= inner[d]
			step *= outer[d]
		}
		copy(to[at*size:(at+1)*size], from[i*size:(i+1)*size])
	}
	return nil
}
