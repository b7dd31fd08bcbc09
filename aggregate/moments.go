package aggregate

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newMoments makes the rule moments: count, mean and M2 (sum of squared deviations) merge pairwise by Chan, Golub and
// LeVeque's formulas, by the tree in F64. Count's shape is the beginning of the mean's. A contribution with count 0
// counts for nothing, whatever its mean. Result picks the tensor: "count", "mean", "m2" or "variance" (m2/count);
// without any observation mean and variance are NaN, m2 is 0.
func newMoments(s stage) (rule, error) {
	switch s.Merge.Result {
	case "mean", "variance", "m2":
		if !s.DType.Float() {
			return nil, s.bad("has result dtype %v for %s; wanted a floating-point one", s.DType, s.Merge.Result)
		}
	case "count":
	default:
		return nil, s.bad("has result %q; wanted count, mean, m2 or variance", s.Merge.Result)
	}
	r := &moments{stage: s}
	r.tree = newTree(s.n, s.radix, r)
	return r, nil
}

type moments struct {
	stage
	count, mean, m2 same
	tree            *tree[momentState]
}

// momentState holds count per leading index, mean and m2 per element. Contributions are copied into one at once.
type momentState struct{ count, mean, m2 []float64 }

func (r *moments) accept(i int, p Partial) error {
	count, mean, m2 := p[manifest.RoleCount], p[manifest.RoleMean], p[manifest.RoleM2]
	if err := r.checkPair(i, &r.mean, &r.count, mean, count, manifest.RoleMean, manifest.RoleCount); err != nil {
		return err
	}
	if err := r.checkPair(i, &r.mean, &r.m2, mean, m2, manifest.RoleMean, manifest.RoleM2); err != nil {
		return err
	}
	if m2.Rank() != mean.Rank() {
		return r.refuse(i, manifest.RoleM2, mean.Shape().String(), m2.Shape().String())
	}
	var s momentState
	for _, c := range []struct {
		dst  *[]float64
		role string
	}{{&s.count, manifest.RoleCount}, {&s.mean, manifest.RoleMean}, {&s.m2, manifest.RoleM2}} {
		v, err := r.float64s(i, c.role, p[c.role])
		if err != nil {
			return err
		}
		*c.dst = append([]float64(nil), v...)
	}
	for _, n := range s.count {
		if !(n >= 0) || math.IsInf(n, 0) {
			return r.refuse(i, manifest.RoleCount, "finite counts from 0 up", fmt.Sprint(n))
		}
	}
	r.count.remember(i, count)
	r.mean.remember(i, mean)
	r.m2.remember(i, m2)
	return r.tree.add(i, s)
}

func (r *moments) begin(s momentState) (momentState, error) { return s, nil }
func (r *moments) root(s momentState) (momentState, error)  { return s, nil }

func (r *moments) fold(acc, next momentState) (momentState, error) {
	if len(acc.mean) > 0 {
		run := len(acc.mean) / len(acc.count)
		for i := range acc.mean {
			mergeMoments(acc, next, i, acc.count[i/run], next.count[i/run])
		}
	}
	for j, n := range next.count {
		acc.count[j] += n
	}
	return acc, nil
}

// mergeMoments merges element i. Products are converted explicitly so that no processor fuses them with the addition.
func mergeMoments(acc, next momentState, i int, na, nb float64) {
	switch {
	case nb == 0:
		return
	case na == 0:
		acc.mean[i], acc.m2[i] = next.mean[i], next.m2[i]
		return
	}
	n := na + nb
	delta := next.mean[i] - acc.mean[i]
	acc.m2[i] = acc.m2[i] + next.m2[i] + float64(delta*delta*(na*nb/n))
	acc.mean[i] += float64(delta * (nb / n))
}

func (r *moments) result() (*tensor.Tensor, error) {
	total := r.tree.total
	if r.Merge.Result == "count" {
		return r.wrap(total.count, r.count.shape)
	}
	out := make([]float64, len(total.mean))
	if len(out) > 0 {
		run := len(out) / len(total.count)
		for i := range out {
			out[i] = r.pick(total, i, total.count[i/run])
		}
	}
	return r.wrap(out, r.mean.shape)
}

func (r *moments) pick(total momentState, i int, n float64) float64 {
	switch {
	case n == 0 && r.Merge.Result == "m2":
		return 0
	case n == 0:
		return math.NaN()
	case r.Merge.Result == "mean":
		return total.mean[i]
	case r.Merge.Result == "m2":
		return total.m2[i]
	}
	return total.m2[i] / n
}

// wrap makes values a tensor of the result's dtype.
func (s *stage) wrap(values []float64, shape tensor.Shape) (*tensor.Tensor, error) {
	t, err := tensor.FromSlice(tensor.F64, values, shape...)
	if err != nil {
		return nil, s.bad("%v", err)
	}
	return s.round(t)
}
