package reduce

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/single"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// finish is what follows when all elements are folded.
type finish int

const (
	asIs finish = iota
	mean
	root
	logarithm
)

// rule is one reduction: its fold and what follows. With exponent set, elements are the exponentials of their distance
// to the greatest one, which is added to the logarithm in the end.
type rule struct {
	fold     fold
	finish   finish
	exponent bool
}

// reductions (ai.onnx 1 to today) of F32, F64 and integers; ReduceMax and ReduceMin of booleans too. Axes are an
// attribute until version 17 (ReduceSum 12), then an input; none means all, or with noop_with_empty_axes that each
// element is reduced alone.
//
//	ReduceSum    Σ x        ReduceL1  Σ |x|         ReduceSumSquare  Σ x²         ReduceLogSum     log Σ x
//	ReduceMean   Σ x / n    ReduceL2  sqrt(Σ x²)    ReduceProd       Π x          ReduceLogSumExp  log Σ exp(x)
//	ReduceMax, ReduceMin    the greatest and least, where NaN wins
//
// Of nothing the sums are 0, the product is 1, the mean of floats NaN, the greatest -Inf or the least integer, and the
// least Inf or the greatest integer. Integer results of mean, root and logarithm are truncated.
func reductions() engine.Table {
	t := engine.Table{}
	for op, r := range map[string]rule{
		"ReduceSum": {fold: sum}, "ReduceMean": {fold: sum, finish: mean}, "ReduceProd": {fold: product},
		"ReduceMax": {fold: greatest}, "ReduceMin": {fold: least},
		"ReduceL1": {fold: sumAbs}, "ReduceL2": {fold: sumSquare, finish: root}, "ReduceSumSquare": {fold: sumSquare},
		"ReduceLogSum": {fold: sum, finish: logarithm}, "ReduceLogSumExp": {fold: sum, finish: logarithm, exponent: true},
	} {
		last := int64(17)
		if op == "ReduceSum" {
			last = 12
		}
		in := engine.Numbers()
		if r.fold == greatest || r.fold == least {
			in |= engine.TypesOf(tensor.Bool)
		}
		t[engine.Key{Op: op}] = []engine.Operator{
			{Since: 1, Until: last, Build: r.withAttr, In: []engine.Types{in}, Half: true},
			{Since: last + 1, Build: r.withInput, In: []engine.Types{in, engine.TypesOf(tensor.I32, tensor.I64)}, Half: true}}
	}
	return t
}

func (r rule) withAttr(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axes", "keepdims"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	axes, keep := s.Node.Attrs["axes"].Ints, s.Node.Int("keepdims", 1) != 0
	return engine.KernelFunc(func(c *engine.Call) error { return r.run(c, axes, keep, false) }), nil
}

func (r rule) withInput(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("keepdims", "noop_with_empty_axes"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 2, 1); err != nil {
		return nil, err
	}
	list, err := s.Ints(1)
	if err != nil {
		return nil, err
	}
	keep, noop := s.Node.Int("keepdims", 1) != 0, s.Node.Int("noop_with_empty_axes", 0) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		axes, _, err := list.At(c)
		if err != nil {
			return err
		}
		return r.run(c, axes, keep, noop)
	}), nil
}

func (r rule) run(c *engine.Call, list []int64, keep, noop bool) error {
	x := c.In[0]
	set, err := axesOf(list, x)
	if err != nil {
		return err
	}
	if noop && len(list) == 0 {
		set = 0
	}
	var few [8]int
	out := c.New(x.DType(), set.reduced(few[:0], x.Shape(), keep)...)
	c.Out[0] = out
	switch x.DType() {
	case tensor.F32:
		return reduceFloat(c, r, tensor.Of[float32](out), tensor.Of[float32](x), set)
	case tensor.F64:
		return reduceFloat(c, r, tensor.Of[float64](out), tensor.Of[float64](x), set)
	case tensor.I8:
		return reduceWhole[int64, int8](c, r, set, tensor.I64, math.MinInt8, math.MaxInt8)
	case tensor.I16:
		return reduceWhole[int64, int16](c, r, set, tensor.I64, math.MinInt16, math.MaxInt16)
	case tensor.I32:
		return reduceWhole[int64, int32](c, r, set, tensor.I64, math.MinInt32, math.MaxInt32)
	case tensor.I64:
		return reduceWhole[int64, int64](c, r, set, tensor.I64, math.MinInt64, math.MaxInt64)
	case tensor.U8:
		return reduceWhole[uint64, uint8](c, r, set, tensor.U64, 0, math.MaxUint8)
	case tensor.U16:
		return reduceWhole[uint64, uint16](c, r, set, tensor.U64, 0, math.MaxUint16)
	case tensor.U32:
		return reduceWhole[uint64, uint32](c, r, set, tensor.U64, 0, math.MaxUint32)
	case tensor.U64:
		return reduceWhole[uint64, uint64](c, r, set, tensor.U64, 0, math.MaxUint64)
	case tensor.Bool:
		if r.fold == greatest || r.fold == least {
			return reduceWhole[uint64, uint8](c, r, set, tensor.U64, 0, 1)
		}
	}
	return fmt.Errorf("input is %v, which this reduction is not defined for", x)
}

