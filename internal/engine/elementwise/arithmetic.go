package elementwise

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// ops are one operator's loops by dtype; nil where the operator is not defined or not covered.
type ops struct {
	f32 func(dst, a, b []float32)
	f64 func(dst, a, b []float64)
	i32 func(dst, a, b []int32)
	i64 func(dst, a, b []int64)
}

// arithmetic: Add, Sub, Mul, Div (ai.onnx 7 to today) for floats, I32 and I64, where integers wrap around and a division
// truncates; Pow (7 to today) for floats of one type; Min and Max (8 to today) for floats and NaN wins.
func arithmetic() engine.Table {
	return engine.Table{
		{Op: "Add"}: {{Since: 7, In: narrow(), Half: true, Build: buildBinary(ops{add[float32], add[float64], add[int32], add[int64]})}},
		{Op: "Sub"}: {{Since: 7, In: narrow(), Half: true, Build: buildBinary(ops{sub[float32], sub[float64], sub[int32], sub[int64]})}},
		{Op: "Mul"}: {{Since: 7, In: narrow(), Half: true, Build: buildBinary(ops{mul[float32], mul[float64], mul[int32], mul[int64]})}},
		{Op: "Div"}: {{Since: 7, In: floats(), Half: true, Build: buildBinary(ops{f32: div[float32], f64: div[float64]})}},
		{Op: "Pow"}: {{Since: 7, In: floats(), Half: true, Build: buildBinary(ops{f32: pow[float32], f64: pow[float64]})}},
		{Op: "Min"}: {{Since: 8, In: floats(), Half: true, Build: buildFold(ops{f32: least[float32], f64: least[float64]})}},
		{Op: "Max"}: {{Since: 8, In: floats(), Half: true, Build: buildFold(ops{f32: greatest[float32], f64: greatest[float64]})}},
		{Op: "Sum"}: {{Since: 8, In: floats(), Half: true, Build: buildFold(ops{f32: add[float32], f64: add[float64]})}},
	}
}

type number interface {
	~float32 | ~float64 | ~int32 | ~int64
}

type float interface{ ~float32 | ~float64 }

func add[T number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func sub[T number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mul[T number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func div[T float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

func pow[T float](dst, a, b []T) {
	for i := range dst {
		dst[i] = T(math.Pow(float64(a[i]), float64(b[i])))
	}
}

func least[T float](dst, a, b []T) {
	for i := range dst {
		dst[i] = min(a[i], b[i])
	}
}

func greatest[T float](dst, a, b []T) {
	for i := range dst {
		dst[i] = max(a[i], b[i])
	}
}

// prelu is PRelu (ai.onnx 7 to today): x where it is at least 0, slope·x elsewhere.
func prelu[T float](dst, x, slope []T) {
	for i := range dst {
		dst[i] = x[i]
		if x[i] < 0 {
			dst[i] = x[i] * slope[i]
		}
	}
}

func buildBinary(o ops) func(s *engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only(); err != nil {
			return nil, err
		}
		if err := s.Arity(2, 2, 1); err != nil {
			return nil, err
		}
		return engine.KernelFunc(func(c *engine.Call) (err error) {
			c.Out[0], err = o.run(c, c.In[0], c.In[1])
			return err
		}), nil
	}
}

// buildFold builds an operator of any number of inputs, folded from the left.
func buildFold(o ops) func(s *engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only(); err != nil {
			return nil, err
		}
		if err := s.Arity(len(s.Node.Inputs), max(1, len(s.Node.Inputs)), 1); err != nil {
			return nil, err
		}
		if len(s.Node.Inputs) == 0 {
			return nil, s.Refuse("no inputs")
		}
		return engine.KernelFunc(func(c *engine.Call) (err error) {
			c.Out[0] = c.In[0]
			for _, next := range c.In[1:] {
				if c.Out[0], err = o.run(c, c.Out[0], next); err != nil {
					return err
				}
			}
			return nil
		}), nil
	}
}

func (o ops) run(c *engine.Call, a, b *tensor.Tensor) (*tensor.Tensor, error) {
	if a.DType() != b.DType() {
		return nil, fmt.Errorf("operands %v and %v have different types", a, b)
	}
	switch {
	case a.DType() == tensor.F32 && o.f32 != nil:
		return runOn(c, o.f32, a, b)
	case a.DType() == tensor.F64 && o.f64 != nil:
		return runOn(c, o.f64, a, b)
	case a.DType() == tensor.I32 && o.i32 != nil:
		return runOn(c, o.i32, a, b)
	case a.DType() == tensor.I64 && o.i64 != nil:
		return runOn(c, o.i64, a, b)
	}
	return nil, fmt.Errorf("operands are %s, which this operator is not covered for", a.DType())
}

func runOn[T number](c *engine.Call, op func(dst, a, b []T), a, b *tensor.Tensor) (*tensor.Tensor, error) {
	shape, err := broadcastShape(a.Shape(), b.Shape())
	if err != nil {
		return nil, err
	}
	out := c.New(a.DType(), shape...)
	apply(newWalk(a.Shape(), b.Shape(), shape), op, tensor.Of[T](out), tensor.Of[T](a), tensor.Of[T](b))
	return out, nil
}
