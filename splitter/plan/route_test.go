package plan

import (
	"math"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
)

// pooledTable looks up many rows of a table and sums them up; with pool 0 it only looks up.
func pooledTable(pool int) *model {
	m := newModel()
	ids := m.value("ids", -1, max(pool, 1))
	ids.DType = tensor.I64
	m.values["ids"], m.g.Inputs = ids, []graph.Value{ids}
	out := m.node("Gather", "found", []int{-1, max(pool, 1), 16}, m.weight("table", 1000, 16), "ids")
	if pool > 0 {
		out = m.node("ReduceMean", "pooled", []int{-1, 16}, out)
		m.g.Nodes[1].Attrs = map[string]graph.Attr{"axes": {Kind: graph.AttrInts, Ints: []int64{1}}, "keepdims": {Kind: graph.AttrInt}}
	}
	m.g.Outputs = []graph.Value{m.values[out]}
	return m
}

// The planner takes the form with fewer bytes: routed where few rows of a request are a shard's, masked where each shard has a part of every answer, and
// one shard has nobody to share with.
func TestTheFormWithFewerBytesIsTaken(t *testing.T) {
	for _, c := range []struct {
		pool   int
		bounds []int
		routed bool
	}{{0, []int{0, 250, 500, 750, 1000}, true}, {3, []int{0, 250, 500, 750, 1000}, true}, {300, []int{0, 500, 1000}, false}, {0, []int{0, 1000}, false}} {
		g := pooledTable(c.pool).prepared()
		r := g.Cut(0, 0, 0, nil)
		shards := all(len(c.bounds) - 1)
		e := newProfiler(g, &sizes{symbols: map[string]int{"batch": 64}, other: 1})
		p := &partition.Plan{Graph: g, Shards: len(shards), Stages: []partition.Stage{{Shards: shards, Pieces: []program.Piece{{Region: r, Bounds: c.bounds}}}}}
		masked := e.profile(p)
		e.route(p)
		if got := p.Stages[0].Pieces[0].Routed; got != c.routed {
			t.Errorf("pooling of %d on %d shards is routed: %v, wanted %v", c.pool, len(shards), got, c.routed)
		}
		chosen := e.profile(p)
		for at := range shards {
			if b, m := sent(chosen, at), sent(masked, at); b > m || c.routed && b == m {
				t.Errorf("pooling of %d on %d shards: shard %d has %d bytes, masked %d", c.pool, len(shards), at, b, m)
			}
		}
		if !slices.Equal(chosen.weights, masked.weights) || !slices.Equal(chosen.perRow, masked.perRow) {
			t.Errorf("weights %v and rows %v, masked %v and %v", chosen.weights, chosen.perRow, masked.weights, masked.perRow)
		}
	}
}

// What a request costs counts a shard as often as it is needed: with one number a request each of four shards is asked once in four.
func TestShardsThatAreSparedCostLess(t *testing.T) {
	g := pooledTable(0).prepared()
	b := []int{0, 250, 500, 750, 1000}
	for rows, want := range map[int]float64{1: 0.25, 2: 1 - 0.75*0.75, 1000: 1} {
		e := newProfiler(g, &sizes{symbols: map[string]int{"batch": rows}, other: 1})
		p := &partition.Plan{Graph: g, Shards: 4, Stages: []partition.Stage{{Shards: all(4), Pieces: []program.Piece{{Region: g.Cut(0, 0, 0, nil), Bounds: b, Routed: true}}}}}
		routed := e.profile(p)
		p.Stages[0].Pieces[0].Routed = false
		masked := e.profile(p)
		for at := range 4 {
			if share := routed.rounds[0].asked[at]; math.Abs(share-want) > 1e-9 || masked.rounds[0].asked[at] != 1 {
				t.Errorf("%d rows: shard %d is asked %v of the time, wanted %v, and masked %v", rows, at, share, want, masked.rounds[0].asked[at])
			}
		}
		if r, m := routed.at(DefaultCostModel(), 1769, 1769), masked.at(DefaultCostModel(), 1769, 1769); rows < 3 && r.CostPerMillion >= m.CostPerMillion {
			t.Errorf("%d rows: routed costs %v, masked %v", rows, r.CostPerMillion, m.CostPerMillion)
		}
	}
}

func sent(p *profile, at int) int64 { return p.rounds[0].request[at] + p.rounds[0].reply[at] }
