package quant

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// granularity is for what elements a scale counts: all, those of one index along an axis (10 has none, 13 to today), or
// blocks along it (21 to today).
type granularity struct{ axis, block int64 }

// readLinear checks a node and reads its granularity and its output type, Invalid when that follows from the inputs.
func readLinear(s *engine.Site, own ...string) (g granularity, to tensor.DType, err error) {
	if s.Opset >= 13 {
		own = append(own, "axis")
	}
	if s.Opset >= 21 {
		own = append(own, "block_size")
	}
	if err := s.Only(own...); err != nil {
		return g, to, err
	}
	if err := s.Arity(2, 3, 1); err != nil {
		return g, to, err
	}
	g = granularity{s.Node.Int("axis", 1), s.Node.Int("block_size", 0)}
	if g.block < 0 {
		return g, to, s.Refuse("block_size is %d", g.block)
	}
	if number := s.Node.Int("output_dtype", 0); number != 0 {
		var ok bool
		if to, ok = onnx.DTypeOf(number); !ok {
			return g, to, s.Refuse("output_dtype %d is not covered", number)
		}
	}
	return g, to, nil
}

// blocks says where the scales of x lie: count elements, inner apart, have one each, or block of them one.
type blocks struct {
	inner, count, block, scales int
	all                         bool
}

func (g granularity) plan(x, scale *tensor.Tensor) (blocks, error) {
	if scale.Len() == 1 && g.block == 0 && scale.Rank() < 2 {
		return blocks{all: true, inner: max(x.Len(), 1), count: 1, block: 1, scales: 1}, nil
	}
	axis, ok := engine.Axis(g.axis, x.Rank())
	if !ok {
		return blocks{}, fmt.Errorf("axis %d does not lie in %v", g.axis, x)
	}
	b := blocks{inner: 1, count: x.Dim(axis), block: 1, scales: x.Dim(axis)}
	for _, n := range x.Shape()[axis+1:] {
		b.inner *= n
	}
	want := tensor.Shape{x.Dim(axis)}
	if g.block > 0 {
		b.block = int(min(g.block, int64(max(x.Dim(axis), 1))))
		b.scales = (b.count + b.block - 1) / b.block
		want = x.Shape().Clone()
		want[axis] = b.scales
	}
	if !scale.Shape().Equal(want) {
		return b, fmt.Errorf("scale is %v, wanted %v for the input %v, axis %d and block_size %d", scale, want, x, axis, g.block)
	}
	return b, nil
}

// runs cuts n elements into runs [lo, hi): those for which one scale counts, at an index, go to same; those with a scale for
// each element, from an index on, go to each.
func (b *blocks) runs(n int, blocked bool, same, each func(lo, hi, at int)) {
	switch {
	case b.all:
		same(0, n, 0)
	case !blocked && b.inner > 1:
		for lo := 0; lo < n; lo += b.inner {
			same(lo, lo+b.inner, lo/b.inner%b.count)
		}
	case !blocked:
		for lo := 0; lo < n; lo += b.count {
			each(lo, lo+b.count, 0)
		}
	case b.inner == 1:
		for row := 0; row*b.count < n; row++ {
			for j := 0; j < b.count; j += b.block {
				same(row*b.count+j, row*b.count+min(j+b.block, b.count), row*b.scales+j/b.block)
			}
		}
	default:
		for line := 0; line*b.inner < n; line++ {
			along := line % b.count / b.block
			each(line*b.inner, (line+1)*b.inner, (line/b.count*b.scales+along)*b.inner)
		}
	}
}

// zeros reads zero points as numbers; nil when there are none.
func zeros(c *engine.Call, in int, scale *tensor.Tensor) ([]int64, error) {
	if !c.Has(in) {
		return nil, nil
	}
	if c.In[in].Len() != scale.Len() {
		return nil, fmt.Errorf("zero point is %v, scale %v", c.In[in], scale)
	}
	wide, err := tensor.Convert(c.In[in], tensor.I64)
	if err != nil {
		return nil, err
	}
	return tensor.Of[int64](wide), nil
}

