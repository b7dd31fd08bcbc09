package index

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// nonZero is NonZero (ai.onnx 9 to today): the indices of the elements that are not 0 (or not empty strings), in
// row-major order, as an I64 matrix with one row for each dimension.
func nonZero(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() == 0 {
			one, err := x.Reshape(1)
			if err != nil {
				return err
			}
			x = one
		}
		found := tensor.Of[int64](c.New(tensor.I64, x.Len()))
		found = found[:nonZeros(found, x)]
		c.Out[0] = c.New(tensor.I64, x.Rank(), len(found))
		out, step := tensor.Of[int64](c.Out[0]), strided.RowMajor(x.Shape())
		for d, st := range step {
			row := out[d*len(found) : (d+1)*len(found)]
			for i, at := range found {
				row[i] = at / int64(st)
				found[i] = at % int64(st)
			}
		}
		return nil
	}), nil
}

// nonZeros writes the offsets of the elements that are not 0, and returns their number.
func nonZeros(to []int64, x *tensor.Tensor) int {
	switch x.DType() {
	case tensor.F32:
		return others(to, tensor.Of[float32](x))
	case tensor.F64:
		return others(to, tensor.Of[float64](x))
	case tensor.F16, tensor.BF16:
		n := 0
		for i, v := range tensor.Of[uint16](x) {
			if v&0x7fff != 0 { // -0 is 0 too
				to[n] = int64(i)
				n++
			}
		}
		return n
	case tensor.String:
		n := 0
		for i := range x.Len() {
			if x.StringAt(i) != "" {
				to[n] = int64(i)
				n++
			}
		}
		return n
	}
	switch x.DType().Size() {
	case 1:
		return others(to, tensor.Of[uint8](x))
	case 2:
		return others(to, tensor.Of[uint16](x))
	case 4:
		return others(to, tensor.Of[uint32](x))
	}
	return others(to, tensor.Of[uint64](x))
}

func others[T number](to []int64, x []T) int {
	n := 0
	for i, v := range x {
		if v != 0 {
			to[n] = int64(i)
			n++
		}
	}
	return n
}

// compress is Compress (ai.onnx 9 to today): the slices of the input along axis (default: the elements, flattened) whose
// condition is true. A condition that is too short leaves out the rest.
func compress(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	_, given := s.Node.Attrs["axis"]
	attr := s.Node.Int("axis", 0)
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		x, axis := c.In[0], 0
		if c.In[1].DType() != tensor.Bool {
			return fmt.Errorf("the condition is %v, wanted booleans", c.In[1])
		}
		if !given {
			if x, err = x.Reshape(x.Len()); err != nil {
				return err
			}
		} else {
			ok := false
			if axis, ok = engine.Axis(attr, x.Rank()); !ok {
				return fmt.Errorf("axis %d does not lie in %v", attr, x)
			}
		}
		kept := tensor.Of[int64](c.New(tensor.I64, c.In[1].Len()))
		kept = kept[:nonZeros(kept, c.In[1])]
		outer, count, inner := strided.Around(x.Shape(), axis, axis+1)
		if len(kept) > 0 && kept[len(kept)-1] >= int64(count) {
			return fmt.Errorf("the condition is true at %d, and there are %d slices", kept[len(kept)-1], count)
		}
		shape := x.Shape().Clone()
		shape[axis] = len(kept)
		c.Out[0], err = pick(c, x, shape, outer*len(kept), inner, func(i int) int {
			return (i/len(kept)*count + int(kept[i%len(kept)])) * inner
		})
		return err
	}), nil
}

// reverseSequence is ReverseSequence (ai.onnx 10 to today): along time_axis (default 0) each batch, which is an index
// along batch_axis (default 1), has its first sequence_lens elements in reverse order.
func reverseSequence(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("batch_axis", "time_axis"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	batch, time := s.Node.Int("batch_axis", 1), s.Node.Int("time_axis", 0)
	if batch+time != 1 || batch*time != 0 {
		return nil, s.Refuse("batch_axis is %d and time_axis %d, wanted 0 and 1 or 1 and 0", batch, time)
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		lens, err := engine.Int64s(c.In[1])
		if err != nil {
			return err
		}
		if x.Rank() < 2 || len(lens) != x.Dim(int(batch)) {
			return fmt.Errorf("input is %v with %d lengths, wanted one length for each batch", x, len(lens))
		}
		for _, n := range lens {
			if n < 0 || n > int64(x.Dim(int(time))) {
				return fmt.Errorf("length %d does not lie in %v", n, x)
			}
		}
		_, _, inner := strided.Around(x.Shape(), 0, 2)
		cols := x.Dim(1)
		c.Out[0], err = pick(c, x, x.Shape(), x.Dim(0)*cols, inner, func(i int) int {
			at := [2]int{i / cols, i % cols}
			if n := int(lens[at[batch]]); at[time] < n {
				at[time] = n - 1 - at[time]
			}
			return (at[0]*cols + at[1]) * inner
		})
		return err
	}), nil
}
