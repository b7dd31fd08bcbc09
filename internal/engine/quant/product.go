package quant

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// exact is below which every integer is a float32.
const exact = 1 << 24

// partOf is how many products may be added in F32 so that every sum is exact: at least 256 for factors up to 255, and 1024
// for U8 around 128 times I8 around 0.
func partOf(signedA bool, zeroA []float32, signedB bool, zeroB []float32) int {
	return int(exact / (reach(signedA, zeroA) * reach(signedB, zeroB)))
}

// reach is the greatest magnitude of a number of 8 bits less one of the zero points.
func reach(signed bool, zero []float32) float32 {
	lo, hi := float32(0), float32(255)
	if signed {
		lo, hi = -128, 127
	}
	most := float32(0)
	for _, z := range zero {
		most = max(most, hi-z, z-lo)
	}
	return most
}

// multiplier is the scratch space of one run.
type multiplier struct {
	dense             kernel.Dense[float32]
	c                 *engine.Call
	sums, left, right []float32
	part              int // how many products are added at a time
}

// rowBytes is about how many bytes of widened rows of a matrix are multiplied at a time, so that they stay in the cache.
const rowBytes = 256 << 10

// space is n elements of a buffer that grows when it must.
func (p *multiplier) space(buf *[]float32, n int) []float32 {
	if len(*buf) < n {
		*buf = tensor.Of[float32](p.c.New(tensor.F32, n))
	}
	return (*buf)[:n]
}

// multiply overwrites dst [m, n] with the product of a [m, k] and b [k, n], which hand out their columns and rows
// [from, to).
func (p *multiplier) multiply(dst []int32, a, b func(from, to int) []float32, m, n, k int) {
	sums := p.space(&p.sums, m*n)
	dst = dst[:m*n]
	if k == 0 {
		clear(dst)
	}
	for from := 0; from < k; from += p.part {
		to := min(from+p.part, k)
		p.dense.Mul(sums, a(from, to), b(from, to), m, n, to-from)
		if from == 0 {
			for i, v := range sums {
				dst[i] = int32(v)
			}
			continue
		}
		for i, v := range sums {
			dst[i] += int32(v)
		}
	}
}

// zeroPoints reads the zero points of an operand: one, or one for each of n rows or columns; none is 0.
func zeroPoints(c *engine.Call, in, of, n int) ([]float32, error) {
	if !c.Has(in) {
		return []float32{0}, nil
	}
	z := c.In[in]
	if z.DType() != c.In[of].DType() || z.Len() != 1 && z.Len() != n {
		return nil, fmt.Errorf("zero point is %v, wanted %s with 1 or %d elements", z, c.In[of].DType(), n)
	}
	out := make([]float32, z.Len())
	kernel.WidenBytes(out, z.Bytes(), z.DType() == tensor.I8, 0)
	return out, nil
}

// pick is the zero point or scale of row i: the only one, or its own.
func pick(list []float32, i int) float32 {
	if len(list) == 1 {
		return list[0]
	}
	return list[i]
}

// rowsOf hands out columns of an integer matrix [m, k], with a zero point for each row or for all.
func (p *multiplier) rowsOf(raw []byte, signed bool, zero []float32, m, k int) func(from, to int) []float32 {
	buf := p.space(&p.left, m*min(k, p.part))
	return func(from, to int) []float32 {
		n := to - from
		for i := range m {
			kernel.WidenBytes(buf[i*n:(i+1)*n], raw[i*k+from:i*k+to], signed, pick(zero, i))
		}
		return buf[:m*n]
	}
}

// columnsOf hands out rows of an integer matrix [k, n], with a zero point for each column or for all.
func (p *multiplier) columnsOf(raw []byte, signed bool, zero []float32, k, n int) func(from, to int) []float32 {
	buf := p.space(&p.right, min(k, p.part)*n)
	return func(from, to int) []float32 {
		out := buf[:(to-from)*n]
		if len(zero) == 1 {
			kernel.WidenBytes(out, raw[from*n:to*n], signed, zero[0])
			return out
		}
		for l := from; l < to; l++ {
			row := out[(l-from)*n : (l-from+1)*n]
			kernel.WidenBytes(row, raw[l*n:(l+1)*n], signed, 0)
			for j := range row {
				row[j] -= zero[j]
			}
		}
		return out
	}
}

// scales reads F32 scales of which there are 1 or n.
func scales(t *tensor.Tensor, n int) ([]float32, error) {
	if t.DType() != tensor.F32 || t.Len() != 1 && t.Len() != n {
		return nil, fmt.Errorf("scale is %v, wanted F32 with 1 or %d elements", t, n)
	}
	return tensor.Of[float32](t), nil
}

// result reads the output's scale and zero point.
func result(c *engine.Call, scale, zero int) (float32, rounding, error) {
	y, err := scales(c.In[scale], 1)
	if err != nil {
		return 0, rounding{}, err
	}
	z := c.In[zero]
	lo, hi, ok := limits(z.DType())
	if !ok || z.Len() != 1 || z.DType().Size() != 1 {
		return 0, rounding{}, fmt.Errorf("the output's zero point is %v, wanted one U8 or I8", z)
	}
	point := int64(z.Bytes()[0])
	if z.DType() == tensor.I8 {
		point = int64(int8(point))
	}
	return y[0], roundingTo(point, lo, hi), nil
}

// store writes sums times a factor.
func (r *rounding) store(to []byte, sums []int32, factor float32) {
	to = to[:len(sums)]
	for j, v := range sums {
		to[j] = byte(r.of(float64(float32(v) * factor)))
	}
}

// storeColumns writes sums times one factor for each.
func (r *rounding) storeColumns(to []byte, sums []int32, factors []float32) {
	to, factors = to[:len(sums)], factors[:len(sums)]
	for j, v := range sums {
		to[j] = byte(r.of(float64(float32(v) * factors[j])))
	}
}
