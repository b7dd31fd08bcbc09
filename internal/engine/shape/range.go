package shape

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// ranged is Range (ai.onnx 11 to today): start + i·delta for i from 0 while that lies before limit, of three scalars of
// one type. Floats are computed in float64 and rounded once.
func ranged(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("stash_type"); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		for _, t := range c.In {
			if t.Len() != 1 || t.DType() != c.In[0].DType() {
				return fmt.Errorf("inputs are %v, %v and %v, wanted three scalars of one type", c.In[0], c.In[1], c.In[2])
			}
		}
		switch c.In[0].DType() {
		case tensor.F32:
			return rangeFloat[float32](c)
		case tensor.F64:
			return rangeFloat[float64](c)
		case tensor.I16:
			return rangeWhole[int16](c)
		case tensor.I32:
			return rangeWhole[int32](c)
		case tensor.I64:
			return rangeWhole[int64](c)
		}
		return fmt.Errorf("inputs are %s, wanted F32, F64, I16, I32 or I64", c.In[0].DType())
	}), nil
}

// longest bounds what Range makes, because its length stands in values and not in a shape.
const longest = 1 << 40

func rangeFloat[T float32 | float64](c *engine.Call) error {
	start, limit, delta := float64(tensor.Of[T](c.In[0])[0]), float64(tensor.Of[T](c.In[1])[0]), float64(tensor.Of[T](c.In[2])[0])
	n := math.Ceil((limit - start) / delta)
	if delta == 0 || !(n < longest) {
		return fmt.Errorf("from %v to %v by %v is no finite range", start, limit, delta)
	}
	c.Out[0] = c.New(c.In[0].DType(), max(0, int(n)))
	dst := tensor.Of[T](c.Out[0])
	for i := range dst {
		dst[i] = T(start + float64(float64(i)*delta))
	}
	return nil
}

func rangeWhole[T int16 | int32 | int64](c *engine.Call) error {
	start, limit, delta := tensor.Of[T](c.In[0])[0], tensor.Of[T](c.In[1])[0], tensor.Of[T](c.In[2])[0]
	var n uint64
	switch {
	case delta > 0 && start < limit:
		n = (uint64(limit)-uint64(start)-1)/uint64(delta) + 1
	case delta < 0 && start > limit:
		n = (uint64(start)-uint64(limit)-1)/-uint64(delta) + 1
	}
	if delta == 0 || n > longest {
		return fmt.Errorf("from %d to %d by %d is no range", start, limit, delta)
	}
	c.Out[0] = c.New(c.In[0].DType(), int(n))
	v := start
	for i := range tensor.Of[T](c.Out[0]) {
		tensor.Of[T](c.Out[0])[i] = v
		v += delta
	}
	return nil
}
