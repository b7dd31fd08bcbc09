package plan

import (
	"errors"
	"slices"

	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// segment is whole nodes on one shard.
type segment struct {
	nodes []int // ascending
	shard int
}

// choice is a plan before its rounds are known.
type choice struct {
	kind     string
	shards   int
	cuts     []cut
	segments []segment
	divided  bool // a table is on several shards
	byRows   bool // every shard has all nodes, and a share of the rows
	moments  bool // normalisations between two cuts are the shards' where they can be
}

// name is the kind that the choice turned out to be.
func (c *choice) name() string {
	switch {
	case c.kind == Mixed && len(c.cuts) == 0:
		return Pipeline
	case c.kind == Mixed && len(c.segments) == 0:
		return Tensor
	case (c.kind == TablesByRows || c.kind == TablesByColumns) && !c.divided:
		return Tables
	}
	return c.kind
}

// cut is a region with the bounds of its units, one more than there are shards; a shard whose two bounds are equal has no part of it.
type cut struct {
	region *sharding.Region
	bounds []int
}

// errCycle says that two pieces of a choice need each other's results.
var errCycle = errors.New("the pieces need one another's results")

// schedule puts the pieces into rounds: each as early as its inputs allow. Pieces of one round do not depend on one another.
func (c *choice) schedule(g *sharding.Graph) (*partition.Plan, error) {
	if c.byRows {
		return c.rowStage(g), nil
	}
	owner := make([]int, len(g.Nodes)) // node -> piece, or -1
	for i := range owner {
		owner[i] = -1
	}
	for p, x := range c.cuts {
		for _, n := range x.region.Nodes {
			if owner[n] >= 0 {
				return nil, errors.New("a node is in two pieces")
			}
			owner[n] = p
		}
	}
	for s := range c.segments {
		for _, n := range c.segments[s].nodes {
			if owner[n] >= 0 {
				return nil, errors.New("a node is in two pieces")
			}
			owner[n] = len(c.cuts) + s
		}
	}
	ends := c.ends(owner)
	norms := c.norms(g, owner)
	levels, err := levels(g, owner, len(c.cuts)+len(c.segments))
	if err != nil {
		return nil, err
	}
	return c.rounds(g, levels, ends, norms), nil
}

// ends gives the cuts the operators behind them that no other piece has, by cut.
func (c *choice) ends(owner []int) []map[string]sharding.End {
	out := make([]map[string]sharding.End, len(c.cuts))
	for p, x := range c.cuts {
		for i := range x.region.Outputs {
			e := x.region.Outputs[i].End
			if e.Kind == sharding.NoEnd || owner[e.Node] >= 0 {
				continue
			}
			if out[p] == nil {
				out[p] = map[string]sharding.End{}
			}
			owner[e.Node], out[p][x.region.Outputs[i].Value] = p, e
		}
	}
	return out
}

// levels gives each piece its round. Units, which are pieces and single local nodes, are visited when all that they need has been.
func levels(g *sharding.Graph, owner []int, pieces int) ([]int, error) {
	unit := func(n int) int {
		if owner[n] >= 0 {
			return owner[n]
		}
		return pieces + n
	}
	count := pieces + len(g.Nodes)
	next, wait := make([][]int, count), make([]int, count)
	for n := range g.Nodes {
		seen := map[int]bool{}
		for _, in := range sharding.Reads(g.Nodes[n]) {
			p, ok := g.Producer[in]
			if !ok || unit(p) == unit(n) || seen[unit(p)] {
				continue
			}
			seen[unit(p)] = true
			next[unit(p)] = append(next[unit(p)], unit(n))
			wait[unit(n)]++
		}
	}
	phase := make([]int, count)
	var ready []int
	for u := range count {
		if wait[u] == 0 {
			ready = append(ready, u)
		}
	}
	visited := 0
	for ; len(ready) > 0; visited++ {
		u := ready[0]
		ready = ready[1:]
		after := phase[u]
		if u < pieces {
			after++
		}
		for _, v := range next[u] {
			phase[v] = max(phase[v], after)
			if wait[v]--; wait[v] == 0 {
				ready = append(ready, v)
			}
		}
	}
	if visited != count {
		return nil, errCycle
	}
	return phase[:pieces], nil
}

// rounds makes the stages.
func (c *choice) rounds(g *sharding.Graph, levels []int, ends []map[string]sharding.End, norms []between) *partition.Plan {
	p := &partition.Plan{Graph: g, Shards: c.shards}
	if len(levels) == 0 {
		return p
	}
	p.Stages = make([]partition.Stage, slices.Max(levels)+1)
	for k := range p.Stages {
		st := &p.Stages[k]
		for s := range c.shards {
			if c.takesPart(s, k, levels) {
				st.Shards = append(st.Shards, s)
			}
		}
		for r, x := range c.cuts {
			if levels[r] == k {
				st.Pieces = append(st.Pieces, program.Piece{Region: x.region, Bounds: x.among(st.Shards), Ends: ends[r], Moments: norms[r].moments, Norms: norms[r].norms})
			}
		}
		for s, seg := range c.segments {
			if levels[len(c.cuts)+s] == k {
				st.Pieces = append(st.Pieces, program.Piece{Nodes: seg.nodes, At: slices.Index(st.Shards, seg.shard)})
			}
		}
	}
	return p
}

// takesPart reports whether the shard has something to do in round k.
func (c *choice) takesPart(shard, k int, levels []int) bool {
	for r, x := range c.cuts {
		if levels[r] == k && x.bounds[shard] < x.bounds[shard+1] {
			return true
		}
	}
	for s := range c.segments {
		if levels[len(c.cuts)+s] == k && c.segments[s].shard == shard {
			return true
		}
	}
	return false
}

// among are the bounds over the shards that take part; the others have nothing of the region.
func (x *cut) among(shards []int) []int {
	out := []int{0}
	for _, s := range shards {
		out = append(out, x.bounds[s+1])
	}
	return out
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
