package elementwise

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// clips: Clip (ai.onnx 1 to today) of numbers: the nearest number between min and max; NaN stays NaN. Without a bound it is the
// type's last finite number.
func clips() engine.Table {
	floats, numbers := []engine.Types{engine.Floats()}, []engine.Types{engine.Numbers()}
	return engine.Table{{Op: "Clip"}: {
		{Since: 1, Until: 10, Build: clipAttrs, In: floats, Half: true},
		{Since: 11, Build: clipInputs, In: numbers, Half: true}}}
}

// clipAttrs is Clip (ai.onnx 1 to 10): bounds are attributes.
func clipAttrs(s *engine.Site) (engine.Kernel, error) {
	names := []string{"min", "max"}
	if s.Opset < 6 {
		names = append(names, "consumed_inputs")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	lo, hi := s.Node.Float("min", -math.MaxFloat32), s.Node.Float("max", math.MaxFloat32)
	return overFloats(func(dst, x []float32) { clamp(dst, x, lo, hi) },
		func(dst, x []float64) { clamp(dst, x, float64(lo), float64(hi)) }).kernel(), nil
}

// clipInputs is Clip (ai.onnx 11 to today): optional scalar inputs min and max of the input's type. Where min exceeds
// max the result is max.
func clipInputs(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 3, 1); err != nil {
		return nil, err
	}
	run := map[tensor.DType]func(c *engine.Call){
		tensor.F32: clip[float32](-math.MaxFloat32, math.MaxFloat32), tensor.F64: clip(-math.MaxFloat64, math.MaxFloat64),
		tensor.I8: clip[int8](math.MinInt8, math.MaxInt8), tensor.I16: clip[int16](math.MinInt16, math.MaxInt16),
		tensor.I32: clip[int32](math.MinInt32, math.MaxInt32), tensor.I64: clip[int64](math.MinInt64, math.MaxInt64),
		tensor.U8: clip[uint8](0, math.MaxUint8), tensor.U16: clip[uint16](0, math.MaxUint16),
		tensor.U32: clip[uint32](0, math.MaxUint32), tensor.U64: clip[uint64](0, math.MaxUint64),
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		for i := 1; i < 3; i++ {
			if c.Has(i) && (c.In[i].DType() != x.DType() || c.In[i].Len() != 1) {
				return fmt.Errorf("bound %d is %v, wanted one number of the input's type %s", i, c.In[i], x.DType())
			}
		}
		f := run[x.DType()]
		if f == nil {
			return fmt.Errorf("input is %v, wanted a number", x)
		}
		f(c)
		return nil
	}), nil
}

// clip takes the bounds of a call, or these where it has none.
func clip[T number](lo, hi T) func(c *engine.Call) {
	return func(c *engine.Call) {
		lo, hi := lo, hi
		if c.Has(1) {
			lo = tensor.Of[T](c.In[1])[0]
		}
		if c.Has(2) {
			hi = tensor.Of[T](c.In[2])[0]
		}
		c.Out[0] = c.New(c.In[0].DType(), c.In[0].Shape()...)
		clamp(tensor.Of[T](c.Out[0]), tensor.Of[T](c.In[0]), lo, hi)
	}
}

func clamp[T number](dst, x []T, lo, hi T) {
	for i, v := range x[:len(dst)] {
		dst[i] = min(max(v, lo), hi)
	}
}
