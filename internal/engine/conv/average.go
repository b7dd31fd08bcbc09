package conv

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/tensor"
)

// averagePool is AveragePool (ai.onnx 1 to today): the mean of each window, summed in float64, columns first, and rounded
// once. Padding counts only with count_include_pad (7 to today), and then not what ceil_mode adds behind it.
func averagePool(names []string) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		attrs, err := readPool(s, 1, names)
		if err != nil {
			return nil, err
		}
		include := s.Node.Int("count_include_pad", 0) != 0
		return engine.KernelFunc(func(c *engine.Call) error {
			p, err := plan(c, &attrs)
			if err != nil {
				return err
			}
			var few [5]int
			c.Out[0] = c.New(c.In[0].DType(), p.g.Shape(few[:0], c.In[0].Dim(0), c.In[0].Dim(1))...)
			return onFloats(c, func() { average(c, &p, include, tensor.Of[float32]) }, func() { average(c, &p, include, tensor.Of[float64]) })
		}), nil
	}
}

func average[T float](c *engine.Call, p *places, include bool, of func(*tensor.Tensor) []T) {
	var counts [3][]float64
	for i, a := range p.g.Axes {
		counts[i] = tensor.Of[float64](c.New(tensor.F64, a.Out))
		for o := range counts[i] {
			lo, hi := p.tap(i, o)
			counts[i][o] = float64(hi - lo)
			if include {
				counts[i][o] = float64(covered(a, o))
			}
		}
	}
	w := p.g.Axes[2]
	row := tensor.Of[float64](c.New(tensor.F64, w.In))
	channels(of(c.In[0]), of(c.Out[0]), p.g.In(), p.g.Out(), func(x, out []T) {
		place := 0
		for oz := range p.g.Axes[0].Out {
			for oy := range p.g.Axes[1].Out {
				addLines(p, row, x, oz, oy)
				lines := counts[0][oz] * counts[1][oy]
				for ox := range w.Out {
					total, start := 0.0, ox*w.Stride-w.Begin
					lo, hi := p.tap(2, ox)
					for kx := lo; kx < hi; kx++ {
						total += row[start+kx*w.Dilation]
					}
					out[place] = T(total / (lines * counts[2][ox]))
					place++
				}
			}
		}
	})
}

// addLines overwrites row with the sum of the input's lines that a line of windows covers.
func addLines[T float](p *places, row []float64, x []T, oz, oy int) {
	z0, z1 := p.tap(0, oz)
	y0, y1 := p.tap(1, oy)
	clear(row)
	for kz := z0; kz < z1; kz++ {
		for ky := y0; ky < y1; ky++ {
			line := p.line(oz, oy, kz, ky)
			for i, v := range x[line : line+len(row)] {
				row[i] += float64(v)
			}
		}
	}
}

// covered is how many elements of the window lie in the padded input at place o.
func covered(a window.Axis, o int) int {
	room := a.In + a.Begin + a.End - o*a.Stride
	return min((room-1)/a.Dilation+1, a.Kernel)
}

// lpPool is LpPool (ai.onnx 1 to today): (sum of |x|^p)^(1/p) over each window, p = 2 unless given; in float64, rounded
// once.
func lpPool(names []string) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		attrs, err := readPool(s, 1, names)
		if err != nil {
			return nil, err
		}
		exponent, err := power(s)
		if err != nil {
			return nil, err
		}
		return engine.KernelFunc(func(c *engine.Call) error {
			p, err := plan(c, &attrs)
			if err != nil {
				return err
			}
			var few [5]int
			c.Out[0] = c.New(c.In[0].DType(), p.g.Shape(few[:0], c.In[0].Dim(0), c.In[0].Dim(1))...)
			return onFloats(c, func() { norm(c, &p, exponent, tensor.Of[float32]) }, func() { norm(c, &p, exponent, tensor.Of[float64]) })
		}), nil
	}
}

