package dense

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// matMul is MatMul (ai.onnx 1 to today): numpy.matmul. Operands of rank 1 become a row or a column that the result
// loses again; leading dimensions broadcast.
func (k *kernels) matMul(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		a, b := c.In[0], c.In[1]
		if err := same(a, b); err != nil {
			return err
		}
		var few [8]int
		p, err := planMatMul(few[:0], a.Shape(), b.Shape())
		if err != nil {
			return err
		}
		out := c.New(a.DType(), p.out...)
		if a.DType() == tensor.F32 {
			multiply(k.f32, p, tensor.Of[float32](out), tensor.Of[float32](a), tensor.Of[float32](b))
		} else {
			multiply(k.f64, p, tensor.Of[float64](out), tensor.Of[float64](a), tensor.Of[float64](b))
		}
		c.Out[0] = out
		return nil
	}), nil
}

// product is a planned MatMul: for each pair of offsets one [m, k] times [k, n].
type product struct {
	m, n, k int
	pairs   [][2]int // offsets of the matrices of a and b, in the order of the result's
	single  bool     // one product, without pairs
	out     tensor.Shape
}

// planMatMul appends the result's shape to out.
func planMatMul(out, a, b tensor.Shape) (product, error) {
	fail := func() (product, error) {
		return product{}, fmt.Errorf("shapes %v and %v cannot be multiplied", a, b)
	}
	if len(a) == 0 || len(b) == 0 {
		return fail()
	}
	left, right := a, b
	if len(a) == 1 {
		left = tensor.Shape{1, a[0]}
	}
	if len(b) == 1 {
		right = tensor.Shape{b[0], 1}
	}
	p := product{m: left[len(left)-2], k: left[len(left)-1], n: right[len(right)-1]}
	if right[len(right)-2] != p.k {
		return fail()
	}
	la, lb := left[:len(left)-2], right[:len(right)-2]
	lead, ok := broadcast(la, lb)
	if !ok {
		return fail()
	}
	p.out = append(out, lead...)
	if len(a) > 1 {
		p.out = append(p.out, p.m)
	}
	if len(b) > 1 {
		p.out = append(p.out, p.n)
	}
	if ones(lb) && len(lead) == len(la) {
		// One constant matrix for all: the leading dimensions are more rows.
		count, err := lead.Elements()
		p.m *= count
		p.single = true
		return p, err
	}
	return p.pair(la, lb, lead)
}

// pair lists the matrices that are multiplied.
func (p product) pair(la, lb, lead tensor.Shape) (product, error) {
	count, err := lead.Elements()
	if err != nil {
		return p, err
	}
	index := make([]int, len(lead))
	for range count {
		p.pairs = append(p.pairs, [2]int{offset(index, la) * p.m * p.k, offset(index, lb) * p.k * p.n})
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < lead[d] {
				break
			}
			index[d] = 0
		}
	}
	return p, nil
}

// offset is the position of index in a shape that was broadcast to the index's rank.
func offset(index []int, shape tensor.Shape) int {
	at := 0
	for d, size := range shape {
		i := index[len(index)-len(shape)+d]
		if size == 1 {
			i = 0
		}
		at = at*size + i
	}
	return at
}

func ones(s tensor.Shape) bool {
	for _, d := range s {
		if d != 1 {
			return false
		}
	}
	return true
}

// broadcast is numpy's rule for leading dimensions.
func broadcast(a, b tensor.Shape) (tensor.Shape, bool) {
	out := make(tensor.Shape, max(len(a), len(b)))
	for i := range out {
		x, y := 1, 1
		if j := i - len(out) + len(a); j >= 0 {
			x = a[j]
		}
		if j := i - len(out) + len(b); j >= 0 {
			y = b[j]
		}
		switch {
		case x == y || y == 1:
			out[i] = x
		case x == 1:
			out[i] = y
		default:
			return nil, false
		}
	}
	return out, true
}

func multiply[T kernel.Float](d kernel.Dense[T], p product, out, a, b []T) {
	if p.single {
		d.Mul(out, a, b, p.m, p.n, p.k)
		return
	}
	for i, pair := range p.pairs {
		d.Mul(out[i*p.m*p.n:(i+1)*p.m*p.n], a[pair[0]:pair[0]+p.m*p.k], b[pair[1]:pair[1]+p.k*p.n], p.m, p.n, p.k)
	}
}
