package plan

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// tooSmall is the refusal of a memory size into which no plan fits. It names the largest weight that no cut makes smaller, when that is
// the reason.
func (p *Planner) tooSmall(mb int, least int64, most int) error {
	refusal := &layout.RefusalError{Subject: fmt.Sprintf("%d MB of memory", mb), Remedy: "give more memory"}
	if least > 0 {
		needed := (least + 1<<20 - 1) >> 20
		refusal.Remedy = fmt.Sprintf("give at least %d MB", needed)
		refusal.Reason = fmt.Sprintf("with %d shards, the largest useful number, a function still needs %d MB for its weights, its process and %d rows", most, needed, partition.MemoryRows)
		return refusal
	}
	node, bytes := p.stubborn()
	refusal.Reason = fmt.Sprintf("no plan fits: the weights of node %s take %d bytes in one piece", node, bytes)
	refusal.Remedy = fmt.Sprintf("give at least %d MB", (bytes+partition.FixedBytes)>>20+1)
	return refusal
}

// stubborn is the node with the most bytes of weights in its finest part.
func (p *Planner) stubborn() (node string, bytes int64) {
	for _, it := range p.line.items {
		part := it.bytes
		for _, r := range p.regions {
			if r.Has(it.node) {
				part = min(part, it.bytes/int64(r.Units))
			}
		}
		if part > bytes {
			n := p.line.g.Nodes[it.node]
			node, bytes = fmt.Sprintf("%s (%s)", n.Name, n.Op), part
		}
	}
	return node, bytes
}

// nothing is the refusal of a wish for which there is no plan at all: too many shards, or too little memory for those that were asked for.
func (p *Planner) nothing(w *Wish, sizes []int) error {
	mb, most := slices.Max(sizes), p.MaxShards()
	if len(w.Shards) > 0 && slices.Min(w.Shards) > most {
		return p.tooMany(slices.Min(w.Shards), most)
	}
	if p.o.Kind != "" {
		return &layout.RefusalError{Subject: fmt.Sprintf("plans of the kind %q", p.o.Kind), Reason: "there is none at these sizes", Remedy: "leave the kind away, or give more memory or shards"}
	}
	least := int64(0)
	upto := most
	if len(w.Shards) > 0 {
		upto = slices.Max(w.Shards)
	}
	for _, c := range p.Candidates(min(upto, most)) {
		if need := c.Estimate.need(); least == 0 || need < least {
			least = need
		}
	}
	if len(w.Shards) == 0 || least == 0 || least <= int64(mb)<<20 {
		return p.tooSmall(mb, least, most)
	}
	needed := (least + 1<<20 - 1) >> 20
	return &layout.RefusalError{Subject: fmt.Sprintf("%d shards of %d MB", upto, mb), Reason: fmt.Sprintf("a function needs %d MB for its weights, its process and %d rows", needed, partition.MemoryRows),
		Remedy: fmt.Sprintf("give at least %d MB, or about %d shards", needed, p.fewest(int64(mb)<<20))}
}

// tooMany is the refusal of a number of shards for which the model has not enough parts.
func (p *Planner) tooMany(n, most int) error {
	remedy := fmt.Sprintf("ask for at most %d", most)
	if most == 1 {
		remedy = "ask for one shard"
	}
	return &layout.RefusalError{Subject: fmt.Sprintf("%d shards", n), Remedy: remedy,
		Reason: fmt.Sprintf("the model has not so many parts: the largest useful number is %d, where every shard still has a part of each stage", most)}
}

// unmet is the refusal of a latency or a cost that no plan keeps.
func (w *Wish) unmet(frontier []*Candidate) error {
	fastest, cheapest := frontier[0], frontier[len(frontier)-1]
	tell := func(c *Candidate) string {
		return fmt.Sprintf("%d shards of %d MB (%s): %.1f ms and $%.2f a million", c.Plan.Shards, c.Size.ShardMB, c.Kind, c.Estimate.WarmMS, c.Estimate.CostPerMillion)
	}
	switch e := fastest.Estimate; {
	case w.Latency > 0 && e.WarmMS > ms(w.Latency):
		slow, at := 0.0, 0
		for k, r := range e.Rounds {
			if r.MS > slow {
				slow, at = r.MS, k
			}
		}
		return &layout.RefusalError{Subject: fmt.Sprintf("a latency of %v", w.Latency),
			Reason: fmt.Sprintf("the fastest plan takes longer, %s; %d rounds, the longest, round %d around node %s, takes %.1f ms of which %.1f ms compute", tell(fastest), len(e.Rounds), at, fastest.heaviest(at), slow, e.Rounds[at].ComputeMS),
			Remedy: fmt.Sprintf("allow %.0f ms, ask with fewer rows, or look at more shards and more memory", e.WarmMS+1)}
	case w.MaxCost > 0 && cheapest.Estimate.CostPerMillion > w.MaxCost:
		return &layout.RefusalError{Subject: fmt.Sprintf("a cost of $%.2f a million", w.MaxCost), Reason: "the cheapest plan costs more, " + tell(cheapest),
			Remedy: fmt.Sprintf("allow $%.2f, ask with fewer rows, or look at fewer shards and less memory", cheapest.Estimate.CostPerMillion+0.01)}
	}
	limited := Wish{MaxCost: w.MaxCost}
	return &layout.RefusalError{Subject: fmt.Sprintf("a latency of %v at $%.2f a million", w.Latency, w.MaxCost), Reason: "no plan has both; the fastest for that money is " + tell(limited.pick(frontier)),
		Remedy: fmt.Sprintf("allow %.0f ms, or more money", limited.pick(frontier).Estimate.WarmMS+1)}
}

// heaviest names the node of a round with the most bytes of weights.
func (c *Candidate) heaviest(round int) string {
	best, most := "", int64(-1)
	for i := range c.Plan.Stages[round].Pieces {
		for _, n := range c.Plan.Stages[round].Pieces[i].List() {
			node := c.Plan.Graph.Nodes[n]
			bytes := int64(0)
			for _, in := range node.Inputs {
				if w := c.Plan.Graph.Weight(in); w != nil {
					bytes += sharding.Bytes(w)
				}
			}
			if bytes > most {
				best, most = fmt.Sprintf("%s (%s)", node.Name, node.Op), bytes
			}
		}
	}
	return best
}