// power reads the attribute p, a float in version 1 and an integer since.
func power(s *engine.Site) (float64, error) {
	p := float64(s.Node.Int("p", 2))
	if s.Opset < 2 {
		p = float64(s.Node.Float("p", 2))
	}
	if !(p > 0) {
		return 0, s.Refuse("p is %v, wanted a positive number", p)
	}
	return p, nil
}

func norm[T float](c *engine.Call, p *places, exponent float64, of func(*tensor.Tensor) []T) {
	channels(of(c.In[0]), of(c.Out[0]), p.g.In(), p.g.Out(), func(x, out []T) {
		total := 0.0
		fold(p, x, func(row []T, step, n int) {
			for i := range n {
				total += raised(float64(row[i*step]), exponent)
			}
		}, func(place int) {
			out[place] = T(root(total, exponent))
			total = 0
		})
	})
}

func raised(v, p float64) float64 {
	switch p {
	case 1:
		return math.Abs(v)
	case 2:
		return float64(v * v)
	}
	return math.Pow(math.Abs(v), p)
}

func root(v, p float64) float64 {
	switch p {
	case 1:
		return v
	case 2:
		return math.Sqrt(v)
	}
	return math.Pow(v, 1/p)
}

// globalAverage is GlobalAveragePool (ai.onnx 1 to today): the mean of each channel, as [N, C, 1...].
func globalAverage(s *engine.Site) (engine.Kernel, error) {
	return global(s, nil, mean[float32], mean[float64])
}

// mean adds in four parts, the elements by their place modulo 4, so that additions do not wait for one another.
func mean[T float](x []T) float64 {
	var a, b, c, d float64
	rest := x
	for ; len(rest) >= 4; rest = rest[4:] {
		a += float64(rest[0])
		b += float64(rest[1])
		c += float64(rest[2])
		d += float64(rest[3])
	}
	for _, v := range rest {
		a += float64(v)
	}
	return ((a + b) + (c + d)) / float64(len(x))
}

// globalMax is GlobalMaxPool (ai.onnx 1 to today): the greatest element of each channel, NaN above all, as [N, C, 1...].
func globalMax(s *engine.Site) (engine.Kernel, error) {
	return global(s, nil, greatest[float32], greatest[float64])
}

func greatest[T float](x []T) float64 {
	best := T(math.Inf(-1))
	for _, v := range x {
		if !(v < best) {
			best = max(best, v)
		}
	}
	return float64(best)
}

// globalLp is GlobalLpPool (ai.onnx 1 to today): (sum of |x|^p)^(1/p) of each channel, p = 2 unless given.
func globalLp(s *engine.Site) (engine.Kernel, error) {
	p, err := power(s)
	if err != nil {
		return nil, err
	}
	return global(s, []string{"p"}, lpNorm[float32](p), lpNorm[float64](p))
}

func lpNorm[T float](p float64) func(x []T) float64 {
	return func(x []T) float64 {
		total := 0.0
		for _, v := range x {
			total += raised(float64(v), p)
		}
		return root(total, p)
	}
}

// global builds an operator that reduces the elements of each channel.
func global(s *engine.Site, names []string, f32 func(x []float32) float64, f64 func(x []float64) float64) (engine.Kernel, error) {
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		if err := image(c.In[0]); err != nil {
			return err
		}
		var few [5]int
		shape := append(few[:0], c.In[0].Shape()...)
		n := 1
		for i := range shape[2:] {
			n *= shape[2+i]
			shape[2+i] = 1
		}
		c.Out[0] = c.New(c.In[0].DType(), shape...)
		return onFloats(c, func() { reduceChannels(c, n, f32, tensor.Of[float32]) }, func() { reduceChannels(c, n, f64, tensor.Of[float64]) })
	}), nil
}

func reduceChannels[T float](c *engine.Call, n int, f func(x []T) float64, of func(*tensor.Tensor) []T) {
	x, out := of(c.In[0]), of(c.Out[0])
	for i := range out {
		out[i] = T(f(x[i*n : (i+1)*n]))
	}
}
