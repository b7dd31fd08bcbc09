package index

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// places are the indices of a tensor of I32 or I64, resolved against the dimension that they count in.
func places(c *engine.Call, t *tensor.Tensor, size int) ([]int64, error) {
	out := tensor.Of[int64](c.New(tensor.I64, t.Len()))
	switch t.DType() {
	case tensor.I64:
		copy(out, tensor.Of[int64](t))
	case tensor.I32:
		for i, v := range tensor.Of[int32](t) {
			out[i] = int64(v)
		}
	default:
		return nil, fmt.Errorf("indices are %v, wanted I32 or I64", t)
	}
	for i, v := range out {
		if v < 0 {
			v += int64(size)
			out[i] = v
		}
		if v < 0 || v >= int64(size) {
			return nil, fmt.Errorf("index %d is outside a dimension of %d", out[i], size)
		}
	}
	return out, nil
}

// pick is the tensor of the given shape that consists of runs of run elements of x, the i-th at offset at(i).
func pick(c *engine.Call, x *tensor.Tensor, shape tensor.Shape, runs, run int, at func(i int) int) (*tensor.Tensor, error) {
	if _, err := shape.Elements(); err != nil {
		return nil, err
	}
	if x.DType() == tensor.String {
		values := make([]string, 0, runs*run)
		for i := range runs {
			for k := range run {
				values = append(values, x.StringAt(at(i)+k))
			}
		}
		return tensor.FromStrings(shape.Clone(), values)
	}
	out := c.New(x.DType(), shape...)
	size := x.DType().Size()
	dst, src, n := out.Bytes(), x.Bytes(), run*size
	for i := range runs {
		from := at(i) * size
		copy(dst[i*n:(i+1)*n], src[from:from+n])
	}
	return out, nil
}
