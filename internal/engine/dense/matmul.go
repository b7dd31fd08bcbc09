package dense

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// matMul is MatMul (ai.onnx 1 to today) of numbers: numpy.matmul. Operands of rank 1 become a row or a column that the
// result loses again; leading dimensions broadcast.
func (k *kernels) matMul(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	return halfWeights{engine.KernelFunc(func(c *engine.Call) (err error) {
		c.Out[0], err = k.product(c, c.In[0], c.In[1])
		return err
	})}, nil
}

// product is numpy.matmul of a and b.
func (k *kernels) product(c *engine.Call, a, b *tensor.Tensor) (*tensor.Tensor, error) {
	mul := k.by[a.DType()]
	if isHalf(a, b) {
		mul = ofHalves(k.half)
	} else if mul == nil || a.DType() != b.DType() {
		return nil, fmt.Errorf("wanted two operands of one type of number, found %v and %v", a, b)
	}
	if a.Rank() == 2 && b.Rank() == 2 && a.Dim(1) == b.Dim(0) {
		out := c.New(a.DType(), a.Dim(0), b.Dim(1)) // the most common form needs no plan
		mul(out, a, b, 0, 0, 0, a.Dim(0), b.Dim(1), a.Dim(1))
		return out, nil
	}
	var few [8]int
	p, err := planMatMul(few[:0], a.Shape(), b.Shape())
	if err != nil {
		return nil, err
	}
	out := c.New(a.DType(), p.out...)
	if !p.many {
		mul(out, a, b, 0, 0, 0, p.m, p.n, p.k)
		return out, nil
	}
	at := 0
	for ok := p.pairs.Start(); ok; ok = p.pairs.Next() {
		for i := range p.pairs.Run {
			mul(out, a, b, at, (p.pairs.At[0]+i*p.pairs.Inner[0])*p.m*p.k, (p.pairs.At[1]+i*p.pairs.Inner[1])*p.k*p.n, p.m, p.n, p.k)
			at += p.m * p.n
		}
	}
	return out, nil
}

// matrices is a planned MatMul: one [m, k] times [k, n], or many: for each pair of places in the operands' leading dimensions.
type matrices struct {
	m, n, k int
	many    bool
	pairs   strided.Loop
	out     tensor.Shape
}

// planMatMul appends the result's shape to out.
func planMatMul(out, a, b tensor.Shape) (matrices, error) {
	fail := func() (matrices, error) {
		return matrices{}, fmt.Errorf("shapes %v and %v cannot be multiplied", a.Clone(), b.Clone())
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
	p := matrices{m: left[len(left)-2], k: left[len(left)-1], n: right[len(right)-1]}
	if right[len(right)-2] != p.k {
		return fail()
	}
	la, lb := left[:len(left)-2], right[:len(right)-2]
	lead, err := strided.BroadcastShape(la, lb)
	if err != nil {
		return fail()
	}
	p.out = append(out, lead...)
	if len(a) > 1 {
		p.out = append(p.out, p.m)
	}
	if len(b) > 1 {
		p.out = append(p.out, p.n)
	}
	if _, err := p.out.Elements(); err != nil {
		return p, err
	}
	if ones(lb) && len(lead) == len(la) {
		// One constant matrix for all: the leading dimensions are more rows.
		count, err := lead.Elements()
		p.m *= count
		return p, err
	}
	p.many, p.pairs = true, strided.Broadcast(lead, la, lb)
	return p, nil
}

func ones(s tensor.Shape) bool {
	for _, d := range s {
		if d != 1 {
			return false
		}
	}
	return true
}
