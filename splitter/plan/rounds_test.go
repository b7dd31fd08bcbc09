package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/splitter/recommender"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// cutLayers counts the nodes of a decoder's layers that a plan cuts.
func cutLayers(c *Candidate) int {
	count := 0
	for _, st := range c.Plan.Stages {
		for i := range st.Pieces {
			if p := &st.Pieces[i]; p.Region != nil {
				count += len(slices.DeleteFunc(slices.Clone(p.List()), func(n int) bool {
					return !strings.HasPrefix(c.Plan.Graph.Nodes[n].Name, "l") || c.Plan.Graph.Nodes[n].Name == "logits"
				}))
			}
		}
	}
	return count
}

// One model in functions of two sizes. Where a function has one processor, computing is worth two rounds a layer: attention by heads, and
// the two products behind it. Where it has six, it is not: the model stands in as many segments as there are shards.
func TestRoundsFollowWhatComputingTakes(t *testing.T) {
	const shards = 4
	for _, layers := range []int{6, 12} {
		g := transformer(layers, 2560, 20, 128, 8000).prepared()
		for _, c := range []struct {
			mb       int
			parallel bool
		}{{1769, true}, {10240, false}} {
			p := New(g, Options{MemoryMB: c.mb, Fit: true})
			best, err := p.Best(shards)
			if err != nil {
				t.Fatalf("%d layers, %d MB: %v", layers, c.mb, err)
			}
			rounds, cut := len(best.Plan.Stages), cutLayers(best)
			t.Logf("%d layers, %d MB: %s, %d rounds, %d nodes of layers cut, %.0f ms", layers, c.mb, best.Kind, rounds, cut, best.Estimate.WarmMS)
			// The table in front and the wide layer at the end may take a round each.
			if c.parallel && (best.Kind != Tensor || rounds < 2*layers || rounds > 2*layers+2 || cut < 12*layers) {
				t.Errorf("%d layers, %d MB: a plan %s of %d rounds that cuts %d nodes of the layers; wanted tensor, from %d to %d rounds", layers, c.mb, best.Kind, rounds, cut, 2*layers, 2*layers+2)
			}
			if !c.parallel && (rounds > shards+2 || cut > 0) {
				t.Errorf("%d layers, %d MB: a plan %s of %d rounds that cuts %d nodes of the layers; wanted at most %d rounds and whole layers", layers, c.mb, best.Kind, rounds, cut, shards+2)
			}
			if need := best.Estimate.need(); need > int64(c.mb)<<20 {
				t.Errorf("%d layers, %d MB: a function needs %d bytes", layers, c.mb, need)
			}
		}
	}
}

// described is a recommender's graph.
func described(t *testing.T, text string) *sharding.Graph {
	t.Helper()
	d, err := recommender.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	g, values := d.Build()
	return sharding.New(g, values)
}

// Perceptrons of up to two wide layers, wide output layers and recommenders are answered in one round, at any number of shards that leaves them parts.
func TestOneRoundIsEnough(t *testing.T) {
	const tables = `{"format": "shardwise-recommender/1", "name": "m", "tables": [{"name": "users", "rows": 900000, "dim": 64, "pooling": 20},
		{"name": "items", "rows": 250000, "dim": 64, "mode": "mean", "pooling": 5}, {"name": "places", "rows": 4000, "dim": 64}, {"name": "hours", "rows": 24, "dim": 64}],
		"dense": {"features": 13, "bottom": [128, 64]}, "interaction": %s, "top": [256, 1]}`
	graphs := map[string]*sharding.Graph{
		"perceptron":           perceptron(64, 256, 128, 10).prepared(),
		"wide perceptron":      perceptron(512, 8192, 512).prepared(),
		"wide output":          perceptron(256, 200_000).prepared(),
		"wide input":           perceptron(500_000, 64, 2).prepared(),
		"recommender, dot":     described(t, fmt.Sprintf(tables, `{"kind": "dot"}`)),
		"recommender, cat":     described(t, fmt.Sprintf(tables, `{"kind": "cat"}`)),
		"recommender, crossed": described(t, fmt.Sprintf(tables, `{"kind": "dcn", "layers": 2, "rank": 16}`)),
	}
	for name, g := range graphs {
		for _, n := range []int{1, 2, 4, 7, 16} {
			best, err := New(g, Options{}).Best(n)
			if err != nil {
				t.Errorf("%s at %d shards: %v", name, n, err)
				continue
			}
			if rounds := len(best.Plan.Stages); rounds != 1 {
				t.Errorf("%s at %d shards: %d rounds (%s)", name, n, rounds, best.Kind)
			}
		}
	}
}
