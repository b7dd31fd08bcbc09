package planview

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/splitter/plan"
)

// maxColumns is how many columns of shards are drawn; more are collapsed.
const maxColumns = 8

// column is one or several shards that hold the same kind of parts, or the ones that are left.
type column struct {
	shards []int
	mixed  bool
}

func (c column) title() string {
	switch n := len(c.shards); {
	case n == 1:
		return fmt.Sprintf("shard %d", c.shards[0])
	case c.shards[n-1]-c.shards[0] == n-1:
		return fmt.Sprintf("shards %d to %d", c.shards[0], c.shards[n-1])
	}
	return fmt.Sprintf("%d shards: %d, %d ...", len(c.shards), c.shards[0], c.shards[1])
}

// note says how many shards a column stands for, when they are several.
func (c column) note() string {
	if len(c.shards) == 1 {
		return ""
	}
	if c.mixed {
		return fmt.Sprintf("%d others; the first is drawn", len(c.shards))
	}
	return fmt.Sprintf("%d alike; the first is drawn", len(c.shards))
}

// columnsOf gives every shard a column; when those are too many, shards that take part in the same rounds with the same heavy pieces share one, and when
// there are still too many, the last ones do.
func columnsOf(c *plan.Candidate, stages []Stage) []column {
	n := c.Plan.Shards
	if n <= maxColumns {
		out := make([]column, n)
		for s := range out {
			out[s] = column{shards: []int{s}}
		}
		return out
	}
	var out []column
	index := map[string]int{}
	for s := range n {
		key := ""
		for k := range stages {
			at := slices.Index(stages[k].Shards, s)
			if at < 0 {
				continue
			}
			key += fmt.Sprint("|", k)
			for i, h := range stages[k].Boxes[at].Holds {
				if i == 0 || h.Bytes*20 > stages[k].Boxes[at].Bytes { // what is light makes no difference
					key += "," + h.Label
				}
			}
		}
		if i, ok := index[key]; ok {
			out[i].shards = append(out[i].shards, s)
			continue
		}
		index[key] = len(out)
		out = append(out, column{shards: []int{s}})
	}
	if len(out) > maxColumns {
		rest := column{mixed: true}
		for _, c := range out[maxColumns-1:] {
			rest.shards = append(rest.shards, c.shards...)
		}
		slices.Sort(rest.shards)
		out = append(out[:maxColumns-1], rest)
	}
	return out
}
