package plan

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// recurrent is a network whose first layer, of 8·width² numbers, no cut makes smaller.
func recurrent(width int) *model {
	m := newModel()
	m.g.Inputs = append(m.g.Inputs, m.value("x", 5, 1, width))
	m.node("LSTM", "memory", []int{5, 1, 1, width}, "x", m.weight("w", 1, 4*width, width), m.weight("r", 1, 4*width, width))
	m.node("Squeeze", "steps", []int{5, width}, "memory")
	m.g.Outputs = append(m.g.Outputs, m.values[m.node("MatMul", "out", []int{5, 1000}, "steps", m.weight("w2", width, 1000))])
	return m
}

// refusalOf is the refusal of an exploration, "" when there is a plan.
func refusalOf(t *testing.T, g *sharding.Graph, o Options, w Wish) string {
	t.Helper()
	_, err := New(g, o).Explore(t.Context(), w)
	return refusalText(t, err)
}

func refusalText(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var refused *layout.RefusalError
	if !errors.As(err, &refused) || refused.Subject == "" || refused.Reason == "" || refused.Remedy == "" {
		t.Fatalf("%v is no refusal with a subject, a reason and a remedy", err)
	}
	return err.Error()
}

func TestRefusalsNameTheNodeTheSizesAndWhatHelps(t *testing.T) {
	lstm, large := recurrent(4096).prepared(), recurrent(20000).prepared()
	mlp := perceptron(2048, 4096, 4096, 10).prepared()
	sums := described(t, `{"format": "shardwise-recommender/1", "name": "m", "tables": [{"name": "users", "rows": 500000000, "dim": 16}, {"name": "items", "rows": 1000, "dim": 16}], "interaction": {"kind": "cat"}, "top": [8, 1]}`)
	colossal := described(t, `{"format": "shardwise-recommender/1", "name": "m", "tables": [{"name": "users", "rows": 2000000000, "dim": 1600}, {"name": "items", "rows": 1000, "dim": 16}], "interaction": {"kind": "cat"}, "top": [8, 1]}`)
	for _, c := range []struct {
		name  string
		g     *sharding.Graph
		o     Options
		w     Wish
		wants []string
	}{
		{"a weight in one piece", lstm, Options{}, Wish{MemoryMB: []int{512}}, []string{"512 MB", "memory (LSTM)", "take 512 MB in one piece", "give at least 560 MB"}},
		{"a weight in one piece, however many shards", lstm, Options{}, Wish{MemoryMB: []int{512}, Shards: []int{4}}, []string{"memory (LSTM)", "give at least 560 MB"}},
		{"a weight that no function holds", large, Options{}, Wish{}, []string{"memory (LSTM)", "12208 MB in one piece", "the largest has 10240"}},
		{"too few shards for the memory", mlp, Options{}, Wish{MemoryMB: []int{64}, Shards: []int{2}}, []string{"2 shards of 64 MB", "give at least", "about 6 shards"}},
		{"too many shards", mlp, Options{}, Wish{Shards: []int{5000}}, []string{"5000 shards", "matmul0 (MatMul), into 4096", "use at most 4096 shards"}},
		{"more shards than are looked at", sums, Options{}, Wish{MemoryMB: []int{128}}, []string{"128 MB", "at most 256 are looked at", "30518 MB", "or ask for"}},
		{"far too few shards", sums, Options{}, Wish{MemoryMB: []int{10240}, Shards: []int{2}}, []string{"2 shards of 10240 MB", "the largest has 10240", "about 3 shards"}},
		{"tables in a perceptron", mlp, Options{Kind: TablesByRows}, Wish{}, []string{`"tables-rows"`, "less than half", "leave the kind away"}},
		{"tables in a perceptron, of so many shards", mlp, Options{Kind: Tables}, Wish{Shards: []int{3}}, []string{`"tables"`, "less than half"}},
		{"a whole model on more than one shard", mlp, Options{Kind: Whole}, Wish{Shards: []int{4}}, []string{`4 shards in a plan of the kind "whole"`, "has 1 shard", "ask for 1 shard"}},
		{"a pipeline of more shards than items", mlp, Options{Kind: Pipeline}, Wish{Shards: []int{4000}}, []string{`"pipeline"`, "use at most", "or leave the kind away"}},
		{"memory that no function has", colossal, Options{}, Wish{}, []string{"at most 256 are looked at", "MB need about 1", "; ask for"}},
		{"a pipeline of one item", perceptron(64, 64).prepared(), Options{Kind: Pipeline}, Wish{Shards: []int{1}}, []string{`"pipeline"`, "leave the kind away"}},
		{"one mixed shard", mlp, Options{Kind: Mixed}, Wish{Shards: []int{1}}, []string{`1 shard in a plan of the kind "mixed"`, "cuts some layers over its shards, 2 or more, and keeps other parts whole", "ask for 2 shards, or leave the kind away"}},
		{"one shard of cut layers", mlp, Options{Kind: Tensor}, Wish{Shards: []int{1}}, []string{`"tensor"`, "over all of its shards, 2 or more", "ask for 2 shards"}},
		{"a mixed plan of one layer", perceptron(64, 64).prepared(), Options{Kind: Mixed}, Wish{}, []string{`"mixed"`, "the model has no plan of that kind", "leave the kind away, or ask for pipeline or tensor"}},
		{"mixed plans in small functions", lstm, Options{Kind: Mixed}, Wish{MemoryMB: []int{570}, Shards: []int{2}}, []string{`"mixed" in functions of 570 MB`, "with 2 shards, a function needs", "give at least"}},
		{"a cost below a cent", mlp, Options{}, Wish{MaxCost: 0.001}, []string{"$0.001", "the cheapest plan costs more", "1 shard of"}},
	} {
		got := refusalOf(t, c.g, c.o, c.w)
		for _, want := range c.wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q has no %q", c.name, got, want)
			}
		}
	}
}

