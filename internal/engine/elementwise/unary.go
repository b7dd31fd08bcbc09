package elementwise

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// loops are one operator's loops by dtype, over tensors of one shape.
type loops map[tensor.DType]func(dst, x *tensor.Tensor)

func (l loops) types() engine.Types {
	var s engine.Types
	for d := range l {
		s |= engine.TypesOf(d)
	}
	return s
}

func over[D, T tensor.Element](loop func(dst []D, x []T)) func(dst, x *tensor.Tensor) {
	return func(dst, x *tensor.Tensor) { loop(tensor.Of[D](dst), tensor.Of[T](x)) }
}

func overFloats(f32 func(dst, x []float32), f64 func(dst, x []float64)) loops {
	return loops{tensor.F32: over(f32), tensor.F64: over(f64)}
}

func (l loops) signed(i8 func(dst, x []int8), i16 func(dst, x []int16), i32 func(dst, x []int32), i64 func(dst, x []int64)) loops {
	l[tensor.I8], l[tensor.I16], l[tensor.I32], l[tensor.I64] = over(i8), over(i16), over(i32), over(i64)
	return l
}

func (l loops) unsigned(u8 func(dst, x []uint8), u16 func(dst, x []uint16), u32 func(dst, x []uint32), u64 func(dst, x []uint64)) loops {
	l[tensor.U8], l[tensor.U16], l[tensor.U32], l[tensor.U64] = over(u8), over(u16), over(u32), over(u64)
	return l
}

// through calls f for every element, in float64, and rounds once. It is for functions that cost more than a call.
func through(f func(float64) float64) loops { return throughEach(f, f) }

// throughEach is through with a function for float32, which may be less exact, and one for float64.
func throughEach(f32, f64 func(float64) float64) loops {
	return overFloats(func(dst, x []float32) {
		for i, v := range x[:len(dst)] {
			dst[i] = float32(f32(float64(v)))
		}
	}, eachWide(f64))
}

// eachWide calls f for every element.
func eachWide(f func(float64) float64) func(dst, x []float64) {
	return func(dst, x []float64) {
		for i, v := range x[:len(dst)] {
			dst[i] = f(v)
		}
	}
}

// attribute is a float attribute of a function, and its default.
type attribute struct {
	name  string
	value float32
}

// function is an operator of one input whose result has the input's type. It has the same definition in all versions
// since the one named, but for the types.
type function struct {
	since  int64
	params []attribute
	loops  func(p []float64) loops // by the values of params
	keep   bool                    // types of F16 and BF16 do not go through F32
}

func plainly(l loops) func([]float64) loops { return func([]float64) loops { return l } }

func (f function) operators() []engine.Operator {
	defaults := make([]float64, len(f.params))
	for i, a := range f.params {
		defaults[i] = float64(a.value)
	}
	return []engine.Operator{{Since: f.since, Build: f.build, In: []engine.Types{f.loops(defaults).types()}, Half: !f.keep}}
}

func (f function) build(s *engine.Site) (engine.Kernel, error) {
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	var names []string
	var values []float64
	for _, a := range f.params {
		names = append(names, a.name)
		values = append(values, float64(s.Node.Float(a.name, a.value))) // attributes are 32-bit floats, and so are their defaults
	}
	if s.Opset < 6 {
		names = append(names, "consumed_inputs")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	return f.loops(values).kernel(), nil
}

func (l loops) kernel() engine.Kernel {
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		loop := l[x.DType()]
		if loop == nil {
			return fmt.Errorf("input is %v, wanted one of %v", x, l.types())
		}
		c.Out[0] = c.New(x.DType(), x.Shape()...)
		loop(c.Out[0], x)
		return nil
	})
}

func table(defs map[string]function) engine.Table {
	t := engine.Table{}
	for op, f := range defs {
		t[engine.Key{Op: op}] = f.operators()
	}
	return t
}
