package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/sharding"
)

func explored(t *testing.T, p *Planner, w Wish) *Survey {
	t.Helper()
	s, err := p.Explore(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheFrontierHasWhatNoPlanBeats(t *testing.T) {
	s := explored(t, New(perceptron(4096, 8192, 8192, 1000).prepared(), Options{}), Wish{})
	if len(s.Frontier) < 2 || len(s.All) < len(s.Frontier) {
		t.Fatalf("%d of %d plans", len(s.Frontier), len(s.All))
	}
	for _, c := range s.All {
		beaten := slices.ContainsFunc(s.All, func(o *Candidate) bool {
			a, b := o.Estimate, c.Estimate
			return a.WarmMS <= b.WarmMS && a.CostPerMillion <= b.CostPerMillion && (a.WarmMS < b.WarmMS || a.CostPerMillion < b.CostPerMillion)
		})
		if on := slices.Contains(s.Frontier, c); on && beaten {
			t.Errorf("%s at %d shards, %+v: on the frontier and beaten", c.Kind, c.Plan.Shards, c.Size)
		}
		if e := c.Estimate; e.need() > int64(c.Size.ShardMB)<<20 || e.LocalWeights+coordinatorBytes > int64(c.Size.CoordinatorMB)<<20 {
			t.Errorf("%s at %d shards does not fit into %+v", c.Kind, c.Plan.Shards, c.Size)
		}
	}
}

func TestObjectivesPickFromTheFrontier(t *testing.T) {
	p := New(perceptron(4096, 8192, 8192, 1000).prepared(), Options{Symbols: map[string]int{"batch": 64}})
	free := explored(t, p, Wish{})
	fastest, cheapest := free.Frontier[0].Estimate, free.Frontier[len(free.Frontier)-1].Estimate
	middle := (fastest.WarmMS + cheapest.WarmMS) / 2
	within := explored(t, p, Wish{Latency: time.Duration(middle * float64(time.Millisecond))}).Chosen.Estimate
	money := (fastest.CostPerMillion + cheapest.CostPerMillion) / 2
	afforded := explored(t, p, Wish{MaxCost: money}).Chosen.Estimate
	for _, c := range free.All {
		e := c.Estimate
		if e.WarmMS <= middle && e.CostPerMillion < within.CostPerMillion {
			t.Errorf("within %.1f ms: chosen $%.3f, there is $%.3f", middle, within.CostPerMillion, e.CostPerMillion)
		}
		if e.CostPerMillion <= money && e.WarmMS < afforded.WarmMS {
			t.Errorf("for $%.2f: chosen %.2f ms, there is %.2f", money, afforded.WarmMS, e.WarmMS)
		}
		if e.WarmMS*e.CostPerMillion < free.Chosen.Estimate.WarmMS*free.Chosen.Estimate.CostPerMillion {
			t.Errorf("without a wish: a smaller product is %.1f ms, $%.2f", e.WarmMS, e.CostPerMillion)
		}
	}
	if within.WarmMS > middle || afforded.CostPerMillion > money {
		t.Errorf("%.1f ms beyond %.1f, or $%.2f beyond $%.2f", within.WarmMS, middle, afforded.CostPerMillion, money)
	}
}

func TestImpossibleWishesNameWhatWouldHelp(t *testing.T) {
	p := New(perceptron(4096, 8192, 8192, 1000).prepared(), Options{})
	for want, w := range map[string]Wish{
		"round 0 around node matmul":        {Latency: time.Millisecond},
		"the cheapest plan costs more":      {MaxCost: 0.001},
		"no plan has both":                  {MaxCost: 3, Latency: 45 * time.Millisecond},
		"the largest useful number is 8192": {Shards: []int{9000}},
		"a function needs":                  {Shards: []int{2}, MemoryMB: []int{128}},
		"MB of memory":                      {MemoryMB: []int{48}},
	} {
		_, err := p.Explore(t.Context(), w)
		var refused *layout.RefusalError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) || refused.Remedy == "" {
			t.Errorf("%+v: error %v, wanted one with %q", w, err, want)
		}
	}
}

// What a plan is estimated to need is what its layout then says.
func TestEstimatedMemoryIsTheLayouts(t *testing.T) {
	m := partitioned(perceptron(1024, 2048, 2048, 10))
	p := New(sharding.New(m.Graph, m.Values), Options{})
	for _, n := range []int{1, 2, 3, 7} {
		for _, c := range p.Candidates(n) {
			l, err := partition.Lay(m, c.Plan, layout.Options{Name: "m", Version: "1"})
			if err != nil {
				t.Fatal(err)
			}
			for s, sh := range l.Manifest.Shards {
				need, got := partition.Need(sh.Memory), c.Estimate.ShardNeeds[s]
				if diff := float64(got-need) / float64(need); diff > 0.01 || diff < -0.01 {
					t.Errorf("%s at %d shards: shard %d needs %d bytes, estimated %d", c.Kind, n, s, need, got)
				}
			}
		}
	}
}

// bags are tables with a sum over the rows that are looked up, side by side.
func bags(rows ...int) *model {
	m := newModel()
	m.g.Weights["axes"] = &graph.Weight{Name: "axes", DType: tensor.I64, Shape: tensor.Shape{1}, Data: []byte{1, 0, 0, 0, 0, 0, 0, 0}}
	m.value("axes", 1)
	var parts []string
	for i, n := range rows {
		name := string(rune('a' + i))
		ids := m.value(name+"_ids", -1, 4)
		ids.DType = tensor.I64
		m.values[ids.Name] = ids
		m.g.Inputs = append(m.g.Inputs, ids)
		x := m.node("Gather", name, []int{-1, 4, 64}, m.weight("w"+name, n, 64), ids.Name)
		parts = append(parts, m.node("ReduceSum", name+"_sum", []int{-1, 64}, x, "axes"))
		m.g.Nodes[len(m.g.Nodes)-1].Attrs = map[string]graph.Attr{"keepdims": {Kind: graph.AttrInt}}
	}
	m.node("Concat", "y", []int{-1, 64 * len(rows)}, parts...)
	m.g.Nodes[len(m.g.Nodes)-1].Attrs = map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: 1}}
	m.g.Outputs = []graph.Value{m.values["y"]}
	return m
}

