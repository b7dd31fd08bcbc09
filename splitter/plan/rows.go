package plan

import (
	"maps"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// rowsOf is what is known of a model's rows.
type rowsOf struct {
	independent bool   // every row stands for itself, and every output has one for each
	symbol      string // the graph's name for their number
}

// findRows looks at the signature, which says whether rows are independent, and at the inputs for their name in the graph.
func findRows(m *partition.Model) rowsOf {
	var r rowsOf
	for _, v := range m.Graph.Inputs {
		if len(v.Dims) > 0 && m.Signature.Batched(m.Dims(v.Dims)) {
			r.independent, r.symbol = true, v.Dims[0].Symbol
		}
	}
	for _, o := range m.Signature.Outputs {
		r.independent = r.independent && m.Signature.Batched(o.Shape)
	}
	return r
}

func refuseRows() error {
	return &layout.RefusalError{Subject: "plans of the kind " + Rows, Reason: "the model's rows do not stand for themselves, or it has none, so a request cannot be shared out by rows",
		Remedy: "leave the kind away; inspect tells what mixes the rows"}
}

// rowCount is the number of rows of the request that is reckoned with.
func (p *Planner) rowCount() int {
	return int(min(p.prof.sizes.dim(graph.Dim{Size: -1, Symbol: p.rows.symbol}), maxValue))
}

// byRows is the plan by rows over n shards: nil when the rows are not independent, the weights do not fit into each function, or, unless that kind is asked
// for, there are fewer rows than shards.
func (p *Planner) byRows(n int, limit int64) *choice {
	if !p.rows.independent || n < 2 || p.total > limit || p.o.Kind != Rows && p.rowCount() < n {
		return nil
	}
	return &choice{kind: Rows, shards: n, byRows: true}
}

// rowStage is the only round of a plan by rows.
func (c *choice) rowStage(g *sharding.Graph) *partition.Plan {
	return &partition.Plan{Graph: g, Shards: c.shards, Stages: []partition.Stage{{Shards: all(c.shards), Pieces: []program.Piece{{Nodes: all(len(g.Nodes)), Rows: true}}}}}
}

// profile is what a plan does. In a plan by rows the shards work on the larger or on the smaller share of the rows.
func (p *Planner) profile(pl *partition.Plan, byRows bool) *profile {
	if !byRows {
		return p.prof.profile(pl)
	}
	rows, n := p.rowCount(), pl.Shards
	most, least := p.ofRows(pl, rows/n+min(rows%n, 1)), p.ofRows(pl, rows/n)
	for k := range most.rounds {
		big, small := &most.rounds[k], &least.rounds[k]
		clear(big.asked[manifest.RowShards(rows, n):])
		for at := range big.shards {
			if lo, hi := manifest.RowShare(rows, at, n); hi-lo == rows/n {
				big.work[at], big.request[at], big.reply[at] = small.work[at], small.request[at], small.reply[at]
			}
		}
	}
	return most
}

// ofRows is the profile of a plan whose shards get so many rows each.
func (p *Planner) ofRows(pl *partition.Plan, rows int) *profile {
	sz := &sizes{symbols: map[string]int{}, other: p.prof.sizes.other}
	maps.Copy(sz.symbols, p.prof.sizes.symbols)
	sz.symbols[p.rows.symbol] = rows
	return newProfiler(p.prof.g, sz).profile(pl)
}
