package program

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// bag is an EmbeddingBag of five bags of a table of 50 rows and 12 columns.
func bag(rng *rand.Rand, mode string, factors bool) *maker {
	m := newMaker(rng, 17)
	m.g.Opsets[graph.ShardwiseDomain] = embedding.Version
	ids := tensor.New(tensor.I64, 30)
	for i := range tensor.Of[int64](ids) {
		tensor.Of[int64](ids)[i] = int64(rng.IntN(2*50) - 50)
	}
	inputs := []string{m.w("table", 50, 12), m.input("ids", ids), m.ints("offsets", 0, 3, 3, 21, 29, 30)}
	if factors {
		inputs = append(inputs, m.input("factors", m.random(30)))
	}
	out := m.node(embedding.OpBag, attrs(embedding.AttrMode, mode), "bag", inputs...)
	m.g.Nodes[0].Domain = graph.ShardwiseDomain
	m.output(m.node("Mul", nil, "scaled", out, m.w("scale", 12)))
	return m
}

func TestEmbeddingBagsAreCutByRowsAndByColumns(t *testing.T) {
	rng := seeded(t)
	checkRegions(t, bag(rng, embedding.ModeSum, false), "50 bag -> bag Partial(sum)", "12 bag scaled -> scaled Shard(1)")
	checkRegions(t, bag(rng, embedding.ModeSum, true), "50 bag -> bag Partial(sum)", "12 bag scaled -> scaled Shard(1)")
	checkRegions(t, bag(rng, embedding.ModeMax, true), "50 bag -> bag Partial(max)", "12 bag scaled -> scaled Shard(1)")
	mean := bag(rng, embedding.ModeMean, false)
	checkRegions(t, mean, "12 bag scaled -> scaled Shard(1)")
	g, _ := prepare(t, mean)
	for _, r := range g.Regions() {
		if r.Units == 50 {
			t.Errorf("a mean is cut by rows: %s", describe(g, r))
		}
	}
}

// An index that no row has fails on every shard.
func TestABagWithAnIndexBeyondTheTableFails(t *testing.T) {
	m := bag(seeded(t), embedding.ModeSum, false)
	g, all := prepare(t, m)
	binary.LittleEndian.PutUint64(all["ids"].Bytes(), 50)
	for _, r := range g.Regions() {
		if r.Units != 50 {
			continue
		}
		s := NewStage("stage", g, []int{0, 1, 2}, []Piece{{Region: r, Bounds: r.Bounds(3)}})
		for p := range 3 {
			compiled, err := native.New().Compile(s.Program(p, inMemory(t)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := compiled.Run(t.Context(), tensor.Named{"ids": all["ids"]}, nil); err == nil {
				t.Errorf("shard %d takes index 50", p)
			}
		}
	}
}
