package local_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// Every member of an ensemble, of trees or a network, is a process of its own; the answers have the bits of one process that asks them in turn.
func TestProcessesOfAnEnsemble(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, name := range []string{"ensemble-hard", "ensemble-stack-boost"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "parts")
			m, err := splitter.Split(t.Context(), filepath.Join("..", "..", "splitter", "ensemble", "testdata", name, "ensemble.json"), dir, layout.Options{Shards: 3}, nil)
			if err != nil {
				t.Fatal(err)
			}
			c, err := coordinator.Open(dir, coordinator.Options{Invoker: shardtest.New(t, dir), Policy: coordinator.Policy{InFlight: 1}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
			d := start(t, load(t, dir))
			for _, rows := range []int{1, 2 + rng.IntN(300)} {
				x := tensor.New(tensor.F32, rows, m.Signature.Inputs[0].Shape[1].Size)
				for i := range tensor.Of[float32](x) {
					tensor.Of[float32](x)[i] = float32(rng.NormFloat64())
				}
				in := tensor.Named{m.Signature.Inputs[0].Name: x}
				want, err := c.Run(t.Context(), coordinator.Request{Inputs: in})
				if err != nil {
					t.Fatal(err)
				}
				got, err := d.Predict(t.Context(), in, local.Request{})
				if err != nil {
					t.Fatal(err)
				}
				for name, w := range want.Outputs {
					if g := got.Outputs[name]; !g.Shape().Equal(w.Shape()) || !bytes.Equal(g.Bytes(), w.Bytes()) {
						t.Errorf("%d rows: %s is %v and differs from %v", rows, name, g, w)
					}
				}
			}
			if p := d.Processes(); len(p) != 4 {
				t.Errorf("processes of %v, wanted the coordinator's and three members'", p)
			}
		})
	}
}