// quantize is QuantizeLinear (ai.onnx 10 to today): saturate(round(x / scale) + zero point), to nearest even, in the zero
// point's dtype, else output_dtype, else U8. The division is in F32; NaN gives the least value.
func quantize(s *engine.Site) (engine.Kernel, error) {
	var own []string
	if s.Opset >= 19 {
		own = append(own, "saturate")
	}
	if s.Opset >= 21 {
		own = append(own, "output_dtype")
	}
	if s.Opset >= 23 {
		own = append(own, "precision")
	}
	g, to, err := readLinear(s, own...)
	if err != nil {
		return nil, err
	}
	if p := s.Node.Int("precision", 1); p > 1 {
		return nil, s.Refuse("precision %d is not covered, only 1 (F32)", p)
	}
	if _, _, ok := limits(to); !ok && to != tensor.Invalid {
		return nil, s.Refuse("output_dtype %v is not covered, only U8, I8, U16 and I16", to)
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		out := to
		switch {
		case c.Has(2) && out != tensor.Invalid && out != c.In[2].DType():
			return fmt.Errorf("output_dtype is %v, the zero point %v", out, c.In[2])
		case c.Has(2):
			out = c.In[2].DType()
		case out == tensor.Invalid:
			out = tensor.U8
		}
		return runQuantize(c, g, out)
	}), nil
}

func runQuantize(c *engine.Call, g granularity, to tensor.DType) error {
	x, scale := c.In[0], c.In[1]
	lo, hi, ok := limits(to)
	if !ok || scale.DType() != tensor.F32 {
		return fmt.Errorf("scale is %v and the output %v, wanted F32 and U8, I8, U16 or I16", scale, to)
	}
	b, err := g.plan(x, scale)
	if err != nil {
		return err
	}
	zero, err := zeros(c, 2, scale)
	if err != nil {
		return err
	}
	if x, err = tensor.Convert(x, tensor.F32); err != nil {
		return err
	}
	c.Out[0] = c.New(to, x.Shape()...)
	values, scales := tensor.Of[float32](x), tensor.Of[float32](scale)
	if to.Size() == 1 {
		quantizeAll(c.Out[0].Bytes(), values, scales, zero, b, g.block > 0, lo, hi)
	} else {
		quantizeAll(tensor.Of[uint16](c.Out[0]), values, scales, zero, b, g.block > 0, lo, hi)
	}
	return nil
}

// quantizeAll writes the low bits of the integers, which are the same for signed types.
func quantizeAll[T uint8 | uint16](dst []T, x, scales []float32, zero []int64, b blocks, blocked bool, lo, hi float64) {
	point := func(at int) rounding {
		if zero == nil {
			return roundingTo(0, lo, hi)
		}
		return roundingTo(zero[at], lo, hi)
	}
	b.runs(len(x), blocked, func(from, to, at int) {
		quantizeRun(dst[from:to], x[from:to], scales[at], point(at))
	}, func(from, to, at int) {
		for i := from; i < to; i++ {
			r := point(at + i - from)
			dst[i] = T(r.of(float64(x[i] / scales[at+i-from])))
		}
	})
}

func quantizeRun[T uint8 | uint16](dst []T, x []float32, scale float32, r rounding) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = T(r.of(float64(v / scale)))
	}
}

// limits are the least and greatest value of the dtypes that are quantised to.
func limits(d tensor.DType) (lo, hi float64, ok bool) {
	switch d {
	case tensor.U8:
		return 0, math.MaxUint8, true
	case tensor.I8:
		return math.MinInt8, math.MaxInt8, true
	case tensor.U16:
		return 0, math.MaxUint16, true
	case tensor.I16:
		return math.MinInt16, math.MaxInt16, true
	}
	return 0, 0, false
}

