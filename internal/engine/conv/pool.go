package conv

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/tensor"
)

// number is an element type that MaxPool compares.
type number interface {
	~float32 | ~float64 | ~int8 | ~uint8
}

type float interface{ ~float32 | ~float64 }

// pooling are the operators that reduce a window or a whole channel.
func pooling() engine.Table {
	small := []engine.Types{engine.Floats() | engine.TypesOf(tensor.I8, tensor.U8)}
	unpool := []engine.Types{engine.Floats(), engine.TypesOf(tensor.I64)}
	plain := []string{"auto_pad", "kernel_shape", "pads", "strides"}
	with := func(names ...string) []string { return append(names, plain...) }
	return engine.Table{
		{Op: "MaxPool"}: {
			{Since: 1, Until: 7, Build: maxPool(1, plain), In: floats(), Half: true},
			{Since: 8, Until: 9, Build: maxPool(2, with("storage_order")), In: floats(), Half: true},
			{Since: 10, Until: 11, Build: maxPool(2, with("storage_order", "ceil_mode", "dilations")), In: floats(), Half: true},
			{Since: 12, Build: maxPool(2, with("storage_order", "ceil_mode", "dilations")), In: small, Half: true}},
		{Op: "AveragePool"}: {
			{Since: 1, Until: 6, Build: averagePool(plain), In: floats(), Half: true},
			{Since: 7, Until: 9, Build: averagePool(with("count_include_pad")), In: floats(), Half: true},
			{Since: 10, Until: 18, Build: averagePool(with("count_include_pad", "ceil_mode")), In: floats(), Half: true},
			{Since: 19, Build: averagePool(with("count_include_pad", "ceil_mode", "dilations")), In: floats(), Half: true}},
		{Op: "LpPool"}: {
			{Since: 1, Until: 17, Build: lpPool(with("p")), In: floats(), Half: true},
			{Since: 18, Build: lpPool(with("p", "ceil_mode", "dilations")), In: floats(), Half: true}},
		{Op: "GlobalAveragePool"}: {{Since: 1, Build: globalAverage, In: floats(), Half: true}},
		{Op: "GlobalMaxPool"}:     {{Since: 1, Build: globalMax, In: floats(), Half: true}},
		{Op: "GlobalLpPool"}:      {{Since: 1, Build: globalLp, In: floats(), Half: true}},
		{Op: "MaxUnpool"}:         {{Since: 9, Build: maxUnpool, In: unpool, Half: true}},
	}
}

// readPool checks a pooling node and reads its window.
func readPool(s *engine.Site, outputs int, names []string) (window.Attrs, error) {
	if err := s.Only(names...); err != nil {
		return window.Attrs{}, err
	}
	if err := s.Arity(1, 1, outputs); err != nil {
		return window.Attrs{}, err
	}
	attrs, err := window.Read(s)
	if err == nil && len(attrs.Kernel) == 0 {
		err = s.Refuse("attribute kernel_shape is missing")
	}
	return attrs, err
}

// places are what a pool needs at each place of a row, a line or a plane: for each axis the window's elements inside the
// input, [lo, hi) for place o at 2·o and 2·o+1.
type places struct {
	g    window.Geometry
	taps [3][]int64
}

func plan(c *engine.Call, attrs *window.Attrs) (p places, err error) {
	x := c.In[0]
	if x.Rank() < 3 {
		return p, shapeError("input", x, "[N, C, spatial...]")
	}
	if p.g, err = attrs.Resolve(x.Shape()[2:], nil); err != nil {
		return p, err
	}
	for i, a := range p.g.Axes {
		p.taps[i] = tensor.Of[int64](c.New(tensor.I64, 2*a.Out))
		for o := range a.Out {
			lo, hi := a.Taps(o)
			p.taps[i][2*o], p.taps[i][2*o+1] = int64(lo), int64(hi)
		}
	}
	return p, nil
}

// tap is the window's elements inside the input along an axis at place o.
func (p *places) tap(axis, o int) (lo, hi int) {
	return int(p.taps[axis][2*o]), int(p.taps[axis][2*o+1])
}

// line is where the input's line begins that element (kz, ky) of the windows at (oz, oy) covers.
func (p *places) line(oz, oy, kz, ky int) int {
	z, y := &p.g.Axes[0], &p.g.Axes[1]
	return ((oz*z.Stride-z.Begin+kz*z.Dilation)*y.In + oy*y.Stride - y.Begin + ky*y.Dilation) * p.g.Axes[2].In
}

// fold reduces each window of one channel: add takes a row's elements x[at], x[at+step] ... of which there are n, and done
// the place.
func fold[T float](p *places, x []T, add func(row []T, step, n int), done func(place int)) {
	w, place := p.g.Axes[2], 0
	for oz := range p.g.Axes[0].Out {
		z0, z1 := p.tap(0, oz)
		for oy := range p.g.Axes[1].Out {
			y0, y1 := p.tap(1, oy)
			for ox := range w.Out {
				x0, x1 := p.tap(2, ox)
				for kz := z0; kz < z1; kz++ {
					for ky := y0; ky < y1 && x0 < x1; ky++ {
						add(x[p.line(oz, oy, kz, ky)+ox*w.Stride-w.Begin+x0*w.Dilation:], w.Dilation, x1-x0)
					}
				}
				done(place)
				place++
			}
		}
	}
}

// channels runs f for each channel of the input and its part of the output.
func channels[T any](x, out []T, in, places int, f func(x, out []T)) {
	if in == 0 {
		return
	}
	for i := range len(x) / in {
		f(x[i*in:(i+1)*in], out[i*places:(i+1)*places])
	}
}

// onFloats calls the function of the input's dtype.
func onFloats(c *engine.Call, f32, f64 func()) error {
	switch c.In[0].DType() {
	case tensor.F32:
		f32()
	case tensor.F64:
		f64()
	default:
		return fmt.Errorf("input is %v, covered are F32 and F64", c.In[0])
	}
	return nil
}
