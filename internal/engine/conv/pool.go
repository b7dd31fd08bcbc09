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
// input.
type places struct {
	g    *window.Geometry
	taps [3][][2]int
}

func plan(attrs *window.Attrs, x *tensor.Tensor) (*places, error) {
	if x.Rank() < 3 {
		return nil, shapeError("input", x, "[N, C, spatial...]")
	}
	g, err := attrs.Resolve(x.Shape()[2:], nil)
	if err != nil {
		return nil, err
	}
	p := &places{g: g}
	for i, a := range g.Axes {
		p.taps[i] = make([][2]int, a.Out)
		for o := range a.Out {
			lo, hi := a.Taps(o)
			p.taps[i][o] = [2]int{lo, hi}
		}
	}
	return p, nil
}

// fold reduces each window of one channel: add takes a row's elements x[at], x[at+step] ... of which there are n, and done
// the place with the number of elements that were inside.
func fold[T float](p *places, x []T, add func(row []T, step, n int), done func(place int, oz, oy, ox int)) {
	z, y, w := p.g.Axes[0], p.g.Axes[1], p.g.Axes[2]
	place := 0
	for oz, tz := range p.taps[0] {
		for oy, ty := range p.taps[1] {
			for ox, tx := range p.taps[2] {
				for kz := tz[0]; kz < tz[1]; kz++ {
					for ky := ty[0]; ky < ty[1] && tx[0] < tx[1]; ky++ {
						line := ((oz*z.Stride-z.Begin+kz*z.Dilation)*y.In + oy*y.Stride - y.Begin + ky*y.Dilation) * w.In
						add(x[line+ox*w.Stride-w.Begin+tx[0]*w.Dilation:], w.Dilation, tx[1]-tx[0])
					}
				}
				done(place, oz, oy, ox)
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
