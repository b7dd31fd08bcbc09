package conv

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// pick is mode nearest: elements move, whatever their type.
func (r *resizer) pick(c *engine.Call, axes []axis, shape tensor.Shape) error {
	x := c.In[0]
	if err := engine.CheckSize(x.DType(), shape); err != nil { // the maps are as long
		return err
	}
	maps := make([][]int, len(axes))
	for i, a := range axes {
		maps[i] = make([]int, a.out)
		for o := range maps[i] {
			maps[i][o] = o
			if a.skip {
				continue
			}
			pos, outside := r.origin(a, o)
			maps[i][o] = r.nearestTo(a, pos)
			if outside {
				maps[i][o] = -1
			}
		}
	}
	fill, err := scalar(x.DType(), r.extrapolation)
	if err != nil {
		return err
	}
	out := c.New(x.DType(), shape...)
	c.Out[0] = out
	if out.Len() > 0 {
		pickAxis(out.Bytes(), x.Bytes(), fill, x.Shape(), maps, x.DType().Size())
	}
	return nil
}

// pickAxis copies the chosen slices of the first axis, recursively.
func pickAxis(dst, src, fill []byte, in tensor.Shape, maps [][]int, size int) {
	if len(maps) == 0 {
		copy(dst, src)
		return
	}
	step, from := len(dst)/max(len(maps[0]), 1), len(src)/in[0]
	for o, i := range maps[0] {
		to := dst[o*step : (o+1)*step]
		switch {
		case i < 0:
			for at := 0; at < step; at += size {
				copy(to[at:], fill)
			}
		case o > 0 && maps[0][o-1] == i && step >= 64:
			copy(to, dst[(o-1)*step:o*step])
		case len(maps) == 1 && size == 4:
			copy(to[:4], src[i*4:i*4+4])
		default:
			pickAxis(to, src[i*from:(i+1)*from], fill, in[1:], maps[1:], size)
		}
	}
}

// scalar is one element of the dtype: v rounded, or as near as an integer dtype comes to it.
func scalar(d tensor.DType, v float64) ([]byte, error) {
	if v == 0 {
		return make([]byte, d.Size()), nil
	}
	t := tensor.New(tensor.F64, 1)
	tensor.Of[float64](t)[0] = v
	narrow, err := narrowed(t, d, math.RoundToEven)
	if err != nil {
		return nil, err
	}
	return narrow.Bytes(), nil
}

// narrowed converts F32 or F64 to any dtype: integers are made whole and clipped to their range.
func narrowed(t *tensor.Tensor, d tensor.DType, whole func(float64) float64) (*tensor.Tensor, error) {
	if t.DType() == tensor.F64 && !d.Float() {
		lo, hi := limits(d)
		values := tensor.Of[float64](t)
		for i, v := range values {
			if v != v {
				v = 0
			}
			values[i] = min(max(whole(v), lo), hi)
		}
	}
	return tensor.Convert(t, d)
}

// cut rounds towards zero, but for what is below a whole number by no more than the weights' own rounding.
func cut(v float64) float64 {
	if near := math.RoundToEven(v); math.Abs(v-near) <= 1e-6*max(1, math.Abs(near)) {
		return near
	}
	return math.Trunc(v)
}

// limits are the least and greatest value of an integer dtype that float64 holds.
func limits(d tensor.DType) (lo, hi float64) {
	bits := float64(d.Size() * 8)
	switch d {
	case tensor.Bool:
		return 0, 1
	case tensor.U8, tensor.U16, tensor.U32:
		return 0, math.Exp2(bits) - 1
	case tensor.U64:
		return 0, math.Nextafter(math.Exp2(64), 0)
	case tensor.I64:
		return -math.Exp2(63), math.Nextafter(math.Exp2(63), 0)
	}
	return -math.Exp2(bits - 1), math.Exp2(bits-1) - 1
}

// weighConverted is the weighted modes for the dtypes that are not computed in: halves through F32, integers through F64.
func (r *resizer) weighConverted(c *engine.Call, axes []axis) (*tensor.Tensor, error) {
	d := c.In[0].DType()
	through := tensor.F64
	if d.Float() {
		through = tensor.F32
	}
	x, err := tensor.Convert(c.In[0], through)
	if err != nil {
		return nil, err
	}
	if through == tensor.F32 {
		x, err = weigh(r, c, x, axes, tensor.Of[float32])
	} else {
		x, err = weigh(r, c, x, axes, tensor.Of[float64])
	}
	if err != nil {
		return nil, err
	}
	if r.mode == "linear" && !r.antialias {
		return narrowed(x, d, cut)
	}
	return narrowed(x, d, math.RoundToEven)
}

// weigh is the modes linear and cubic, one axis after the other.
func weigh[T kernel.Float](r *resizer, c *engine.Call, x *tensor.Tensor, axes []axis, of func(*tensor.Tensor) []T) (*tensor.Tensor, error) {
	result := x
	for i, a := range axes {
		if a.skip {
			continue
		}
		shape := result.Shape().Clone()
		shape[i] = a.out
		if _, err := shape.Elements(); err != nil {
			return nil, err
		}
		next := c.New(x.DType(), shape...)
		outer, inner := 1, 1
		for d, n := range shape {
			if d < i {
				outer *= n
			} else if d > i {
				inner *= n
			}
		}
		w := r.table(a)
		for o := range outer {
			weighAxis(of(next)[o*a.out*inner:], of(result)[o*a.in*inner:], w, a.out, inner, T(r.extrapolation))
		}
		result = next
	}
	return result, nil
}

// weighAxis is the sum of count slices of inner elements for each of n output positions.
func weighAxis[T kernel.Float](dst, src []T, w weights, n, inner int, outside T) {
	sums := make([]float64, inner)
	for x := range n {
		to := dst[x*inner : (x+1)*inner]
		if w.outside != nil && w.outside[x] {
			for i := range to {
				to[i] = outside
			}
			continue
		}
		if inner == 1 {
			sum := 0.0
			for i := x * w.count; i < (x+1)*w.count; i++ {
				sum += w.weight[i] * float64(src[w.index[i]])
			}
			to[0] = T(sum)
			continue
		}
		clear(sums)
		for i := x * w.count; i < (x+1)*w.count; i++ {
			weight := w.weight[i]
			for j, v := range src[w.index[i]*inner : (w.index[i]+1)*inner] {
				sums[j] += weight * float64(v)
			}
		}
		for j, v := range sums {
			to[j] = T(v)
		}
	}
}
