package elementwise

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

func whereTypes() []engine.Types {
	return []engine.Types{engine.TypesOf(tensor.Bool), engine.Any()}
}

// where is Where (ai.onnx 9 to today) of every dtype: after broadcasting, elements of the second input where the first is
// true, else of the third.
func where(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		cond, x, y := c.In[0], c.In[1], c.In[2]
		if cond.DType() != tensor.Bool || x.DType() != y.DType() {
			return fmt.Errorf("inputs are %v, %v and %v, wanted booleans and two tensors of one type", cond, x, y)
		}
		shape, err := strided.BroadcastShape(x.Shape(), y.Shape())
		if err != nil {
			return err
		}
		if shape, err = strided.BroadcastShape(shape, cond.Shape()); err != nil {
			return err
		}
		l := strided.Broadcast(shape, cond.Shape(), x.Shape(), y.Shape())
		if x.DType() == tensor.String {
			c.Out[0], err = chooseStrings(&l, shape, cond, x, y)
			return err
		}
		c.Out[0] = c.New(x.DType(), shape...)
		switch x.DType().Size() {
		case 1:
			choose[uint8](&l, c.Out[0], cond, x, y)
		case 2:
			choose[uint16](&l, c.Out[0], cond, x, y)
		case 4:
			choose[uint32](&l, c.Out[0], cond, x, y)
		default:
			choose[uint64](&l, c.Out[0], cond, x, y)
		}
		return nil
	}), nil
}

func choose[T tensor.Element](l *strided.Loop, out, cond, x, y *tensor.Tensor) {
	dst, test, yes, no := tensor.Of[T](out), tensor.Of[bool](cond), tensor.Of[T](x), tensor.Of[T](y)
	stepC, stepX, stepY := l.Inner[0], l.Inner[1], l.Inner[2]
	for ok := l.Start(); ok; ok = l.Next() {
		d, ic, ix, iy := dst[l.Out:l.Out+l.Run], l.At[0], l.At[1], l.At[2]
		for i := range d {
			v := no[iy]
			if test[ic] {
				v = yes[ix]
			}
			d[i] = v
			ic, ix, iy = ic+stepC, ix+stepX, iy+stepY
		}
	}
}

func chooseStrings(l *strided.Loop, shape tensor.Shape, cond, x, y *tensor.Tensor) (*tensor.Tensor, error) {
	n, err := shape.Elements()
	if err != nil {
		return nil, err
	}
	values, test := make([]string, 0, n), tensor.Of[bool](cond)
	for ok := l.Start(); ok; ok = l.Next() {
		for i := range l.Run {
			from, at := y, l.At[2]+i*l.Inner[2]
			if test[l.At[0]+i*l.Inner[0]] {
				from, at = x, l.At[1]+i*l.Inner[1]
			}
			values = append(values, from.StringAt(at))
		}
	}
	return tensor.FromStrings(shape, values)
}
