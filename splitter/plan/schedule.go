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
	regions  []*sharding.Region
	segments []segment
}

// errCycle says that two pieces of a choice need each other's results.
var errCycle = errors.New("the pieces need one another's results")

// schedule puts the pieces into rounds: each as early as its inputs allow. Pieces of one round do not depend on one another.
func (c *choice) schedule(g *sharding.Graph) (*partition.Plan, error) {
	owner := make([]int, len(g.Nodes)) // node -> piece, or -1
	for i := range owner {
		owner[i] = -1
	}
	for p, r := range c.regions {
		for _, n := range r.Nodes {
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
			owner[n] = len(c.regions) + s
		}
	}
	ends := c.ends(owner)
	levels, err := levels(g, owner, len(c.regions)+len(c.segments))
	if err != nil {
		return nil, err
	}
	return c.rounds(g, levels, ends), nil
}

// ends gives the regions the operators behind them that no other piece has, by region.
func (c *choice) ends(owner []int) []map[string]sharding.End {
	out := make([]map[string]sharding.End, len(c.regions))
	for p, r := range c.regions {
		for i := range r.Outputs {
			e := r.Outputs[i].End
			if e.Kind == sharding.NoEnd || owner[e.Node] >= 0 {
				continue
			}
			if out[p] == nil {
				out[p] = map[string]sharding.End{}
			}
			owner[e.Node], out[p][r.Outputs[i].Value] = p, e
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
func (c *choice) rounds(g *sharding.Graph, levels []int, ends []map[string]sharding.End) *partition.Plan {
	p := &partition.Plan{Graph: g, Shards: c.shards}
	if len(levels) == 0 {
		return p
	}
	p.Stages = make([]partition.Stage, slices.Max(levels)+1)
	for k := range p.Stages {
		st := &p.Stages[k]
		for r := range c.regions {
			if levels[r] == k {
				st.Shards = all(c.shards)
			}
		}
		for s := range c.segments {
			if levels[len(c.regions)+s] == k && !slices.Contains(st.Shards, c.segments[s].shard) {
				st.Shards = append(st.Shards, c.segments[s].shard)
			}
		}
		slices.Sort(st.Shards)
		for r, region := range c.regions {
			if levels[r] == k {
				st.Pieces = append(st.Pieces, program.Piece{Region: region, Bounds: region.Bounds(c.shards), Ends: ends[r]})
			}
		}
		for s, seg := range c.segments {
			if levels[len(c.regions)+s] == k {
				st.Pieces = append(st.Pieces, program.Piece{Nodes: seg.nodes, At: slices.Index(st.Shards, seg.shard)})
			}
		}
	}
	return p
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