// What a refusal says would help does help.
func TestWhatHelpsHelps(t *testing.T) {
	for _, g := range []*sharding.Graph{recurrent(4096).prepared(), perceptron(2048, 4096, 4096, 10).prepared()} {
		for _, mb := range []int{64, 128, 512} {
			text := refusalOf(t, g, Options{}, Wish{MemoryMB: []int{mb}, Shards: []int{1}})
			if text == "" {
				continue
			}
			more := 0
			if _, err := fmt.Sscanf(text[strings.Index(text, "give at least "):], "give at least %d MB", &more); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			// A node's own weights are named without the rows in flight.
			if again := refusalOf(t, g, Options{}, Wish{MemoryMB: []int{more + 64}, Shards: []int{1, 2, 4, 8}}); again != "" {
				t.Errorf("%d MB: %s; and then %s", mb, text, again)
			}
		}
	}
}

// The number of shards that a refusal of a kind names has a plan of that kind.
func TestTheNumberThatAKindsRefusalNamesHasAPlan(t *testing.T) {
	for name, m := range map[string]*model{"recurrent": recurrent(512), "perceptron": perceptron(12, 9, 4), "decoder": transformer(2, 64, 4, 8, 300), "one layer": perceptron(64, 64)} {
		g := m.prepared()
		for _, kind := range []string{Tensor, Pipeline, Mixed} {
			for n := 1; n <= 12; n++ {
				text := refusalOf(t, g, Options{Kind: kind}, Wish{Shards: []int{n}})
				_, after, named := strings.Cut(text, "ask for ")
				other := 0
				if _, err := fmt.Sscanf(after, "%d shard", &other); !named || err != nil {
					continue
				}
				if again := refusalOf(t, g, Options{Kind: kind}, Wish{Shards: []int{other}}); again != "" {
					t.Errorf("%s: %s; and then %s", name, text, again)
				}
			}
		}
	}
}

func TestTheLargestUsefulNumberIsTheLargest(t *testing.T) {
	for name, m := range map[string]*model{"recurrent": recurrent(512), "perceptron": perceptron(12, 9, 4), "decoder": transformer(2, 64, 4, 8, 300), "tables": bags(400, 30, 20)} {
		p := New(m.prepared(), Options{})
		most := p.MaxShards()
		if _, err := p.Best(most); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, n := range []int{most + 1, most + 2, most + 7} {
			if text := refusalText(t, second(p.Best(n))); !strings.Contains(text, fmt.Sprintf("at most %d shard", most)) {
				t.Errorf("%s at %d shards: %q, wanted a refusal that names %d", name, n, text, most)
			}
		}
	}
}

