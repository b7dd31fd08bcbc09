package index

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// oneHot is OneHot (ai.onnx 9 to today): a new dimension of size depth at axis (default the last), in which the second
// of values stands at the index and the first elsewhere. An index may count from the end (since 11); one outside gives
// the first value alone. Indices and depth of floats are truncated.
func oneHot(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis"); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	attr := s.Node.Int("axis", -1)
	return engine.KernelFunc(func(c *engine.Call) error {
		index, values := c.In[0], c.In[2]
		depth, err := truncated(c.In[1])
		if err != nil {
			return err
		}
		if len(depth) != 1 || depth[0] < 0 || depth[0] > math.MaxInt32 || values.Rank() != 1 || values.Len() != 2 {
			return fmt.Errorf("depth is %v and values %v, wanted one number from 0 to 2^31 - 1 and a pair", c.In[1], values)
		}
		axis, ok := engine.Axis(attr, index.Rank()+1)
		if !ok {
			return fmt.Errorf("axis %d does not lie in a result of %d dimensions", attr, index.Rank()+1)
		}
		at, err := truncated(index)
		if err != nil {
			return err
		}
		n := int(depth[0])
		shape := append(index.Shape()[:axis].Clone(), n)
		shape = append(shape, index.Shape()[axis:]...)
		if _, err := shape.Elements(); err != nil {
			return err
		}
		outer, inner, _ := strided.Around(index.Shape(), axis, index.Rank())
		if values.DType() == tensor.String {
			return hotStrings(c, at, shape, outer, inner, n)
		}
		c.Out[0] = c.New(values.DType(), shape...)
		size := values.DType().Size()
		dst, off, on := c.Out[0].Bytes(), values.Bytes()[:size], values.Bytes()[size:2*size]
		for filled := copy(dst, off); filled < len(dst) && filled > 0; filled *= 2 {
			copy(dst[filled:], dst[:filled])
		}
		hot(at, outer, inner, n, func(to int) { copy(dst[to*size:(to+1)*size], on) })
		return nil
	}), nil
}

// hot calls set for every place of the result where the index stands.
func hot(at []int64, outer, inner, depth int, set func(to int)) {
	for o := range outer {
		for in := range inner {
			if v, ok := engine.Axis(at[o*inner+in], depth); ok {
				set((o*depth+v)*inner + in)
			}
		}
	}
}

func hotStrings(c *engine.Call, at []int64, shape tensor.Shape, outer, inner, depth int) (err error) {
	if err = engine.CheckSize(tensor.String, shape); err != nil {
		return err
	}
	values := make([]string, outer*depth*inner)
	for i := range values {
		values[i] = c.In[2].StringAt(0)
	}
	on := c.In[2].StringAt(1)
	hot(at, outer, inner, depth, func(to int) { values[to] = on })
	c.Out[0], err = tensor.FromStrings(shape, values)
	return err
}

// truncated are the numbers of a tensor without their fractions.
func truncated(t *tensor.Tensor) ([]int64, error) {
	if t.DType() == tensor.I64 {
		return tensor.Of[int64](t), nil
	}
	if t.DType() == tensor.Bool {
		return nil, fmt.Errorf("found %v, wanted numbers", t)
	}
	if !t.DType().Float() {
		wide, err := tensor.Convert(t, tensor.I64)
		if err != nil {
			return nil, err
		}
		return tensor.Of[int64](wide), nil
	}
	wide, err := tensor.Convert(t, tensor.F64)
	if err != nil {
		return nil, err
	}
	out := make([]int64, t.Len())
	for i, v := range tensor.Of[float64](wide) {
		if !(math.Abs(v) < 1<<62) {
			return nil, fmt.Errorf("element %d of %v is %v, which is no index", i, t, v)
		}
		out[i] = int64(v)
	}
	return out, nil
}
