package reduce

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/single"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// softmaxes: Softmax, LogSoftmax and Hardmax (ai.onnx 1 to today) of floats. Until version 12 the input is seen as a
// matrix whose rows end before axis (default 1), and each row is treated as a whole; since 13 they work along one axis
// (default the last). Hardmax is 1 at the first of the greatest elements, else 0.
func softmaxes() engine.Table {
	in := []engine.Types{engine.Floats()}
	t := engine.Table{}
	for op, rows := range map[string]lane{
		"Softmax":    {softmax[float32](single.ExpBelow), softmax[float64](expBelow)},
		"LogSoftmax": {logSoftmax[float32](single.ExpBelow), logSoftmax[float64](expBelow)},
		"Hardmax":    {hardmax[float32], hardmax[float64]},
	} {
		t[engine.Key{Op: op}] = []engine.Operator{
			{Since: 1, Until: 12, Build: rows.build(1, true), In: in, Half: true},
			{Since: 13, Build: rows.build(-1, false), In: in, Half: true}}
	}
	return t
}

// lane is an operator's loops over count elements that lie step apart; scratch has room for count numbers.
type lane struct {
	f32 func(dst, x []float32, count, step int, scratch []float64)
	f64 func(dst, x []float64, count, step int, scratch []float64)
}

func (r lane) build(def int64, flat bool) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only("axis"); err != nil {
			return nil, err
		}
		if err := s.Arity(1, 1, 1); err != nil {
			return nil, err
		}
		attr := s.Node.Int("axis", def)
		return engine.KernelFunc(func(c *engine.Call) error { return r.run(c, attr, flat) }), nil
	}
}

func (r lane) run(c *engine.Call, attr int64, flat bool) error {
	x := c.In[0]
	axis, ok := engine.Axis(attr, x.Rank())
	if !ok && x.Rank() == 0 && (attr == 0 || attr == -1 || flat) {
		axis, ok = 0, true // a scalar is a row of one element
	}
	if !ok {
		return fmt.Errorf("axis %d does not lie in %v", attr, x)
	}
	end := axis + 1
	if flat {
		end = x.Rank()
	}
	outer, count, inner := strided.Around(x.Shape(), axis, end)
	c.Out[0] = c.New(x.DType(), x.Shape()...)
	if x.Len() == 0 {
		return nil
	}
	scratch := tensor.Of[float64](c.New(tensor.F64, count))
	switch x.DType() {
	case tensor.F32:
		lanes(r.f32, tensor.Of[float32](c.Out[0]), tensor.Of[float32](x), outer, count, inner, scratch)
	case tensor.F64:
		lanes(r.f64, tensor.Of[float64](c.Out[0]), tensor.Of[float64](x), outer, count, inner, scratch)
	default:
		return fmt.Errorf("input is %v, wanted F32 or F64", x)
	}
	return nil
}

func lanes[T float](f func(dst, x []T, count, step int, scratch []float64), dst, x []T, outer, count, inner int, scratch []float64) {
	for o := range outer {
		for in := range inner {
			at := o*count*inner + in
			f(dst[at:], x[at:], count, inner, scratch)
		}
	}
}

// peak is the greatest element; NaN wins.
func peak[T float](x []T, count, step int) float64 {
	if step == 1 {
		return float64(maximum(x[:count]))
	}
	best := x[0]
	for i, at := 1, step; i < count; i, at = i+1, at+step {
		if v := x[at]; !(v < best) {
			best = max(best, v)
		}
	}
	return float64(best)
}

// expBelow overwrites x with exp(x - top) and returns the sum, with the exactness of a float64.
func expBelow(x []float64, top float64) float64 {
	total := 0.0
	for i, v := range x {
		x[i] = math.Exp(v - top)
		total += x[i]
	}
	return total
}

// softmax fetches the lane, of which exp makes the exponentials in place.
func softmax[T float](exp func(x []float64, top float64) float64) func(dst, x []T, count, step int, scratch []float64) {
	return func(dst, x []T, count, step int, scratch []float64) {
		top := peak(x, count, step)
		fetch(scratch, x, step)
		total := 1 / exp(scratch, top) // one division for all: it costs the last bit of a float64 at most
		at := 0
		for _, e := range scratch {
			dst[at] = T(e * total)
			at += step
		}
	}
}

// fetch widens elements that lie step apart.
func fetch[T float](dst []float64, x []T, step int) {
	at := 0
	for i := range dst {
		dst[i] = float64(x[at])
		at += step
	}
}

func logSoftmax[T float](exp func(x []float64, top float64) float64) func(dst, x []T, count, step int, scratch []float64) {
	return func(dst, x []T, count, step int, scratch []float64) {
		top := peak(x, count, step)
		fetch(scratch, x, step)
		shift := math.Log(exp(scratch, top))
		at := 0
		for i := range count {
			dst[i*step] = T((float64(x[at]) - top) - shift)
			at += step
		}
	}
}

func hardmax[T float](dst, x []T, count, step int, _ []float64) {
	best := extreme(x, count, step, true, false)
	for i := range count {
		dst[i*step] = 0
	}
	dst[best*step] = 1
}
