package plan

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Wish is what a plan is to be good for. Every field may be zero.
type Wish struct {
	Shards   []int         // the numbers of shards to look at; by default small ones, and the fewest that fit into each memory size
	MemoryMB []int         // the memory sizes of a shard's function to look at; by default from 512 to 10240
	Latency  time.Duration // the longest estimated warm latency
	MaxCost  float64       // the most US dollars for a million requests
}

// Survey is what an exploration found.
type Survey struct {
	Chosen   *Candidate
	Frontier []*Candidate // plans that no other beats in both latency and cost, fastest first
	All      []*Candidate // every plan at every size, fastest first
}

// Sizes are the memory sizes that are looked at by default: below one virtual CPU, at whole numbers of them, and Lambda's largest.
func Sizes() []int { return []int{512, 1024, 1769, 3538, 5307, 7076, 8845, 10240} }

// coordinatorSizes are the sizes of the coordinator that are looked at. It mostly waits, so large ones seldom pay.
func coordinatorSizes() []int { return []int{512, 1769, 3538} }

const (
	// coordinatorBytes is what a coordinator needs beside its weights; manifest.DefaultDeployment reckons with the same.
	coordinatorBytes = 256 << 20
	// maxExplored is the largest number of shards that is looked at without being asked for: an account begins with 1,000 concurrent executions.
	maxExplored = 256
)

// counts are the numbers of shards to look at.
func (p *Planner) counts(w *Wish, sizes []int) []int {
	if len(w.Shards) > 0 {
		return w.Shards
	}
	out := []int{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64}
	for _, mb := range sizes {
		least := p.fewest(int64(mb) << 20)
		out = append(out, least, least+1, least+2, least+least/8, least+least/4)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(n int) bool { return n < 1 || n > maxExplored })
}

// Explore looks at every number of shards and memory size of the wish and picks a plan: the cheapest of those within the latency, the fastest of
// those within the cost, the cheapest within both; without either, the one with the least product of latency and cost. A wish that can not be met is a
// *layout.RefusalError.
func (p *Planner) Explore(ctx context.Context, w Wish) (*Survey, error) {
	sizes := w.MemoryMB
	if len(sizes) == 0 {
		sizes = Sizes()
	}
	var all []*Candidate
	for _, n := range p.counts(&w, sizes) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all = append(all, p.explored(n, sizes)...)
	}
	chosen, err := choose(all, &w)
	if chosen == nil && err == nil {
		err = p.nothing(&w, sizes)
	}
	return chosen, err
}

// choose finds the frontier of all candidates and picks from it; without candidates there is nothing.
func choose(all []*Candidate, w *Wish) (*Survey, error) {
	s := &Survey{All: all}
	slices.SortStableFunc(s.All, func(a, b *Candidate) int {
		return cmp.Or(cmp.Compare(a.Estimate.WarmMS, b.Estimate.WarmMS), cmp.Compare(a.Estimate.CostPerMillion, b.Estimate.CostPerMillion))
	})
	for _, c := range s.All {
		if last := len(s.Frontier) - 1; last < 0 || c.Estimate.CostPerMillion < s.Frontier[last].Estimate.CostPerMillion {
			s.Frontier = append(s.Frontier, c)
		}
	}
	if len(s.All) == 0 {
		return nil, nil
	}
	if s.Chosen = w.pick(s.Frontier); s.Chosen == nil {
		return nil, w.unmet(s.Frontier)
	}
	return s, nil
}

// explored are the plans for n shards at every size into which they fit. The search runs at the smallest and the largest size: in between it finds
// the same plans.
func (p *Planner) explored(n int, sizes []int) []*Candidate {
	list := &kepts{p: p, seen: map[string]bool{}}
	for i, mb := range sizes {
		limit := p.room(mb)
		if limit*int64(n) < p.total-max(localBytes, p.total/localShare) || i > 0 && i < len(sizes)-1 && len(list.all) > 0 && len(p.tables) == 0 {
			continue
		}
		p.choices(n, limit, Size{mb, coordinatorSizes()[0]}, list.add)
	}
	var out []*Candidate
	for i := range list.all {
		out = append(out, list.all[i].sized(p.o.Model, sizes)...)
	}
	return out
}

// sized are the candidates of a plan at every size into which it fits.
func (k *kept) sized(m *CostModel, sizes []int) []*Candidate {
	var out []*Candidate
	for _, mb := range sizes {
		for _, own := range coordinatorSizes() {
			c := k.at(m, Size{mb, own})
			if c.Estimate.need() <= int64(mb)<<20 && c.Estimate.LocalWeights+coordinatorBytes <= int64(own)<<20 {
				out = append(out, &c)
			}
		}
	}
	return out
}

// pick is the plan of the frontier that the wish asks for, nil when none will do.
func (w *Wish) pick(frontier []*Candidate) *Candidate {
	var best *Candidate
	for _, c := range frontier {
		e := c.Estimate
		if w.Latency > 0 && e.WarmMS > ms(w.Latency) || w.MaxCost > 0 && e.CostPerMillion > w.MaxCost {
			continue
		}
		if best == nil || w.value(e) < w.value(best.Estimate) {
			best = c
		}
	}
	return best
}

// value is what the wish wants little of.
func (w *Wish) value(e *Estimate) float64 {
	switch {
	case w.Latency > 0:
		return e.CostPerMillion
	case w.MaxCost > 0:
		return e.WarmMS
	}
	return e.WarmMS * e.CostPerMillion
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