// A kind that has no plan at a number of shards is not told to have too few parts for it.
func TestNumbersOfShardsThatAKindDoesNotHave(t *testing.T) {
	decoder := transformer(2, 64, 4, 8, 300).prepared()
	for _, kind := range Kinds() {
		p := New(decoder, Options{Kind: kind})
		most := p.MaxShards()
		for n := 1; n <= min(most+2, 40); n++ {
			text := refusalText(t, second(p.Best(n)))
			if text == "" {
				continue
			}
			useful := 0
			if at := strings.Index(text, "use at most "); at >= 0 {
				if _, err := fmt.Sscanf(text[at:], "use at most %d shard", &useful); err != nil || useful >= n {
					t.Errorf("%s: %q of %d shards names %d (%v)", kind, text, n, useful, err)
				}
			}
			if !strings.Contains(text, "leave the kind away") {
				t.Errorf("%s: %q of %d shards says not that the kind is what stands in the way", kind, text, n)
			}
		}
	}
}

func second(_ *Candidate, err error) error { return err }

func TestSizesOfDimensionsThatAreNotThereAreRefused(t *testing.T) {
	m := partitioned(perceptron(12, 9, 4))
	if _, err := Prepare(m, Options{Symbols: map[string]int{"batch": 3}}); err != nil {
		t.Error(err)
	}
	_, err := Prepare(m, Options{Symbols: map[string]int{"steps": 3}})
	if text := refusalText(t, err); !strings.Contains(text, "steps") || !strings.Contains(text, "batch") {
		t.Errorf("%q names not the dimensions that there are", text)
	}
	fixed := partitioned(normed(3, 12, 9, 4))
	if _, err := Prepare(fixed, Options{Symbols: map[string]int{"steps": 3}}); !strings.Contains(refusalText(t, err), "fixed") {
		t.Errorf("%v says not that all sizes are fixed", err)
	}
}

// scores is a graph of values with the dimensions batch and steps, also multiplied with one another.
func scores() *model {
	m := newModel()
	dims := func(name string, symbols ...string) {
		v := graph.Value{Name: name, DType: tensor.F32, Ranked: true}
		for _, s := range symbols {
			v.Dims = append(v.Dims, graph.Dim{Size: -1, Symbol: s})
		}
		m.values[name] = v
	}
	dims("x", "batch", "steps")
	dims("y", "batch", "steps")
	m.g.Inputs = []graph.Value{m.values["x"], m.values["y"]}
	m.node("Unsqueeze", "left", nil, "x")
	m.node("Unsqueeze", "right", nil, "y")
	m.node("Mul", "products", nil, "left", "right")
	dims("left", "batch", "steps", "1")
	dims("right", "batch", "1", "steps")
	dims("products", "batch", "steps", "steps")
	m.node("Reshape", "rows", nil, "products")
	dims("rows", "batch", "steps*steps")
	m.g.Outputs = []graph.Value{m.values["rows"]}
	return m
}

// Sizes at which a value outgrows what is reckoned with are refused, and below them no estimate overflows.
func TestSizesNearTheLargestNumbersAreRefusedOrReckoned(t *testing.T) {
	m := partitioned(scores())
	for _, kind := range []string{"", Rows} {
		for _, batch := range []int{1, 1000, 1 << 30, 1<<62 - 1, 1 << 62, math.MaxInt64} {
			for _, steps := range []int{1, 1000, 1 << 31, 1<<62 - 1, 1 << 62, math.MaxInt64} {
				p, err := Prepare(m, Options{Kind: kind, Symbols: map[string]int{"batch": batch, "steps": steps}})
				if large := float64(batch)*float64(steps)*float64(steps)*4 >= 1<<40; large {
					if text := refusalText(t, err); !strings.Contains(text, fmt.Sprintf("batch=%d, steps=%d", batch, steps)) || steps > 1 && !strings.Contains(text, "the value products") {
						t.Errorf("batch %d, steps %d: %q", batch, steps, text)
					}
					continue
				}
				if err != nil {
					t.Errorf("batch %d, steps %d: %v", batch, steps, err)
					continue
				}
				for _, n := range []int{1, 3, 10000} {
					for _, c := range p.Candidates(n) {
						e := c.Estimate
						for _, r := range e.Rounds {
							if r.RequestBytes < 0 || r.ReplyBytes < 0 || r.LargestReply < 0 || r.LargestRequest < 0 || !(r.MS >= 0) || math.IsInf(r.MS, 0) {
								t.Errorf("batch %d, steps %d, %d shards: %+v", batch, steps, n, r)
							}
						}
						if !(e.WarmMS > 0) || !(e.CostPerMillion > 0) || math.IsInf(e.CostPerMillion, 0) || e.need() <= 0 {
							t.Errorf("batch %d, steps %d, %d shards: %+v", batch, steps, n, e)
						}
					}
				}
			}
		}
	}
}