// start is a fold's value of nothing.
func start[A accumulator](f fold, lowest, highest A) A {
	switch f {
	case product:
		return 1
	case greatest:
		return lowest
	case least:
		return highest
	}
	return 0
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

func reduceFloat[T float](c *engine.Call, r rule, dst, x []T, set axisSet) error {
	l := set.loop(c.In[0].Shape())
	acc := tensor.Of[float64](c.New(tensor.F64, len(dst)))
	fill(acc, start(r.fold, math.Inf(-1), math.Inf(1)))
	if r.exponent {
		top := tensor.Of[float64](c.New(tensor.F64, len(dst)))
		fill(top, math.Inf(-1))
		gather(greatest, top, x, &l)
		addExponents(acc, top, x, &l)
		for i, v := range acc {
			if dst[i] = T(math.Log(v) + top[i]); math.IsInf(top[i], 0) {
				dst[i] = T(top[i]) // the distances were not defined
			}
		}
		return nil
	}
	gather(r.fold, acc, x, &l)
	n := float64(set.count(c.In[0].Shape()))
	for i, v := range acc {
		switch r.finish {
		case mean:
			v /= n
		case root:
			v = math.Sqrt(v)
		case logarithm:
			v = math.Log(v)
		}
		dst[i] = T(v)
	}
	return nil
}

// addExponents adds the exponentials of the distances to the greatest elements.
func addExponents[T float](acc, top []float64, x []T, l *strided.Loop) {
	exp := math.Exp
	narrow, _ := any(x).([]float32)
	if narrow != nil {
		exp = single.Exp
	}
	for ok := l.Start(); ok; ok = l.Next() {
		at := l.At[0]
		if narrow != nil && l.Inner[0] == 0 {
			acc[at] += single.SumExp(narrow[l.Out:l.Out+l.Run], top[at])
			continue
		}
		for _, v := range x[l.Out : l.Out+l.Run] {
			acc[at] += exp(float64(v) - top[at])
			at += l.Inner[0]
		}
	}
}

func reduceWhole[A int64 | uint64, T signed | unsigned](c *engine.Call, r rule, set axisSet, wide tensor.DType, lowest, highest A) error {
	x := tensor.Of[T](c.In[0])
	dst := tensor.Of[T](c.Out[0])
	if r.finish == root || r.finish == logarithm {
		// These leave the integers, so all is computed in float64.
		wider := engine.Call{Ctx: c.Ctx, In: []*tensor.Tensor{c.New(tensor.F64, c.In[0].Shape()...)}, Alloc: c.Alloc}
		values, out := tensor.Of[float64](wider.In[0]), tensor.Of[float64](c.New(tensor.F64, len(dst)))
		for i, v := range x {
			values[i] = float64(v)
		}
		if err := reduceFloat(&wider, r, out, values, set); err != nil {
			return err
		}
		for i, v := range out {
			dst[i] = T(v)
		}
		return nil
	}
	acc := tensor.Of[A](c.New(wide, len(dst)))
	fill(acc, start(r.fold, lowest, highest))
	l := set.loop(c.In[0].Shape())
	gather(r.fold, acc, x, &l)
	n := A(set.count(c.In[0].Shape()))
	if r.finish == mean && n == 0 && len(dst) > 0 {
		return fmt.Errorf("the mean of no integers is not defined: input is %v", c.In[0])
	}
	for i, v := range acc {
		if r.finish == mean {
			v /= n
		}
		dst[i] = T(v)
	}
	return nil
}
