package aggregate

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newSum makes the rules sum and mean: the tree's sum in Acc, from Init on if there is one; mean divides by the number
// of contributions in Acc; both round to DType once.
func newSum(s stage) (rule, error) {
	switch s.Acc {
	case tensor.F32:
		return sumIn(s, manifest.ParseHexF32)
	case tensor.F64:
		return sumIn(s, manifest.ParseHexF64)
	case tensor.I64:
		if s.Kind == manifest.MergeSum {
			return sumIn(s, manifest.ParseHexI64)
		}
	}
	return nil, s.bad("cannot accumulate in %v; wanted F32 or F64, or I64 for a sum", s.Acc)
}

func sumIn[A accumulator](s stage, parse func(string) (A, error)) (rule, error) {
	if (s.Acc == tensor.I64) == s.DType.Float() {
		return nil, s.bad("accumulates in %v for a result of %v", s.Acc, s.DType)
	}
	init, err := parseInit(s, parse)
	if err != nil {
		return nil, err
	}
	r := &sum[A]{stage: s, init: init}
	r.tree = newTree(s.n, s.radix, r)
	return r, nil
}

func parseInit[A accumulator](s stage, parse func(string) (A, error)) ([]A, error) {
	init := make([]A, len(s.Init))
	for k, text := range s.Init {
		v, err := parse(text)
		if err != nil {
			return nil, s.bad("first addend of column %d: %v", k, err)
		}
		init[k] = v
	}
	return init, nil
}

// sum is the rule of sum and mean with accumulators of A.
type sum[A accumulator] struct {
	stage
	init []A
	same same
	tree *tree[addend[A]]
	free [][]A // accumulators that are no longer used
}

// addend is a contribution as it came, or an accumulator.
type addend[A accumulator] struct {
	came *tensor.Tensor
	own  []A
}

func (r *sum[A]) accept(i int, p Partial) error {
	t := p[manifest.RoleValue]
	if err := r.wantDType(i, manifest.RoleValue, t, r.Acc); err != nil {
		return err
	}
	if err := r.same.check(&r.stage, i, manifest.RoleValue, t, -1); err != nil {
		return err
	}
	if n := len(r.init); n > 1 && (t.Rank() == 0 || t.Dim(t.Rank()-1) != n) {
		return r.refuse(i, manifest.RoleValue, fmt.Sprintf("a last dimension of %d, one per first addend", n), t.Shape().String())
	}
	r.same.remember(i, t)
	return r.tree.add(i, addend[A]{came: t})
}

func (r *sum[A]) begin(s addend[A]) (addend[A], error) {
	if s.own != nil {
		return s, nil
	}
	same, err := as(s.came, r.Acc)
	if err != nil {
		return addend[A]{}, r.bad("%v", err)
	}
	acc := r.buffer(s.came.Len())
	copy(acc, tensor.Of[A](same))
	return addend[A]{own: acc}, nil
}

// root begins with the first addends, so that the order is init, first, second ...
func (r *sum[A]) root(s addend[A]) (addend[A], error) {
	if len(r.init) == 0 {
		return r.begin(s)
	}
	n := len(s.own)
	if s.came != nil {
		n = s.came.Len()
	}
	acc := addend[A]{own: r.buffer(n)}
	for at := 0; at < n; at += len(r.init) {
		copy(acc.own[at:], r.init)
	}
	return r.fold(acc, s)
}

func (r *sum[A]) fold(acc, next addend[A]) (addend[A], error) {
	if next.came != nil {
		if err := addTensor(acc.own, next.came); err != nil {
			return acc, r.bad("%v", err)
		}
		return acc, nil
	}
	ok := addSlices(acc.own, next.own)
	r.free = append(r.free, next.own)
	if !ok {
		return acc, r.bad("an int64 sum overflows")
	}
	return acc, nil
}

// buffer is an accumulator's memory of n elements, with any content. Its lifetime is the merger's: only the last one
// becomes part of the result.
func (r *sum[A]) buffer(n int) []A {
	if last := len(r.free) - 1; last >= 0 {
		b := r.free[last]
		r.free = r.free[:last]
		return b
	}
	return tensor.Of[A](tensor.New(r.Acc, n))
}

func (r *sum[A]) result() (*tensor.Tensor, error) {
	total := r.tree.total.own
	if r.Kind == manifest.MergeMean {
		total = r.divided(total)
	}
	t, err := tensor.FromSlice(r.Acc, total, r.same.shape...)
	if err != nil {
		return nil, r.bad("%v", err)
	}
	return r.round(t)
}

// divided is the sum over the number of contributions; only float sums are means.
func (r *sum[A]) divided(total []A) []A {
	mean := make([]A, len(total))
	for i, v := range total {
		mean[i] = v / A(r.n)
	}
	return mean
}

// round converts a result from the dtype it was computed in to the merge's.
func (s *stage) round(t *tensor.Tensor) (*tensor.Tensor, error) {
	out, err := tensor.Convert(t, s.DType)
	if err != nil {
		return nil, s.bad("round the result: %v", err)
	}
	return out, nil
}
