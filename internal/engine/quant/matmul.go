package quant

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// matMulInteger is MatMulInteger (ai.onnx 10 to today): numpy.matmul of A - a_zero_point and B - b_zero_point, U8 or I8,
// as I32. A zero point is one for all, for each row of A or for each column of B.
func (p *kernels) matMulInteger(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 4, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		m, err := planProduct(c, 0, 1, 2, 3)
		if err != nil {
			return err
		}
		c.Out[0] = c.New(tensor.I32, m.out...)
		dst, run := tensor.Of[int32](c.Out[0]), p.multiplier(c, m)
		m.each(func(i int, a, b []byte) {
			run.product(m, dst[i*m.m*m.n:(i+1)*m.m*m.n], a, b)
		})
		return nil
	}), nil
}

// qlinearMatMul is QLinearMatMul (ai.onnx 10 to today): the sums of MatMulInteger times a_scale · b_scale / y_scale,
// rounded to nearest even, plus y_zero_point, saturated in its dtype.
func (p *kernels) qlinearMatMul(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(8, 8, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		m, err := planProduct(c, 0, 3, 2, 5)
		if err != nil {
			return err
		}
		as, err := scales(c.In[1], m.m)
		if err != nil {
			return err
		}
		bs, err := scales(c.In[4], m.n)
		if err != nil {
			return err
		}
		ys, r, err := result(c, 6, 7)
		if err != nil {
			return err
		}
		c.Out[0] = c.New(c.In[7].DType(), m.out...)
		to := c.Out[0].Bytes()
		sums, run := tensor.Of[int32](c.New(tensor.I32, m.m*m.n)), p.multiplier(c, m)
		factors := tensor.Of[float32](c.New(tensor.F32, len(bs)))
		m.each(func(i int, a, b []byte) {
			run.product(m, sums, a, b)
			for row := range m.m {
				for j, s := range bs {
					factors[j] = pick(as, row) * s / ys
				}
				at := (i*m.m + row) * m.n
				if line := sums[row*m.n : (row+1)*m.n]; len(factors) == 1 {
					r.store(to[at:at+m.n], line, factors[0])
				} else {
					r.storeColumns(to[at:at+m.n], line, factors)
				}
			}
		})
		return nil
	}), nil
}

// matrices is a planned product of integer matrices with numpy's broadcasting.
type matrices struct {
	m, n, k            int
	out                tensor.Shape
	a, b               *tensor.Tensor
	zeroA, zeroB       []float32
	lead, leadA, leadB tensor.Shape
}

func planProduct(c *engine.Call, a, b, zeroA, zeroB int) (*matrices, error) {
	x := &matrices{a: c.In[a], b: c.In[b]}
	for _, t := range []*tensor.Tensor{x.a, x.b} {
		if t.DType() != tensor.U8 && t.DType() != tensor.I8 || t.Rank() == 0 {
			return nil, fmt.Errorf("wanted two operands of U8 or I8, found %v and %v", x.a, x.b)
		}
	}
	left, right := x.a.Shape(), x.b.Shape()
	if len(left) == 1 {
		left = tensor.Shape{1, left[0]}
	}
	if len(right) == 1 {
		right = tensor.Shape{right[0], 1}
	}
	x.leadA, x.leadB = left[:len(left)-2], right[:len(right)-2]
	x.m, x.k, x.n = left[len(left)-2], left[len(left)-1], right[len(right)-1]
	x.lead = make(tensor.Shape, max(len(x.leadA), len(x.leadB)))
	ok := right[len(right)-2] == x.k
	for i := range x.lead {
		p, q := extent(x.leadA, i-len(x.lead)), extent(x.leadB, i-len(x.lead))
		x.lead[i] = p
		if p == 1 {
			x.lead[i] = q
		}
		ok = ok && (p == q || p == 1 || q == 1)
	}
	if !ok {
		return nil, fmt.Errorf("%v and %v cannot be multiplied", x.a, x.b)
	}
	x.out = x.lead.Clone()
	if x.a.Rank() > 1 {
		x.out = append(x.out, x.m)
	}
	if x.b.Rank() > 1 {
		x.out = append(x.out, x.n)
	}
	if _, err := x.out.Elements(); err != nil {
		return nil, err
	}
	var err error
	if x.zeroA, err = zeroPoints(c, zeroA, a, x.m); err != nil {
		return nil, err
	}
	x.zeroB, err = zeroPoints(c, zeroB, b, x.n)
	return x, err
}

// extent is the extent of a dimension counted from the end (-1 is the last), 1 where the shape is too short.
func extent(s tensor.Shape, i int) int {
	if len(s)+i < 0 {
		return 1
	}
	return s[len(s)+i]
}

// each calls f for each pair of matrices, in the order of the result's.
func (x *matrices) each(f func(i int, a, b []byte)) {
	count := 1
	for _, n := range x.lead {
		count *= n
	}
	for i := range count {
		atA, atB, stepA, stepB, rest := 0, 0, 1, 1, i
		for d := 1; d <= len(x.lead); d++ {
			n := x.lead[len(x.lead)-d]
			index := rest % n
			rest /= n
			if p := extent(x.leadA, -d); p != 1 {
				atA += index * stepA
				stepA *= p
			}
			if q := extent(x.leadB, -d); q != 1 {
				atB += index * stepB
				stepB *= q
			}
		}
		f(i, x.a.Bytes()[atA*x.m*x.k:(atA+1)*x.m*x.k], x.b.Bytes()[atB*x.k*x.n:(atB+1)*x.k*x.n])
	}
}

func (p *kernels) multiplier(c *engine.Call, x *matrices) *multiplier {
	part := partOf(x.a.DType() == tensor.I8, x.zeroA, x.b.DType() == tensor.I8, x.zeroB)
	return &multiplier{dense: p.dense, c: c, part: min(part, max(rowBytes/4/max(x.n, 1), 32))}
}

func (p *multiplier) product(x *matrices, dst []int32, a, b []byte) {
	p.multiply(dst, p.rowsOf(a, x.a.DType() == tensor.I8, x.zeroA, x.m, x.k),
		p.columnsOf(b, x.b.DType() == tensor.I8, x.zeroB, x.k, x.n), x.m, x.n, x.k)
}
