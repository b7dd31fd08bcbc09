package plan

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
)

// rowModel is a perceptron whose rows the graph calls "n".
func rowModel(widths ...int) *partition.Model {
	m := perceptron(widths...)
	for name, v := range m.values {
		if len(v.Dims) > 0 && v.Dims[0].Size < 0 {
			v.Dims[0].Symbol = "n"
			m.values[name] = v
		}
	}
	dims := func(list []graph.Dim) []manifest.Dim {
		var out []manifest.Dim
		for _, d := range list {
			if d.Size < 0 {
				out = append(out, manifest.Dim{Name: manifest.Batch})
				continue
			}
			out = append(out, manifest.Dim{Size: d.Size})
		}
		return out
	}
	p := &partition.Model{Graph: m.g, Values: m.values, Dims: dims}
	for i := range m.g.Inputs {
		m.g.Inputs[i] = m.values[m.g.Inputs[i].Name]
		p.Signature.Inputs = append(p.Signature.Inputs, manifest.Input{Shape: dims(m.g.Inputs[i].Dims)})
	}
	for i := range m.g.Outputs {
		m.g.Outputs[i] = m.values[m.g.Outputs[i].Name]
		p.Signature.Outputs = append(p.Signature.Outputs, manifest.Output{Shape: dims(m.g.Outputs[i].Dims)})
	}
	return p
}

func survey(t *testing.T, m *partition.Model, rows int, kind string, w Wish) *Survey {
	t.Helper()
	p, err := Prepare(m, Options{Symbols: map[string]int{manifest.Batch: rows}, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Explore(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRowsAreSharedOutWhereBatchesAreLarge(t *testing.T) {
	m := rowModel(512, 1024, 1024, 64)
	if s := survey(t, m, 4096, "", Wish{}); s.Chosen.Kind != Rows {
		t.Errorf("of 4,096 rows the best plan is %s over %d shards", s.Chosen.Kind, s.Chosen.Plan.Shards)
	}
	if s := survey(t, m, 4096, "", Wish{MaxCost: 1e6}); s.Chosen.Kind != Rows {
		t.Errorf("of 4,096 rows the fastest plan is %s", s.Chosen.Kind)
	}
	if s := survey(t, m, 1, "", Wish{}); s.Chosen.Kind != Whole {
		t.Errorf("of one row the best plan is %s", s.Chosen.Kind)
	}
	if s := survey(t, m, 8, "", Wish{Latency: time.Hour}); s.Chosen.Kind != Whole {
		t.Errorf("with an hour of time the cheapest plan for 8 rows is %s", s.Chosen.Kind)
	}
	for _, c := range survey(t, m, 5, "", Wish{}).All {
		if c.Kind == Rows && c.Plan.Shards > 5 {
			t.Errorf("5 rows are shared out over %d shards", c.Plan.Shards)
		}
	}
}

// The estimate of a plan by rows is that of the whole model with the shards' own rows, and one bill for each shard that is asked.
func TestPlansByRowsAreReckonedByTheirShares(t *testing.T) {
	m, size := rowModel(512, 1024, 64), Wish{MemoryMB: []int{1769}}
	whole := func(rows int) *Estimate { return survey(t, m, rows, Whole, size).Chosen.Estimate }
	for _, c := range []struct{ rows, shards, asked, most int }{{256, 4, 4, 64}, {10, 4, 4, 3}, {3, 8, 3, 1}, {1, 2, 1, 1}} {
		w := size
		w.Shards = []int{c.shards}
		e := survey(t, m, c.rows, Rows, w).Chosen.Estimate
		r, one := e.Rounds[0], whole(c.most).Rounds[0]
		if len(e.Rounds) != 1 || r.Shards != c.asked || r.ComputeMS != one.ComputeMS || r.LargestRequest != one.LargestRequest || r.LargestReply != one.LargestReply {
			t.Errorf("%d rows over %d shards: %+v, a share of %d alone %+v", c.rows, c.shards, r, c.most, one)
		}
		if total := whole(c.rows).Rounds[0]; r.RequestBytes != total.RequestBytes || r.ReplyBytes != total.ReplyBytes {
			t.Errorf("%d rows over %d shards: %d bytes there and %d back, wanted %d and %d", c.rows, c.shards, r.RequestBytes, r.ReplyBytes, total.RequestBytes, total.ReplyBytes)
		}
		if len(e.ShardWeights) != c.shards || e.LocalWeights != 0 || math.Abs(float64(e.ShardWeights[c.shards-1]-whole(1).ShardWeights[0])) > 0 {
			t.Errorf("%d shards hold %v", c.shards, e.ShardWeights)
		}
	}
}

func TestPlansByRowsNeedIndependentRowsAndRoom(t *testing.T) {
	mixed := rowModel(64, 64)
	mixed.Signature.Rows = manifest.RowsNone
	fixed := rowModel(64, 64)
	fixed.Signature.Outputs[0].Shape[0] = manifest.Dim{Size: 1}
	for name, m := range map[string]*partition.Model{"mixed": mixed, "an output without rows": fixed} {
		_, err := Prepare(m, Options{Kind: Rows})
		if _, ok := errors.AsType[*layout.RefusalError](err); !ok {
			t.Errorf("%s: %v, wanted a refusal", name, err)
		}
		for _, c := range survey(t, m, 1000, "", Wish{}).All {
			if c.Kind == Rows {
				t.Fatalf("%s: there is a plan by rows", name)
			}
		}
	}
	big := rowModel(8192, 8192, 8192, 8192) // 768 MiB
	for _, c := range survey(t, big, 1000, "", Wish{MemoryMB: []int{512}}).All {
		if c.Kind == Rows {
			t.Fatal("a plan by rows is offered for functions in which the model does not fit")
		}
	}
}
