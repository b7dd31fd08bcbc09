package reduce

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// normalisations: LpNormalization (ai.onnx 1 to today): x / (Σ |x|^p)^(1/p) along axis (default the last), p 1 or 2
// (default 2), and 0 where the norm is; MeanVarianceNormalization (9 to today): (x - mean) / (deviation + 1e-9) over the
// axes (default 0, 2 and 3). Both of floats.
func normalisations() engine.Table {
	in := []engine.Types{engine.Floats()}
	return engine.Table{
		{Op: "LpNormalization"}:           {{Since: 1, Build: lpNorm, In: in, Half: true}},
		{Op: "MeanVarianceNormalization"}: {{Since: 9, Build: meanVariance, In: in, Half: true}},
	}
}

func lpNorm(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis", "p"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	axis, f := s.Node.Int("axis", -1), sumSquare
	switch p := s.Node.Int("p", 2); p {
	case 1:
		f = sumAbs
	case 2:
	default:
		return nil, s.Refuse("p is %d, wanted 1 or 2", p)
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		set, err := axesOf([]int64{axis}, c.In[0])
		if err != nil {
			return err
		}
		switch x := c.In[0]; x.DType() {
		case tensor.F32:
			byNorm[float32](c, f, set)
		case tensor.F64:
			byNorm[float64](c, f, set)
		default:
			return fmt.Errorf("input is %v, wanted F32 or F64", x)
		}
		return nil
	}), nil
}

func byNorm[T float](c *engine.Call, f fold, set axisSet) {
	t := c.In[0]
	c.Out[0] = c.New(t.DType(), t.Shape()...)
	x, dst, l := tensor.Of[T](t), tensor.Of[T](c.Out[0]), set.loop(t.Shape())
	norm := results(c, t.Shape(), set)
	gather(f, norm, x, &l)
	for i, v := range norm {
		if f == sumSquare {
			v = math.Sqrt(v)
		}
		if v == 0 {
			v = 1
		}
		norm[i] = v
	}
	each(&l, func(out, at, n, step int) {
		for i := out; i < out+n; i++ {
			dst[i] = T(float64(x[i]) / norm[at])
			at += step
		}
	})
}

// results are float64 zeros, one for each result of a reduction.
func results(c *engine.Call, s tensor.Shape, set axisSet) []float64 {
	n := 1
	for d, size := range s {
		if !set.has(d) {
			n *= size
		}
	}
	acc := tensor.Of[float64](c.New(tensor.F64, n))
	clear(acc)
	return acc
}

// each calls f for every run: its first element, the first result's place, the length and the result's step.
func each(l *strided.Loop, f func(out, at, n, step int)) {
	for ok := l.Start(); ok; ok = l.Next() {
		f(l.Out, l.At[0], l.Run, l.Inner[0])
	}
}

func meanVariance(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axes"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	axes := []int64{0, 2, 3}
	if a, ok := s.Node.Attrs["axes"]; ok {
		axes = a.Ints
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		set, err := axesOf(axes, c.In[0])
		if err != nil {
			return err
		}
		switch x := c.In[0]; x.DType() {
		case tensor.F32:
			standardise[float32](c, set)
		case tensor.F64:
			standardise[float64](c, set)
		default:
			return fmt.Errorf("input is %v, wanted F32 or F64", x)
		}
		return nil
	}), nil
}

func standardise[T float](c *engine.Call, set axisSet) {
	t := c.In[0]
	c.Out[0] = c.New(t.DType(), t.Shape()...)
	x, dst, l := tensor.Of[T](t), tensor.Of[T](c.Out[0]), set.loop(t.Shape())
	n := float64(set.count(t.Shape()))
	mean, spread := results(c, t.Shape(), set), results(c, t.Shape(), set)
	gather(sum, mean, x, &l)
	for i := range mean {
		mean[i] /= n
	}
	each(&l, func(out, at, n, step int) {
		for _, v := range x[out : out+n] {
			d := float64(v) - mean[at]
			spread[at] += float64(d * d)
			at += step
		}
	})
	for i, v := range spread {
		spread[i] = math.Sqrt(v/n) + 1e-9
	}
	each(&l, func(out, at, n, step int) {
		for i := out; i < out+n; i++ {
			dst[i] = T((float64(x[i]) - mean[at]) / spread[at])
			at += step
		}
	})
}
