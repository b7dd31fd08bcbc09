package aggregate

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newWeightedMean makes the rule weighted_mean: sum of weight*value over sum of weight, both by the tree in F64. The
// weight's shape is the beginning of the value's: one weight per row, or a scalar for the whole contribution.
func newWeightedMean(s stage) (rule, error) {
	if !s.DType.Float() {
		return nil, s.bad("has result dtype %v; wanted a floating-point one", s.DType)
	}
	r := &weightedMean{stage: s}
	r.tree = newTree(s.n, s.radix, r)
	return r, nil
}

type weightedMean struct {
	stage
	value, weight same
	tree          *tree[weighted]
}

// weighted is a contribution (value not yet multiplied) or an accumulator (sum of products).
type weighted struct{ value, weight []float64 }

func (r *weightedMean) accept(i int, p Partial) error {
	value, weight := p[manifest.RoleValue], p[manifest.RoleWeight]
	if err := r.checkPair(i, &r.value, &r.weight, value, weight, manifest.RoleValue, manifest.RoleWeight); err != nil {
		return err
	}
	w, err := r.float64s(i, manifest.RoleWeight, weight)
	if err != nil {
		return err
	}
	for _, v := range w {
		if v < 0 || math.IsInf(v, 0) {
			return r.refuse(i, manifest.RoleWeight, "finite weights from 0 up", fmt.Sprint(v))
		}
	}
	v, err := r.float64s(i, manifest.RoleValue, value)
	if err != nil {
		return err
	}
	r.value.remember(i, value)
	r.weight.remember(i, weight)
	return r.tree.add(i, weighted{product(v, w), w})
}

// checkPair checks two components that travel together: numbers, the first contribution's shapes, and the
// second's shape as the beginning of the first's.
func (s *stage) checkPair(i int, a, b *same, x, y *tensor.Tensor, roleX, roleY string) error {
	for _, c := range []struct {
		role string
		t    *tensor.Tensor
		like *same
	}{{roleX, x, a}, {roleY, y, b}} {
		if d := c.t.DType(); d == tensor.String || d == tensor.Bool {
			return s.refuse(i, c.role, "numbers", d.String())
		}
		if err := c.like.check(s, i, c.role, c.t, -1); err != nil {
			return err
		}
	}
	if y.Rank() > x.Rank() || !y.Shape().Equal(x.Shape()[:y.Rank()]) {
		return s.refuse(i, roleY, fmt.Sprintf("the beginning of the shape %v of %s", x.Shape(), roleX), y.Shape().String())
	}
	return nil
}

// float64s are the component's elements as float64, which must hold each of them. The slice may alias t.
func (s *stage) float64s(i int, role string, t *tensor.Tensor) ([]float64, error) {
	if d := t.DType(); d == tensor.String || d == tensor.Bool {
		return nil, s.refuse(i, role, "numbers", d.String())
	}
	wide, err := as(t, tensor.F64)
	if err != nil {
		return nil, s.bad("%v", err)
	}
	values := tensor.Of[float64](wide)
	if holds(tensor.F64, t.DType()) {
		return values, nil
	}
	for _, v := range values {
		if math.Abs(v) >= 1<<53 {
			return nil, s.refuse(i, role, "integers below 2^53, which F64 holds", fmt.Sprint(v))
		}
	}
	return values, nil
}

// product multiplies each weight with its run of values.
func product(v, w []float64) []float64 {
	out := make([]float64, len(v))
	if len(v) == 0 {
		return out
	}
	run := len(v) / len(w)
	for j, weight := range w {
		floats.ScaleTo(out[j*run:(j+1)*run], weight, v[j*run:(j+1)*run])
	}
	return out
}

func (r *weightedMean) begin(s weighted) (weighted, error) {
	return weighted{s.value, append([]float64(nil), s.weight...)}, nil
}

func (r *weightedMean) root(s weighted) (weighted, error) { return r.begin(s) }

func (r *weightedMean) fold(acc, next weighted) (weighted, error) {
	floats.Add(acc.value, next.value)
	floats.Add(acc.weight, next.weight)
	return acc, nil
}

func (r *weightedMean) result() (*tensor.Tensor, error) {
	total := r.tree.total
	out := tensor.New(tensor.F64, r.value.shape...)
	mean := tensor.Of[float64](out)
	if len(mean) > 0 {
		run := len(mean) / len(total.weight)
		for i, v := range total.value {
			mean[i] = v / total.weight[i/run]
		}
	}
	return r.round(out)
}