func TestTablesFitTheirShards(t *testing.T) {
	const mb, room = 50, 2 << 20 // what the process leaves: 8,192 rows
	for _, c := range []struct {
		rows          []int
		shards, parts int // of the largest table
	}{
		{[]int{20000, 1000, 1000, 1000}, 4, 3}, {[]int{8000, 7000, 6000, 5000}, 4, 1}, {[]int{40000, 50, 50}, 5, 5}, {[]int{4000, 3000, 3000, 2000, 2000, 2000}, 3, 1},
	} {
		list := New(bags(c.rows...).prepared(), Options{Kind: Tables, Fit: true, MemoryMB: mb}).Candidates(c.shards)
		least := 0
		for _, plan := range list {
			if most := slices.Max(plan.Estimate.ShardWeights); most > room {
				t.Errorf("%v at %d shards, %s: the fullest has %d bytes, there is room for %d", c.rows, c.shards, plan.Kind, most, room)
			}
			if len(plan.Plan.Stages) != 1 {
				t.Errorf("%v at %d shards, %s: %d rounds", c.rows, c.shards, plan.Kind, len(plan.Plan.Stages))
			}
			if parts := spreadOf(&plan, "a"); least == 0 || parts < least {
				least = parts
			}
		}
		if least != c.parts {
			t.Errorf("%v at %d shards: the largest table is on %d shards, wanted %d", c.rows, c.shards, least, c.parts)
		}
	}
	if list := New(bags(50000, 10).prepared(), Options{Kind: Tables, Fit: true, MemoryMB: mb}).Candidates(5); len(list) > 0 {
		t.Errorf("50,000 rows fit into 5 shards of 8,192")
	}
}

// spreadOf is on how many shards a node is.
func spreadOf(c *Candidate, name string) int {
	count := 0
	st := &c.Plan.Stages[0]
	for i := range st.Pieces {
		for _, n := range st.Pieces[i].List() {
			if c.Plan.Graph.Nodes[n].Name == name {
				for at := range st.Shards {
					if st.Pieces[i].Has(at) {
						count++
					}
				}
			}
		}
	}
	return count
}

func TestPipelinesHaveTheSmallestLargestSegment(t *testing.T) {
	for _, c := range []struct {
		sizes []int64
		n     int
		want  int64
	}{{[]int64{5, 1, 1, 1, 5}, 3, 5}, {[]int64{1, 2, 3, 4, 5, 6}, 3, 9}, {[]int64{7}, 1, 7}, {[]int64{3, 3, 3, 3}, 2, 6}, {[]int64{10, 1, 1, 1}, 4, 10}} {
		sum := []int64{0}
		for _, v := range c.sizes {
			sum = append(sum, sum[len(sum)-1]+v)
		}
		if got := leastLargest(sum, c.n); got != c.want {
			t.Errorf("%v in %d: %d, wanted %d", c.sizes, c.n, got, c.want)
		}
	}
}
