package planview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/splitter/plan"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// Stage is one round of a plan: Shards take part, Boxes[i] is what Shards[i] holds for it.
type Stage struct {
	Shards []int
	Boxes  []Box
	parts  []string
}

// Box is what one shard holds for one round, the heaviest first.
type Box struct {
	Holds []Hold
	Bytes int64
}

// Hold is a piece of the graph, or its part of it, on a shard.
type Hold struct {
	Label string // its heaviest nodes
	Share string // which part of it; empty for all
	Bytes int64
}

// Parts tells in one sentence each what is cut, and then what is whole on which shard.
func (s *Stage) Parts() []string { return s.parts }

// Describe lists what every shard of a plan holds, round by round.
func Describe(c *plan.Candidate) []Stage {
	out := make([]Stage, len(c.Plan.Stages))
	for k := range c.Plan.Stages {
		st := &c.Plan.Stages[k]
		s := Stage{Shards: st.Shards, Boxes: make([]Box, len(st.Shards))}
		for i := range st.Pieces {
			p := &st.Pieces[i]
			label, bytes := weigh(c.Plan.Graph, p)
			for at := range st.Shards {
				if !p.Has(at) {
					continue
				}
				h := Hold{Label: label, Bytes: bytes}
				if p.Rows {
					h.Share = "a share of the rows"
				}
				if p.Region != nil {
					lo, hi := p.Bounds[at], p.Bounds[at+1]
					h.Share, h.Bytes = share(hi-lo, c.Plan.Graph, p), bytes/int64(p.Region.Units)*int64(hi-lo)
				}
				s.Boxes[at].Holds = append(s.Boxes[at].Holds, h)
				s.Boxes[at].Bytes += h.Bytes
			}
			if p.Rows {
				s.parts = append(s.parts, fmt.Sprintf("whole on all %d shards, each with a share of the rows: %s, %s", len(st.Shards), label, Size(bytes)))
			}
			if p.Region != nil {
				s.parts = append(s.parts, sentence(c.Plan.Graph, p, st.Shards, label))
			}
		}
		for at := range s.Boxes {
			slices.SortStableFunc(s.Boxes[at].Holds, func(a, b Hold) int { return cmp.Compare(b.Bytes, a.Bytes) })
			if whole := s.Boxes[at].whole(); whole != "" {
				s.parts = append(s.parts, fmt.Sprintf("whole on shard %d: %s", st.Shards[at], whole))
			}
		}
		out[k] = s
	}
	return out
}

// whole names what is whole on the shard.
func (b *Box) whole() string {
	var names []string
	bytes := int64(0)
	for _, h := range b.Holds {
		if h.Share == "" {
			names, bytes = append(names, h.Label), bytes+h.Bytes
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s, %s", few(names, 4), Size(bytes))
}

// few joins the first names and counts the others.
func few(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// weigh names a piece by its nodes with the most weights, and adds up all its weights.
func weigh(g *sharding.Graph, p *program.Piece) (label string, total int64) {
	type heavy struct {
		name  string
		bytes int64
	}
	var list []heavy
	most := int64(0)
	for _, n := range p.List() {
		h := heavy{name: g.Nodes[n].Name}
		for _, in := range g.Nodes[n].Inputs {
			if w := g.Weight(in); w != nil {
				h.bytes += sharding.Bytes(w)
			}
		}
		list, total, most = append(list, h), total+h.bytes, max(most, h.bytes)
	}
	var names []string
	for _, h := range list {
		if h.bytes*10 >= most && (most > 0 || len(names) == 0) {
			names = append(names, h.name)
		}
	}
	return few(names, 2), total
}

// share tells how much of a region a shard has.
func share(n int, g *sharding.Graph, p *program.Piece) string {
	if p.Region.Units >= 10000 {
		name := unitName(g, p)
		return fmt.Sprintf("%.1f %% of the %s", 100*float64(n)/float64(p.Region.Units), name[strings.LastIndexByte(name, ' ')+1:])
	}
	return fmt.Sprintf("%s of %s", grouped(n), unitName(g, p))
}

// unitName is what a region is cut into.
func unitName(g *sharding.Graph, p *program.Piece) string {
	units := grouped(p.Region.Units)
	if p.Region.Experts(p.Region.Nodes[0]) {
		return units + " experts"
	}
	if p.Region.Lookup(p.Region.Nodes[0]) {
		return units + " rows"
	}
	if n := g.Nodes[p.Region.Nodes[0]]; n.Op == "Gather" || n.Op == "EmbeddingBag" {
		return units + " columns"
	}
	return units
}

// sentence tells how a region is cut.
func sentence(g *sharding.Graph, p *program.Piece, shards []int, label string) string {
	var where []string
	even := true
	for at := range shards {
		if p.Has(at) {
			where = append(where, fmt.Sprint(shards[at]))
			even = even && p.Bounds[at+1]-p.Bounds[at] >= p.Region.Units/len(shards) && p.Bounds[at+1]-p.Bounds[at] <= p.Region.Units/len(shards)+1
		}
	}
	if len(where) == len(shards) && even {
		return fmt.Sprintf("cut: %s, %s over all %d shards%s", label, unitName(g, p), len(shards), routed(p))
	}
	var parts []string
	for at := range shards {
		if p.Has(at) {
			parts = append(parts, fmt.Sprintf("%s on shard %d", grouped(p.Bounds[at+1]-p.Bounds[at]), shards[at]))
		}
	}
	return fmt.Sprintf("cut: %s, %s: %s%s", label, unitName(g, p), few(parts, 4), routed(p))
}

func routed(p *program.Piece) string {
	if p.Routed {
		return ", routed"
	}
	return ""
}

func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Size writes a number of bytes in the unit that people use for it.
func Size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.*f %s", map[bool]int{true: 0, false: 1}[v >= 100], v, units[u])
}
