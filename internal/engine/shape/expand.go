package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// expand is Expand (ai.onnx 8 to today): the input, broadcast together with the shape that the second input names.
func expand(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	list, err := s.Ints(1)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		dims, _, err := list.At(c)
		if err != nil {
			return err
		}
		want, err := shapeOfList(dims)
		if err != nil {
			return err
		}
		shape, err := strided.BroadcastShape(c.In[0].Shape(), want)
		if err != nil {
			return err
		}
		c.Out[0], err = strided.Copy(c, c.In[0], shape, strided.Stretched(c.In[0].Shape(), len(shape)), 0)
		return err
	}), nil
}

// tile is Tile (ai.onnx 6 to today): the input repeated along each dimension as often as the second input says.
func tile(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	list, err := s.Ints(1)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		repeats, _, err := list.At(c)
		if err != nil {
			return err
		}
		return tiled(c, repeats)
	}), nil
}

// tileAxis is Tile (ai.onnx 1 to 5): as often as tiles says along one axis. Both are scalars of the input's type.
func tileAxis(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		var numbers [2]int64
		for i := range numbers {
			whole, err := convert(c, c.In[i+1], tensor.I64)
			if err != nil {
				return err
			}
			if whole.Len() != 1 {
				return fmt.Errorf("input %d is %v, wanted one number", i+1, c.In[i+1])
			}
			numbers[i] = tensor.Of[int64](whole)[0]
		}
		axis, ok := engine.Axis(numbers[1], c.In[0].Rank())
		if !ok {
			return fmt.Errorf("axis %d does not lie in %v", numbers[1], c.In[0])
		}
		repeats := make([]int64, c.In[0].Rank())
		for d := range repeats {
			repeats[d] = 1
		}
		repeats[axis] = numbers[0]
		return tiled(c, repeats)
	}), nil
}

func tiled(c *engine.Call, repeats []int64) error {
	x := c.In[0]
	if len(repeats) != x.Rank() {
		return fmt.Errorf("repeats are %v, wanted one for each dimension of %v", repeats, x)
	}
	last, err := shapeOfList(repeats)
	if err != nil {
		return err
	}
	// Seen with two dimensions for each, the input stands still along the first of them.
	shape, step, from := make(tensor.Shape, 2*x.Rank()), make([]int, 2*x.Rank()), strided.RowMajor(x.Shape())
	for d, n := range x.Shape() {
		shape[2*d], shape[2*d+1], step[2*d+1] = last[d], n, from[d]
		last[d] *= n
	}
	if n, err := shape.Elements(); err != nil || n > 1<<56 {
		return fmt.Errorf("%v repeated %v times is too large", x, repeats)
	}
	return rearrange(c, shape, step, last)
}

// trilu is Trilu (ai.onnx 14 to today): matrices whose elements below (upper=1, the default) or above the diagonal k
// (the second input, default 0) are zeros.
func trilu(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("upper"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 2, 1); err != nil {
		return nil, err
	}
	list, err := s.Ints(1)
	if err != nil {
		return nil, err
	}
	upper := s.Node.Int("upper", 1) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		k, given, err := list.At(c)
		if err != nil {
			return err
		}
		diagonal := int64(0)
		if given && len(k) == 1 {
			diagonal = k[0]
		}
		x := c.In[0]
		if x.Rank() < 2 || x.DType().Size() == 0 || given && len(k) != 1 {
			return fmt.Errorf("input is %v and k %v, wanted matrices of fixed size and one number", x, k)
		}
		c.Out[0] = c.New(x.DType(), x.Shape()...)
		rows, cols, size := x.Dim(x.Rank()-2), x.Dim(x.Rank()-1), x.DType().Size()
		copy(c.Out[0].Bytes(), x.Bytes())
		for at, row := 0, 0; at < len(c.Out[0].Bytes()); at, row = at+cols*size, (row+1)%rows {
			line := c.Out[0].Bytes()[at : at+cols*size]
			if upper {
				clear(line[:size*int(max(0, min(int64(row)+min(diagonal, int64(cols)), int64(cols))))])
			} else {
				clear(line[size*int(max(0, min(int64(row)+min(diagonal, int64(cols))+1, int64(cols)))):])
			}
		}
		return nil
	}), nil
}
