package norm

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// last is a normalisation over the last axes, from axis on.
type last struct {
	axis    int64
	epsilon float64
	stash   tensor.DType // of the moments
	centre  bool         // LayerNormalization, else RMSNormalization
}

// layerNorm is LayerNormalization (ai.onnx 17 to today): over the axes from axis (default the last) on,
//
//	(x - mean) / sqrt(variance + epsilon) · scale + bias
//
// where scale and bias broadcast to those axes. The further outputs are the mean and 1 / sqrt(variance + epsilon), of the
// type stash_type.
func layerNorm(s *engine.Site) (engine.Kernel, error) {
	return buildLast(s, 3, 3, true)
}

// rmsNorm is RMSNormalization (ai.onnx 23 to today): over the axes from axis (default the last) on,
// x / sqrt(mean of x² + epsilon) · scale, of the scale's type; scale broadcasts to those axes.
func rmsNorm(s *engine.Site) (engine.Kernel, error) {
	return buildLast(s, 2, 1, false)
}

func buildLast(s *engine.Site, inputs, outputs int, centre bool) (engine.Kernel, error) {
	if err := s.Only("axis", "epsilon", "stash_type"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, inputs, outputs); err != nil {
		return nil, err
	}
	l := &last{axis: s.Node.Int("axis", -1), epsilon: float64(s.Node.Float("epsilon", 1e-5)), stash: tensor.F32, centre: centre}
	switch stash := s.Node.Int("stash_type", 1); stash {
	case 1:
	case 16:
		l.stash = tensor.BF16
	default:
		return nil, s.Refuse("stash_type %d is not covered, only 1 (F32) and 16 (BF16)", stash)
	}
	return l, nil
}

// Run implements engine.Kernel.
func (l *last) Run(c *engine.Call) error {
	x := c.In[0]
	axis, ok := engine.Axis(l.axis, x.Rank())
	if !ok {
		return fmt.Errorf("axis %d does not lie in %v", l.axis, x)
	}
	size := product(x.Shape()[axis:])
	scale, err := spread(c, c.In[1], x.Shape()[axis:])
	if err != nil {
		return err
	}
	var bias []float64
	if c.Has(2) {
		if bias, err = spread(c, c.In[2], x.Shape()[axis:]); err != nil {
			return err
		}
	}
	result := x.DType()
	if !l.centre {
		result = c.In[1].DType()
	}
	through := tensor.F32
	if x.DType() == tensor.F64 {
		through = tensor.F64
	}
	if x, err = tensor.Convert(x, through); err != nil {
		return err
	}
	var few [8]int
	stats := append(few[:0], x.Shape()...)
	for i := range stats[axis:] {
		stats[axis+i] = 1
	}
	out := c.New(through, x.Shape()...)
	mean, inverse := c.New(tensor.F64, stats...), c.New(tensor.F64, stats...)
	if through == tensor.F32 {
		overLast(l, tensor.Of[float32](out), tensor.Of[float32](x), scale, bias, size, mean, inverse)
	} else {
		overLast(l, tensor.Of[float64](out), tensor.Of[float64](x), scale, bias, size, mean, inverse)
	}
	return l.deliver(c, result, out, mean, inverse)
}

// deliver sets the wanted outputs in their types.
func (l *last) deliver(c *engine.Call, result tensor.DType, out, mean, inverse *tensor.Tensor) (err error) {
	if c.Out[0], err = tensor.Convert(out, result); err != nil {
		return err
	}
	for i, t := range [2]*tensor.Tensor{mean, inverse} {
		if len(c.Want) > 1+i && c.Want[1+i] {
			if c.Out[1+i], err = tensor.Convert(t, l.stash); err != nil {
				return err
			}
		}
	}
	return nil
}

func overLast[T float](l *last, out, x []T, scale, bias []float64, size int, mean, inverse *tensor.Tensor) {
	means, inverses := tensor.Of[float64](mean), tensor.Of[float64](inverse)
	for r := range means {
		row, to := x[r*size:(r+1)*size], out[r*size:(r+1)*size]
		if l.centre {
			means[r], inverses[r] = moments(row, l.epsilon)
		} else {
			means[r], inverses[r] = 0, rootMeanSquare(row, l.epsilon)
		}
		for i, v := range row {
			y := (float64(v) - means[r]) * inverses[r] * scale[i]
			if bias != nil {
				y += bias[i]
			}
			to[i] = T(y)
		}
	}
}

// rootMeanSquare is 1 / sqrt(mean of squares + epsilon).
func rootMeanSquare[T float](x []T, epsilon float64) float64 {
	squares := 0.0
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	return 1 / math.Sqrt(squares/float64(len(x))+epsilon)
}

// spread widens a parameter and broadcasts it to the shape.
func spread(c *engine.Call, t *tensor.Tensor, shape tensor.Shape) ([]float64, error) {
	if t.Rank() > len(shape) || !t.DType().Float() {
		return nil, fmt.Errorf("a parameter is %v, wanted floats that broadcast to %v", t, shape)
	}
	if t.DType() == tensor.F32 && t.Shape().Equal(shape) {
		return widened(c, t), nil
	}
	strides, step := make([]int, len(shape)), 1
	for i := t.Rank() - 1; i >= 0; i-- {
		d := len(shape) - t.Rank() + i
		switch t.Dim(i) {
		case 1:
		case shape[d]:
			strides[d] = step
		default:
			return nil, fmt.Errorf("a parameter is %v, wanted floats that broadcast to %v", t, shape)
		}
		step *= t.Dim(i)
	}
	wide, err := tensor.Convert(t, tensor.F64)
	if err != nil {
		return nil, err
	}
	if t.Shape().Equal(shape) {
		return tensor.Of[float64](wide), nil
	}
	from, out := tensor.Of[float64](wide), tensor.Of[float64](c.New(tensor.F64, shape...))
	for i := range out {
		at, rest := 0, i
		for d := len(shape) - 1; d >= 0; d-- {
			at += rest % shape[d] * strides[d]
			rest /= shape[d]
		}
		out[i] = from[at]
	}
	return out, nil
}
