package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/planview"
	"github.com/shardwise/shardwise/splitter/plan"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// planFacts is the document of plan --json.
type planFacts struct {
	Model        string            `json:"model"`
	WeightsBytes int64             `json:"weights_bytes"`
	Nodes        int               `json:"nodes"`
	Rows         int               `json:"rows"`
	Chosen       *candidateFacts   `json:"chosen"`
	Alternatives []*candidateFacts `json:"alternatives"`
	Explored     int               `json:"explored"` // plans at sizes that were estimated
}

// candidateFacts is one plan in it.
type candidateFacts struct {
	Kind     string         `json:"kind"`
	Shards   int            `json:"shards"`
	Size     plan.Size      `json:"memory"`
	Frontier bool           `json:"on_frontier"` // no other plan is both faster and cheaper
	Estimate *plan.Estimate `json:"estimate"`
	Stages   []stageFacts   `json:"stages,omitempty"`
}

// stageFacts is one round: what its shards hold.
type stageFacts struct {
	Shards []int    `json:"shards"`
	Parts  []string `json:"parts"`
}

// maxAlternatives is how many other plans are shown.
const maxAlternatives = 8

func planFactsOf(path string, f *planFlags, s *plan.Survey) *planFacts {
	g := s.Chosen.Plan.Graph
	out := &planFacts{Model: filepath.Base(path), Nodes: len(g.Nodes), Rows: f.batch(), Explored: len(s.All)}
	for _, w := range g.Weights {
		out.WeightsBytes += sharding.Bytes(w)
	}
	onFrontier := func(c *plan.Candidate) bool { return slices.Contains(s.Frontier, c) }
	facts := func(c *plan.Candidate) *candidateFacts {
		return &candidateFacts{Kind: c.Kind, Shards: c.Plan.Shards, Size: c.Size, Frontier: onFrontier(c), Estimate: c.Estimate}
	}
	out.Chosen = facts(s.Chosen)
	for _, st := range planview.Describe(s.Chosen) {
		out.Chosen.Stages = append(out.Chosen.Stages, stageFacts{Shards: st.Shards, Parts: st.Parts()})
	}
	for _, c := range alternatives(s) {
		out.Alternatives = append(out.Alternatives, facts(c))
	}
	return out
}

// alternatives are the best plan of each other kind and number of shards, those of the frontier first, the least product of latency and cost first.
func alternatives(s *plan.Survey) []*plan.Candidate {
	type group struct {
		kind   string
		shards int
	}
	product := func(c *plan.Candidate) float64 { return c.Estimate.WarmMS * c.Estimate.CostPerMillion }
	best := map[group]*plan.Candidate{}
	for _, c := range s.All {
		key := group{c.Kind, c.Plan.Shards}
		if old := best[key]; old == nil || product(c) < product(old) {
			best[key] = c
		}
	}
	delete(best, group{s.Chosen.Kind, s.Chosen.Plan.Shards})
	var list []*plan.Candidate
	kinds := map[string]int{}
	for _, c := range s.All { // in their order, so that the result is the same every time
		if best[group{c.Kind, c.Plan.Shards}] == c {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *plan.Candidate) int {
		if d := product(a) - product(b); d != 0 {
			return int(d / max(d, -d))
		}
		return 0
	})
	list = slices.DeleteFunc(list, func(c *plan.Candidate) bool { kinds[c.Kind]++; return kinds[c.Kind] > 3 })
	return list[:min(len(list), maxAlternatives)]
}

// lines tells the facts to people.
func (f *planFacts) lines() []string {
	c, e := f.Chosen, f.Chosen.Estimate
	lines := []string{
		fmt.Sprintf("%s: %s of weights in %s; %s in a request", f.Model, size(f.WeightsBytes), count(int64(f.Nodes), "node"), count(int64(f.Rows), "row")),
		"",
		fmt.Sprintf("chosen of %s: %s, %s of %d MB, coordinator of %d MB", count(int64(f.Explored), "estimate"), c.Kind, count(int64(c.Shards), "shard"), c.Size.ShardMB, c.Size.CoordinatorMB),
		fmt.Sprintf("  warm %s, cold %s, $%.2f per million requests", millis(e.WarmMS), millis(e.ColdMS), e.CostPerMillion),
		fmt.Sprintf("  a shard holds %s and needs %s; the coordinator holds %s", between(e.ShardWeights), between(e.ShardNeeds), size(e.LocalWeights)),
	}
	var rows [][]string
	for k, r := range e.Rounds {
		if k == maxRounds {
			rows = append(rows, []string{fmt.Sprintf("... and %d more rounds", len(e.Rounds)-maxRounds)})
			break
		}
		rows = append(rows, []string{fmt.Sprintf("round %d", k), count(int64(r.Shards), "shard"), size(r.RequestBytes) + " to them", size(r.ReplyBytes) + " back",
			"computing " + millis(r.ComputeMS), "in all " + millis(r.MS)})
	}
	rows = append(rows, []string{"coordinator", "", "", "", "computing " + millis(e.LocalMS)})
	lines = append(lines, columns(rows, "  ")...)
	for k, st := range c.Stages {
		if k == maxRounds {
			break
		}
		lines = append(lines, fmt.Sprintf("  round %d holds", k))
		for i, part := range st.Parts {
			if i == maxParts {
				lines = append(lines, fmt.Sprintf("    ... and %d more", len(st.Parts)-maxParts))
				break
			}
			lines = append(lines, "    "+part)
		}
	}
	if len(f.Alternatives) == 0 {
		return lines
	}
	rows = [][]string{{"", "shards", "MB", "rounds", "to shards", "back", "function", "warm", "cold", "$ a million"}}
	for _, a := range append([]*candidateFacts{c}, f.Alternatives...) {
		rows = append(rows, a.row())
	}
	rows[1][0] += " (chosen)"
	return append(append(lines, "", "the best of each kind, * where no other plan is both faster and cheaper"), columns(rows, "  ")...)
}

// maxRounds is how many rounds are listed, and maxParts how many parts of one; --json has all.
const (
	maxRounds = 6
	maxParts  = 12
)

func (c *candidateFacts) row() []string {
	e := c.Estimate
	var in, back int64
	for _, r := range e.Rounds {
		in, back = in+r.RequestBytes, back+r.ReplyBytes
	}
	mark := ""
	if c.Frontier {
		mark = " *"
	}
	return []string{c.Kind + mark, fmt.Sprint(c.Shards), fmt.Sprintf("%d + %d", c.Size.ShardMB, c.Size.CoordinatorMB), fmt.Sprint(len(e.Rounds)), size(in), size(back),
		size(slices.Max(e.ShardNeeds)), millis(e.WarmMS), millis(e.ColdMS), fmt.Sprintf("%.2f", e.CostPerMillion)}
}

// between is one size, or the least and the largest.
func between(list []int64) string {
	least, most := size(slices.Min(list)), size(slices.Max(list))
	if least == most {
		return least
	}
	return strings.Join([]string{least, "to", most}, " ")
}

// millis writes milliseconds with three digits that count.
func millis(ms float64) string {
	switch {
	case ms >= 10000:
		return fmt.Sprintf("%.0f s", ms/1e3)
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1e3)
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}
