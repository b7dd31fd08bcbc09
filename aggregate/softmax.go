package aggregate

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newSoftmax makes the rules logsumexp and softmax. Each shard gives the greatest x of its part (max) and the sum of
// exp(x - max) (sumexp), both without the dimension that is cut; the pairs merge by the tree in F64, rescaled to the
// greater max. logsumexp is max + log(sumexp). softmax has each shard's exp(x - max) as value; the result is the
// values times exp(max - total max)/total sumexp, concatenated along Dim. A part whose max is -Inf counts for nothing;
// when all are, logsumexp is -Inf and softmax NaN, as the unsharded functions are.
func newSoftmax(s stage) (rule, error) {
	if !s.DType.Float() {
		return nil, s.bad("has result dtype %v; wanted a floating-point one", s.DType)
	}
	r := &softmax{stage: s}
	r.tree = newTree(s.n, s.radix, r)
	if s.Kind == manifest.MergeSoftmax {
		r.values, r.maxima = make([]*tensor.Tensor, s.n), make([][]float64, s.n)
	}
	return r, nil
}

type softmax struct {
	stage
	max, sumexp, value same
	tree               *tree[expSum]
	values             []*tensor.Tensor // softmax only, with the max of each: wait for the total
	maxima             [][]float64
	kept               int
}

// expSum stands for sumexp*exp(max), element by element.
type expSum struct{ max, sumexp []float64 }

func (r *softmax) accept(i int, p Partial) error {
	top, sum := p[manifest.RoleMax], p[manifest.RoleSumExp]
	if err := r.checkPair(i, &r.max, &r.sumexp, top, sum, manifest.RoleMax, manifest.RoleSumExp); err != nil {
		return err
	}
	if sum.Rank() != top.Rank() {
		return r.refuse(i, manifest.RoleSumExp, top.Shape().String(), sum.Shape().String())
	}
	m, err := r.float64s(i, manifest.RoleMax, top)
	if err != nil {
		return err
	}
	s, err := r.float64s(i, manifest.RoleSumExp, sum)
	if err != nil {
		return err
	}
	if r.values != nil {
		if err := r.acceptValue(i, p[manifest.RoleValue], top); err != nil {
			return err
		}
		r.maxima[i] = m
	}
	r.max.remember(i, top)
	r.sumexp.remember(i, sum)
	return r.tree.add(i, expSum{m, s})
}

func (r *softmax) acceptValue(i int, t, top *tensor.Tensor) error {
	if err := r.wantDType(i, manifest.RoleValue, t, tensor.F64); err != nil {
		return err
	}
	if err := r.value.check(&r.stage, i, manifest.RoleValue, t, r.Dim); err != nil {
		return err
	}
	rest := t.Shape().Clone()
	if r.Dim < 0 || r.Dim >= len(rest) || !append(rest[:r.Dim:r.Dim], rest[r.Dim+1:]...).Equal(top.Shape()) {
		return r.refuse(i, manifest.RoleValue, fmt.Sprintf("the shape %v of max with dimension %d added", top.Shape(), r.Dim), t.Shape().String())
	}
	r.value.remember(i, t)
	r.values[i] = t
	r.kept++
	return nil
}

func (r *softmax) begin(s expSum) (expSum, error) {
	return expSum{append([]float64(nil), s.max...), append([]float64(nil), s.sumexp...)}, nil
}

func (r *softmax) root(s expSum) (expSum, error) { return r.begin(s) }

func (r *softmax) fold(acc, next expSum) (expSum, error) {
	for i, m := range next.max {
		top := max(acc.max[i], m)
		acc.sumexp[i] = float64(acc.sumexp[i]*rescale(acc.max[i], top)) + float64(next.sumexp[i]*rescale(m, top))
		acc.max[i] = top
	}
	return acc, nil
}

// rescale is exp(from - to), where a part of nothing (from -Inf) weighs 0 and equal infinities cancel.
func rescale(from, to float64) float64 {
	switch {
	case math.IsInf(from, -1):
		return 0
	case from == to:
		return 1
	}
	return math.Exp(from - to)
}

func (r *softmax) result() (*tensor.Tensor, error) {
	total := r.tree.total
	if r.values != nil {
		return r.normalise(total)
	}
	out := make([]float64, len(total.max))
	for i, m := range total.max {
		if out[i] = m; !math.IsInf(m, -1) {
			out[i] = m + math.Log(total.sumexp[i])
		}
	}
	return r.wrap(out, r.max.shape)
}

// normalise scales each part by its share of the total and puts the parts side by side.
func (r *softmax) normalise(total expSum) (*tensor.Tensor, error) {
	width := 0
	for _, t := range r.values {
		width += t.Dim(r.Dim)
	}
	shape := r.value.shape.Clone()
	shape[r.Dim] = width
	outer, _, inner := spans(shape, r.Dim)
	out := tensor.New(tensor.F64, shape...)
	dst := tensor.Of[float64](out)
	at := 0
	for k, t := range r.values {
		src, err := r.float64s(k, manifest.RoleValue, t)
		if err != nil {
			return nil, err
		}
		extent := t.Dim(r.Dim)
		for o := range outer {
			for e := range extent {
				for j := range inner {
					lane := o*inner + j
					dst[(o*width+at+e)*inner+j] = src[(o*extent+e)*inner+j] * r.share(k, lane, total)
				}
			}
		}
		at += extent
	}
	return r.round(out)
}

// share is what part k weighs in the lane.
func (r *softmax) share(k, lane int, total expSum) float64 {
	if math.IsInf(total.max[lane], -1) {
		return math.NaN()
	}
	return rescale(r.maxima[k][lane], total.max[lane]) / total.sumexp[lane]
}
