package trees_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/xgboost"
)

// golden is what a version of the library says about a small model.
type golden struct {
	Rows               [][]*float32
	Margin, Prediction []float32
	Leaf               []int32
}

// goldens are the models in the importer's testdata, by path.
func goldens(t testing.TB) map[string]golden {
	t.Helper()
	paths, err := filepath.Glob("../xgboost/testdata/*.expect")
	if err != nil || len(paths) < 20 {
		t.Fatalf("found %d small models, error %v; wanted at least 20", len(paths), err)
	}
	all := map[string]golden{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var g golden
		if err := json.Unmarshal(data, &g); err != nil {
			t.Fatal(err)
		}
		model := strings.TrimSuffix(path, ".expect") + ".json"
		if _, err := os.Stat(model); err != nil {
			model = strings.TrimSuffix(path, ".expect") + ".ubj"
		}
		all[model] = g
	}
	return all
}

func (g golden) input(t testing.TB) *tensor.Tensor {
	t.Helper()
	var flat []float32
	for _, row := range g.Rows {
		for _, v := range row {
			if v == nil {
				flat = append(flat, float32(math.NaN()))
			} else {
				flat = append(flat, *v)
			}
		}
	}
	x, err := tensor.FromSlice(tensor.F32, flat, len(g.Rows), len(g.Rows[0]))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestSmallModelsOfEveryVersionEqualTheLibrary(t *testing.T) {
	for path, g := range goldens(t) {
		x := g.input(t)
		n := open(t, path).Info().MaxShards
		for _, shards := range []int{1, 2, 3, n} {
			t.Run(fmt.Sprintf("%s/shards=%d", filepath.Base(path), shards), func(t *testing.T) {
				l, err := open(t, path).Layout(context.Background(), layout.Options{Shards: shards, Name: "m", Version: "1"})
				if err != nil {
					t.Fatal(err)
				}
				prediction, exact, sum, leaf := build(t, l).predict(t, x)
				if i := sameBits(exact, g.Margin); i >= 0 {
					t.Fatalf("margin %d is %v, the library's %v", i, exact[i], g.Margin[i])
				}
				if !slices.Equal(leaf, g.Leaf) {
					t.Errorf("leaves %v, the library's %v", leaf, g.Leaf)
				}
				outputs := l.Manifest.Signature.Outputs
				rule := outputs[0].Rules["exact"]
				within(t, "prediction", prediction, g.Prediction, rule.Rel, rule.Abs)
				within(t, "summed margin", sum, g.Margin, 0, outputs[1].Rules["sum"].Abs)
			})
		}
	}
}

func TestLeafBoundsHold(t *testing.T) {
	for path, g := range goldens(t) {
		l, err := open(t, path).Layout(context.Background(), layout.Options{Shards: 2, Name: "m", Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		c := build(t, l)
		for s, shard := range l.Manifest.Shards {
			x := c.scatter(g.input(t), s)
			sums := tensor.Of[float64](c.parts[s].run(t, tensor.Named{"features": x}, "margin_sum")["margin_sum"])
			k := len(shard.Trees.MinSum)
			for i, v := range sums {
				lo, errLo := manifest.ParseHexF64(shard.Trees.MinSum[i%k])
				hi, errHi := manifest.ParseHexF64(shard.Trees.MaxSum[i%k])
				if errLo != nil || errHi != nil || v < lo || v > hi {
					t.Fatalf("%s: shard %d sums to %v, outside %v to %v (%v, %v)", path, s, v, lo, hi, errLo, errHi)
				}
			}
		}
	}
}

// TestTreesMayBeReadInAnyOrder reads trees backwards and twice.
func TestTreesMayBeReadInAnyOrder(t *testing.T) {
	for path := range goldens(t) {
		src, err := xgboost.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		a, b := mustTree(t, src, 0), ""
		for i := len(src.Ensemble().Trees) - 1; i >= 0; i-- {
			b = mustTree(t, src, i)
		}
		if a != b {
			t.Errorf("%s: tree 0 is not the same when it is read again", path)
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}
