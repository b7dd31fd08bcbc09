package aggregate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newTopK makes the rule topk: each shard gives candidates along Dim, their values and their positions within its part;
// the result has the K greatest (all, where there are fewer), greatest first. Even ones go by the lower global
// position, which is the shard's bound plus the local one; -0 and +0 are even; NaN comes after all numbers. Result
// picks the values or the global positions. So the order plays no part, and only K candidates per lane are kept.
func newTopK(s stage) (rule, error) {
	switch {
	case s.K < 1:
		return nil, s.bad("keeps %d; wanted at least 1", s.K)
	case len(s.Bounds) != s.n+1:
		return nil, s.bad("has %d bounds for %d shards; wanted one more than shards", len(s.Bounds), s.n)
	case s.Merge.Result == "index" && (s.DType.Float() || s.DType.Size() < 4):
		return nil, s.bad("has dtype %v for positions; wanted an integer one of at least 32 bits", s.DType)
	case s.Merge.Result != "index" && s.Merge.Result != "value":
		return nil, s.bad("has result %q; wanted value or index", s.Merge.Result)
	}
	return &topk{stage: s}, nil
}

// topk holds the candidates in the narrowest Go type that compares them exactly: ints for integers, floats for the rest.
type topk struct {
	stage
	same   same
	ints   lanes[int64]
	floats lanes[float64]
	total  int // candidates along Dim
}

func (r *topk) accept(i int, p Partial) error {
	value, index := p[manifest.RoleValue], p[manifest.RoleIndex]
	if r.Merge.Result == "value" {
		if err := r.wantDType(i, manifest.RoleValue, value, r.DType); err != nil {
			return err
		}
	}
	exact := tensor.F64
	if !value.DType().Float() {
		exact = tensor.I64
	}
	if err := r.wantDType(i, manifest.RoleValue, value, exact); err != nil {
		return err
	}
	if value.Rank() <= r.Dim {
		return r.refuse(i, manifest.RoleValue, fmt.Sprintf("more than %d dimensions", r.Dim), value.Shape().String())
	}
	if err := r.same.check(&r.stage, i, manifest.RoleValue, value, r.Dim); err != nil {
		return err
	}
	global, err := r.positions(i, index, value.Shape())
	if err != nil {
		return err
	}
	wide, err := as(value, exact)
	if err != nil {
		return r.bad("%v", err)
	}
	if exact == tensor.I64 {
		err = r.ints.merge(r, i, tensor.Of[int64](wide), global, value.Shape())
	} else {
		err = r.floats.merge(r, i, tensor.Of[float64](wide), global, value.Shape())
	}
	if err == nil {
		r.same.remember(i, value)
		r.total += value.Dim(r.Dim)
	}
	return err
}

// positions are the candidates' global positions, checked to lie within the shard's part.
func (r *topk) positions(i int, index *tensor.Tensor, shape tensor.Shape) ([]int64, error) {
	if err := r.wantDType(i, manifest.RoleIndex, index, tensor.I64); err != nil {
		return nil, err
	}
	if !index.Shape().Equal(shape) {
		return nil, r.refuse(i, manifest.RoleIndex, "the value's shape "+shape.String(), index.Shape().String())
	}
	wide, err := as(index, tensor.I64)
	if err != nil {
		return nil, r.bad("%v", err)
	}
	part := r.Bounds[i+1] - r.Bounds[i]
	global := make([]int64, index.Len())
	for j, v := range tensor.Of[int64](wide) {
		if v < 0 || v >= int64(part) {
			return nil, r.refuse(i, manifest.RoleIndex, fmt.Sprintf("positions from 0 to %d", part-1), fmt.Sprint(v))
		}
		global[j] = int64(r.Bounds[i]) + v
	}
	return global, nil
}

// lanes are the best candidates so far, per index of all dimensions but Dim, in order.
type lanes[T int64 | float64] struct{ best [][]candidate[T] }

type candidate[T int64 | float64] struct {
	value T
	at    int64
}

// order is the total order of candidates, the best first. Comparing b with a sorts NaN, which cmp.Compare takes for the
// least, to the end.
func order[T int64 | float64](a, b candidate[T]) int {
	return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.at, b.at))
}

// merge takes shard i's candidates in. Nothing changes when it fails.
func (l *lanes[T]) merge(r *topk, i int, values []T, at []int64, shape tensor.Shape) error {
	outer, extent, inner := spans(shape, r.Dim)
	merged := make([][]candidate[T], outer*inner)
	for lane := range merged {
		var all []candidate[T]
		if l.best != nil {
			all = slices.Clone(l.best[lane])
		}
		first := len(all)
		for e := range extent {
			j := (lane/inner*extent+e)*inner + lane%inner
			all = append(all, candidate[T]{values[j], at[j]})
		}
		if p, twice := repeated(all[first:]); twice {
			return r.refuse(i, manifest.RoleIndex, "each position once", fmt.Sprintf("position %d twice", p-int64(r.Bounds[i])))
		}
		slices.SortFunc(all, order[T])
		merged[lane] = all[:min(len(all), r.K)]
	}
	l.best = merged
	return nil
}

// repeated finds a position that stands twice among one shard's candidates.
func repeated[T int64 | float64](c []candidate[T]) (int64, bool) {
	at := make([]int64, len(c))
	for j := range c {
		at[j] = c[j].at
	}
	slices.Sort(at)
	for j := 1; j < len(at); j++ {
		if at[j] == at[j-1] {
			return at[j], true
		}
	}
	return 0, false
}

func (r *topk) result() (*tensor.Tensor, error) {
	if r.same.dtype.Float() {
		return emit(r, r.floats.best, tensor.F64)
	}
	return emit(r, r.ints.best, tensor.I64)
}

// emit lays the lanes out along Dim.
func emit[T int64 | float64](r *topk, best [][]candidate[T], dtype tensor.DType) (*tensor.Tensor, error) {
	shape := r.same.shape.Clone()
	shape[r.Dim] = min(r.K, r.total)
	_, extent, inner := spans(shape, r.Dim)
	positions := r.Merge.Result == "index"
	if positions {
		dtype = tensor.I64
	}
	out := tensor.New(dtype, shape...)
	for lane, list := range best {
		for e, c := range list {
			j := (lane/inner*extent+e)*inner + lane%inner
			if positions {
				tensor.Of[int64](out)[j] = c.at
			} else {
				tensor.Of[T](out)[j] = c.value
			}
		}
	}
	return r.round(out)
}