// dequantize is DequantizeLinear (ai.onnx 10 to today): (x - zero point) · scale, computed in F32, in the scale's dtype or
// output_dtype (23 to today).
func dequantize(s *engine.Site) (engine.Kernel, error) {
	var own []string
	if s.Opset >= 23 {
		own = append(own, "output_dtype")
	}
	g, to, err := readLinear(s, own...)
	if err != nil {
		return nil, err
	}
	if to != tensor.Invalid && !to.Float() {
		return nil, s.Refuse("output_dtype %v is no float type", to)
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x, scale := c.In[0], c.In[1]
		b, err := g.plan(x, scale)
		if err != nil {
			return err
		}
		if c.Has(2) && c.In[2].DType() != x.DType() {
			return fmt.Errorf("zero point is %v, the input %v", c.In[2], x)
		}
		zero, err := zeros(c, 2, scale)
		if err != nil {
			return err
		}
		out := c.New(tensor.F32, x.Shape()...)
		if err := runDequantize(out, x, scale, zero, b, g.block > 0); err != nil {
			return err
		}
		result := to
		if result == tensor.Invalid {
			result = scale.DType()
		}
		c.Out[0], err = tensor.Convert(out, result)
		return err
	}), nil
}

func runDequantize(out, x, scale *tensor.Tensor, zero []int64, b blocks, blocked bool) error {
	wide, err := tensor.Convert(scale, tensor.F32)
	if err != nil {
		return err
	}
	scales, to := tensor.Of[float32](wide), tensor.Of[float32](out)
	switch x.DType() {
	case tensor.U8:
		dequantizeAll(to, tensor.Of[uint8](x), scales, zero, b, blocked)
	case tensor.I8:
		dequantizeAll(to, tensor.Of[int8](x), scales, zero, b, blocked)
	case tensor.U16:
		dequantizeAll(to, tensor.Of[uint16](x), scales, zero, b, blocked)
	case tensor.I16:
		dequantizeAll(to, tensor.Of[int16](x), scales, zero, b, blocked)
	default:
		dequantizeAll(to, tensor.Of[int32](x), scales, zero, b, blocked)
	}
	return nil
}

func dequantizeAll[T uint8 | int8 | uint16 | int16 | int32](dst []float32, x []T, scales []float32, zero []int64, b blocks, blocked bool) {
	b.runs(len(x), blocked, func(from, to, at int) {
		scale, z := scales[at], int64(0)
		if zero != nil {
			z = zero[at]
		}
		run := dst[from:to]
		for i, v := range x[from:to] {
			run[i] = float32(int64(v)-z) * scale
		}
	}, func(from, to, at int) {
		run, factors := dst[from:to], scales[at:at+to-from]
		if zero == nil {
			for i, v := range x[from:to] {
				run[i] = float32(v) * factors[i]
			}
			return
		}
		points := zero[at : at+to-from]
		for i, v := range x[from:to] {
			run[i] = float32(int64(v)-points[i]) * factors[i]
		}
	})
}

// dynamic is DynamicQuantizeLinear (ai.onnx 11 to today): to U8 with scale (max - min) / 255, where the range is widened
// to hold 0, and zero point saturate(round(-min / scale)); scale 1 when all is 0. The outputs are y, scale, zero point.
func dynamic(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 3); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := tensor.Of[float32](c.In[0])
		var lo, hi float32
		for _, v := range x {
			if !(v >= lo && v <= hi) { // NaN too
				lo, hi = min(lo, v), max(hi, v)
			}
		}
		scale := (hi - lo) / 255
		if scale == 0 {
			scale = 1
		}
		around := roundingTo(0, 0, 255)
		zero := around.of(float64(-lo / scale))
		outs := []*tensor.Tensor{c.New(tensor.U8, c.In[0].Shape()...), c.New(tensor.F32), c.New(tensor.U8)}
		copy(c.Out, outs)
		tensor.Of[float32](outs[1])[0] = scale
		outs[2].Bytes()[0] = byte(zero)
		quantizeRun(outs[0].Bytes(), x, scale, roundingTo(int64(zero), 0, 255))
		return nil
	}), nil
}
