package conv

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/window"
	"github.com/shardwise/shardwise/internal/tensor"
)

// averagePool is AveragePool (ai.onnx 1 to today): the mean of each window, summed in index order in float64 and rounded
// once. Padding counts only with count_include_pad (7 to today), and then not what ceil_mode adds behind it.
func averagePool(names []string) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		attrs, err := readPool(s, 1, names)
		if err != nil {
			return nil, err
		}
		include := s.Node.Int("count_include_pad", 0) != 0
		return engine.KernelFunc(func(c *engine.Call) error {
			p, err := plan(&attrs, c.In[0])
			if err != nil {
				return err
			}
			c.Out[0] = c.New(c.In[0].DType(), p.g.Shape(c.In[0].Dim(0), c.In[0].Dim(1))...)
			return onFloats(c, func() { average(c, p, include, tensor.Of[float32]) }, func() { average(c, p, include, tensor.Of[float64]) })
		}), nil
	}
}

func average[T float](c *engine.Call, p *places, include bool, of func(*tensor.Tensor) []T) {
	var counts [3][]float64
	for i, a := range p.g.Axes {
		counts[i] = make([]float64, a.Out)
		for o, t := range p.taps[i] {
			counts[i][o] = float64(t[1] - t[0])
			if include {
				counts[i][o] = float64(covered(a, o))
			}
		}
	}
	channels(of(c.In[0]), of(c.Out[0]), p.g.In(), p.g.Out(), func(x, out []T) {
		total := 0.0
		fold(p, x, func(row []T, step, n int) {
			for i := range n {
				total += float64(row[i*step])
			}
		}, func(place, oz, oy, ox int) {
			out[place] = T(total / (counts[0][oz] * counts[1][oy] * counts[2][ox]))
			total = 0
		})
	})
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
			p, err := plan(&attrs, c.In[0])
			if err != nil {
				return err
			}
			c.Out[0] = c.New(c.In[0].DType(), p.g.Shape(c.In[0].Dim(0), c.In[0].Dim(1))...)
			return onFloats(c, func() { norm(c, p, exponent, tensor.Of[float32]) }, func() { norm(c, p, exponent, tensor.Of[float64]) })
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
		}, func(place, _, _, _ int) {
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
	return global(s, nil, func(x func(i int) float64, n int) float64 {
		total := 0.0
		for i := range n {
			total += x(i)
		}
		return total / float64(n)
	})
}

// globalMax is GlobalMaxPool (ai.onnx 1 to today): the greatest element of each channel, NaN above all, as [N, C, 1...].
func globalMax(s *engine.Site) (engine.Kernel, error) {
	return global(s, nil, func(x func(i int) float64, n int) float64 {
		best := math.Inf(-1)
		for i := range n {
			best = max(best, x(i))
		}
		return best
	})
}

// globalLp is GlobalLpPool (ai.onnx 1 to today): (sum of |x|^p)^(1/p) of each channel, p = 2 unless given.
func globalLp(s *engine.Site) (engine.Kernel, error) {
	p, err := power(s)
	if err != nil {
		return nil, err
	}
	return global(s, []string{"p"}, func(x func(i int) float64, n int) float64 {
		total := 0.0
		for i := range n {
			total += raised(x(i), p)
		}
		return root(total, p)
	})
}

// global builds an operator that reduces each channel by f, which sees its n elements widened.
func global(s *engine.Site, names []string, f func(x func(i int) float64, n int) float64) (engine.Kernel, error) {
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
		shape := c.In[0].Shape().Clone()
		n := 1
		for i := range shape[2:] {
			n *= shape[2+i]
			shape[2+i] = 1
		}
		c.Out[0] = c.New(c.In[0].DType(), shape...)
		return onFloats(c, func() { reduceChannels(c, n, f, tensor.Of[float32]) }, func() { reduceChannels(c, n, f, tensor.Of[float64]) })
	}), nil
}

func reduceChannels[T float](c *engine.Call, n int, f func(x func(i int) float64, n int) float64, of func(*tensor.Tensor) []T) {
	x, out := of(c.In[0]), of(c.Out[0])
	for i := range out {
		row := x[i*n : (i+1)*n]
		out[i] = T(f(func(j int) float64 { return float64(row[j]) }, n))
	}
}
