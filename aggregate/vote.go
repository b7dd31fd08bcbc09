package aggregate

import (
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newVote makes the rule vote: counts [..., classes] of any integer dtype are added in I64, and the result [...] is the
// class with the most votes, the lowest of them where several are even.
func newVote(s stage) (rule, error) {
	if s.DType.Float() || s.DType.Size() < 4 {
		return nil, s.bad("has result dtype %v; wanted an integer one of at least 32 bits", s.DType)
	}
	return &vote{stage: s}, nil
}

type vote struct {
	stage
	same   same
	counts []int64
}

func (r *vote) accept(i int, p Partial) error {
	t := p[manifest.RoleCount]
	if err := r.wantDType(i, manifest.RoleCount, t, tensor.I64); err != nil {
		return err
	}
	if t.Rank() == 0 || t.Dim(t.Rank()-1) == 0 {
		return r.refuse(i, manifest.RoleCount, "a last dimension with at least one class", t.Shape().String())
	}
	if err := r.same.check(&r.stage, i, manifest.RoleCount, t, -1); err != nil {
		return err
	}
	r.same.remember(i, t)
	if r.counts == nil {
		r.counts = make([]int64, t.Len())
	}
	if err := addTensor(r.counts, t); err != nil {
		return r.bad("%v", err)
	}
	return nil
}

func (r *vote) result() (*tensor.Tensor, error) {
	rank := len(r.same.shape)
	classes := r.same.shape[rank-1]
	out := tensor.New(tensor.I64, r.same.shape[:rank-1]...)
	winners := tensor.Of[int64](out)
	for row := range winners {
		counts := r.counts[row*classes : (row+1)*classes]
		best := 0
		for c, n := range counts {
			if n > counts[best] {
				best = c
			}
		}
		winners[row] = int64(best)
	}
	return r.round(out)
}
