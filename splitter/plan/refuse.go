package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// tooSmall is the refusal of a memory size into which no plan of the numbers of shards that were looked at fits. It names the largest weight that no cut
// makes smaller, when that is the reason. most is the largest useful number, least the smallest need that was found.
func (p *Planner) tooSmall(mb int, least int64, most int) error {
	refusal := &layout.RefusalError{Subject: fmt.Sprintf("%d MB of memory", mb)}
	node, bytes := p.stubborn()
	alone := bytes + partition.FixedBytes
	switch limit := int64(mb) << 20; {
	case alone > limit && bytes > max(localBytes, p.total/localShare):
		refusal.Reason = fmt.Sprintf("no plan fits: the weights of node %s take %d MB in one piece, and the process %d MB", node, up(bytes), partition.FixedBytes>>20)
		refusal.Remedy = give(max(alone, least))
	case least > limit:
		refusal.Reason = fmt.Sprintf("with %s, the largest useful number, a function still needs %d MB for its weights, its process and %d rows", counted(most, "shard"), up(least), partition.MemoryRows)
		refusal.Remedy = give(least)
	default:
		enough := p.fewest(limit)
		refusal.Reason = fmt.Sprintf("no plan fits: without a number of shards, at most %d are looked at, and the weights of %d MB need about %d", maxExplored, up(p.total), enough)
		refusal.Remedy = fmt.Sprintf("ask for %d shards or more", enough)
		if more := up(p.total/maxExplored*5/4 + partition.FixedBytes); more <= mostMB {
			refusal.Remedy = fmt.Sprintf("give at least %d MB, or %s", more, refusal.Remedy)
		}
	}
	return refusal
}

// up are bytes in MB, rounded up.
func up(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }

// mostMB is the largest function of AWS Lambda.
const mostMB = 10240

// give says how much memory would do.
func give(bytes int64) string {
	if mb := up(bytes); mb > mostMB {
		return fmt.Sprintf("no function has the %d MB that it takes, the largest has %d", mb, mostMB)
	}
	return fmt.Sprintf("give at least %d MB", up(bytes))
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// dollars is an amount with as many digits as it takes to tell it from nothing.
func dollars(v float64) string {
	if v > 0 && v < 0.01 {
		return fmt.Sprintf("$%.1g", v)
	}
	return fmt.Sprintf("$%.2f", v)
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

// nothing is the refusal of a wish for which there is no plan at all: a kind that the model does not have, too little memory, or too many shards.
func (p *Planner) nothing(w *Wish, sizes []int) error {
	mb := slices.Max(sizes)
	if err := p.noTables(); err != nil {
		return err
	}
	if _, bytes := p.stubborn(); bytes+partition.FixedBytes > int64(mb)<<20 && bytes > max(localBytes, p.total/localShare) {
		return p.tooSmall(mb, 0, 1)
	}
	most := p.MaxShards()
	if len(w.Shards) > 0 && slices.Min(w.Shards) > most {
		return p.tooMany(slices.Min(w.Shards), most)
	}
	if p.o.Kind != "" {
		return p.noneAtSizes(w, sizes, most)
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
	return &layout.RefusalError{Subject: fmt.Sprintf("%s of %d MB", counted(upto, "shard"), mb), Reason: fmt.Sprintf("a function needs %d MB for its weights, its process and %d rows", up(least), partition.MemoryRows),
		Remedy: fmt.Sprintf("%s; or ask for about %d shards", give(least), p.fewest(int64(mb)<<20))}
}

// noTables is the refusal of plans for look-up tables of a model that has none worth it, nil when it has or when others will do.
func (p *Planner) noTables() error {
	if len(p.tables) > 0 || p.o.Kind != Tables && p.o.Kind != TablesByRows && p.o.Kind != TablesByColumns {
		return nil
	}
	return &layout.RefusalError{Subject: fmt.Sprintf("plans of the kind %q", p.o.Kind), Reason: "look-up tables are less than half of the model's weights", Remedy: "leave the kind away, or ask for another"}
}

// tooMany is the refusal of a number of shards for which the model has not enough parts.
func (p *Planner) tooMany(n, most int) error {
	if err := p.noTables(); err != nil {
		return err
	}
	if p.o.Kind != "" {
		return p.noneOfKind(n, most)
	}
	finest := p.uncut()
	for parts, i := 0, 0; i < len(p.regions); i++ {
		if r := p.regions[i]; r.Units > parts {
			node := p.line.g.Nodes[r.Nodes[0]]
			parts, finest = r.Units, fmt.Sprintf("the cut into most parts is that of node %s (%s), into %d", node.Name, node.Op, r.Units)
		}
	}
	remedy := "use at most " + counted(most, "shard")
	if p.rows.independent && n <= maxManifest {
		remedy += ", or give every shard the whole model and a share of each request's rows with --plan " + Rows
	}
	return &layout.RefusalError{Subject: counted(n, "shard"), Remedy: remedy,
		Reason: fmt.Sprintf("the model has not so many parts: %s, and the largest useful number is %d, where every shard still has a part", finest, most)}
}

// uncut says of a graph without cuts that no node can be cut, and names the operator of classic machine learning that keeps its model whole.
func (p *Planner) uncut() string {
	for _, n := range p.line.g.Nodes {
		for _, whole := range []string{"TreeEnsemble", "SVM"} {
			if n.Domain == "ai.onnx.ml" && strings.HasPrefix(n.Op, whole) {
				return fmt.Sprintf("no node can be cut, node %s (%s) stays whole on one shard", n.Name, n.Op)
			}
		}
	}
	return "no node can be cut"
}

// unmet is the refusal of a latency or a cost that no plan keeps.
func (w *Wish) unmet(frontier []*Candidate) error {
	fastest, cheapest := frontier[0], frontier[len(frontier)-1]
	tell := func(c *Candidate) string {
		return fmt.Sprintf("%s of %d MB (%s): %.1f ms and %s a million", counted(c.Plan.Shards, "shard"), c.Size.ShardMB, c.Kind, c.Estimate.WarmMS, dollars(c.Estimate.CostPerMillion))
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
			Reason: fmt.Sprintf("the fastest plan takes longer, %s; %s, the longest, round %d around node %s, takes %.1f ms of which %.1f ms compute", tell(fastest), counted(len(e.Rounds), "round"), at, fastest.heaviest(at), slow, e.Rounds[at].ComputeMS),
			Remedy: fmt.Sprintf("allow %.0f ms, ask with fewer rows, or look at more shards and more memory", e.WarmMS+1)}
	case w.MaxCost > 0 && cheapest.Estimate.CostPerMillion > w.MaxCost:
		return &layout.RefusalError{Subject: fmt.Sprintf("a cost of %s a million", dollars(w.MaxCost)), Reason: "the cheapest plan costs more, " + tell(cheapest),
			Remedy: fmt.Sprintf("allow $%.2f, ask with fewer rows, or look at fewer shards and less memory", cheapest.Estimate.CostPerMillion+0.01)}
	}
	limited := Wish{MaxCost: w.MaxCost}
	return &layout.RefusalError{Subject: fmt.Sprintf("a latency of %v at %s a million", w.Latency, dollars(w.MaxCost)), Reason: "no plan has both; the fastest for that money is " + tell(limited.pick(frontier)),
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
