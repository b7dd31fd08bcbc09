package elementwise

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// logic: Not (ai.onnx 1 to today), And and Or (7 to today) of booleans; Equal, Greater and Less (7 and 9 to today) of two
// numbers of one type among F32, F64, I32 and I64, with a boolean result; Where (9 to today) of a condition and two
// tensors of one of these types.
func logic() engine.Table {
	boolean := func(f func(a, b bool) bool) func(s *engine.Site) (engine.Kernel, error) {
		return pairwise(comparison{boolean: f})
	}
	return engine.Table{
		{Op: "Not"}:     {{Since: 1, In: booleans(), Build: not}},
		{Op: "And"}:     {{Since: 7, In: booleans(), Build: boolean(func(a, b bool) bool { return a && b })}},
		{Op: "Or"}:      {{Since: 7, In: booleans(), Build: boolean(func(a, b bool) bool { return a || b })}},
		{Op: "Equal"}:   {{Since: 7, In: []engine.Types{narrow()[0] | engine.TypesOf(tensor.Bool)}, Half: true, Build: pairwise(comparison{equal[float32], equal[float64], equal[int32], equal[int64], equal[bool]})}},
		{Op: "Greater"}: {{Since: 7, In: narrow(), Half: true, Build: pairwise(comparison{f32: greater[float32], f64: greater[float64], i32: greater[int32], i64: greater[int64]})}},
		{Op: "Less"}:    {{Since: 7, In: narrow(), Half: true, Build: pairwise(comparison{f32: less[float32], f64: less[float64], i32: less[int32], i64: less[int64]})}},
		{Op: "Where"}:   {{Since: 9, In: []engine.Types{engine.TypesOf(tensor.Bool), engine.Fixed()}, Build: where}},
	}
}

func booleans() []engine.Types { return []engine.Types{engine.TypesOf(tensor.Bool)} }

// comparison is one operator's rule by dtype.
type comparison struct {
	f32     func(a, b float32) bool
	f64     func(a, b float64) bool
	i32     func(a, b int32) bool
	i64     func(a, b int64) bool
	boolean func(a, b bool) bool
}

func equal[T comparable](a, b T) bool { return a == b }
func greater[T number](a, b T) bool   { return a > b }
func less[T number](a, b T) bool      { return a < b }

func not(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		if c.In[0].DType() != tensor.Bool {
			return fmt.Errorf("input is %v, wanted booleans", c.In[0])
		}
		c.Out[0] = c.New(tensor.Bool, c.In[0].Shape()...)
		dst := tensor.Of[bool](c.Out[0])
		for i, v := range tensor.Of[bool](c.In[0]) {
			dst[i] = !v
		}
		return nil
	}), nil
}

func pairwise(o comparison) func(s *engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only(); err != nil {
			return nil, err
		}
		if err := s.Arity(2, 2, 1); err != nil {
			return nil, err
		}
		return engine.KernelFunc(func(c *engine.Call) error {
			a, b := c.In[0], c.In[1]
			switch {
			case a.DType() != b.DType():
			case a.DType() == tensor.F32 && o.f32 != nil:
				return decide(c, o.f32)
			case a.DType() == tensor.F64 && o.f64 != nil:
				return decide(c, o.f64)
			case a.DType() == tensor.I32 && o.i32 != nil:
				return decide(c, o.i32)
			case a.DType() == tensor.I64 && o.i64 != nil:
				return decide(c, o.i64)
			case a.DType() == tensor.Bool && o.boolean != nil:
				return decide(c, o.boolean)
			}
			return fmt.Errorf("operands %v and %v have different types, or one that is not covered", a, b)
		}), nil
	}
}

func decide[T tensor.Element](c *engine.Call, f func(a, b T) bool) error {
	a, b := c.In[0], c.In[1]
	shape, err := broadcastShape(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	c.Out[0] = c.New(tensor.Bool, shape...)
	dst, x, y := tensor.Of[bool](c.Out[0]), tensor.Of[T](a), tensor.Of[T](b)
	w := newWalk(a.Shape(), b.Shape(), shape)
	if len(dst) == 0 {
		return nil
	}
	w.each(func(o, ia, ib int) {
		for i := range w.run {
			dst[o+i] = f(x[ia], y[ib])
			ia, ib = ia+step(w.moveA), ib+step(w.moveB)
		}
	})
	return nil
}

func step(moves bool) int {
	if moves {
		return 1
	}
	return 0
}

// where picks, element by element after broadcasting, from its second input where the first is true, else from its third.
func where(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		cond, x, y := c.In[0], c.In[1], c.In[2]
		if cond.DType() != tensor.Bool || x.DType() != y.DType() || x.DType().Size() == 0 {
			return fmt.Errorf("inputs are %v, %v and %v, wanted booleans and two tensors of one type", cond, x, y)
		}
		shape, err := broadcastShape(x.Shape(), y.Shape())
		if err != nil {
			return err
		}
		if shape, err = broadcastShape(shape, cond.Shape()); err != nil {
			return err
		}
		c.Out[0] = c.New(x.DType(), shape...)
		size, n := x.DType().Size(), c.Out[0].Len()
		steps := [3][]int{strides(cond.Shape(), len(shape)), strides(x.Shape(), len(shape)), strides(y.Shape(), len(shape))}
		at, index := [3]int{}, make([]int, len(shape))
		for i := range n {
			from, off := x, at[1]
			if cond.Bytes()[at[0]] == 0 {
				from, off = y, at[2]
			}
			copy(c.Out[0].Bytes()[i*size:(i+1)*size], from.Bytes()[off*size:])
			advance(index, shape, &at, &steps)
		}
		return nil
	}), nil
}

// advance moves an odometer over shape, and the offsets of three operands with it.
func advance(index []int, shape tensor.Shape, at *[3]int, steps *[3][]int) {
	for d := len(shape) - 1; d >= 0; d-- {
		index[d]++
		for k := range at {
			at[k] += steps[k][d]
		}
		if index[d] < shape[d] {
			return
		}
		for k := range at {
			at[k] -= steps[k][d] * index[d]
		}
		index[d] = 0
	}
}
