package parity

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/shardtest"
)

// Fewer cases than these mean that the generator lost some.
const leastNetworks = 62

// TestNetworksEqualTheRuntime splits every network that PyTorch exported, and mixtures in ONNX Runtime's own MoE, at 1, 2, 4 and 7 shards, or as many as it can be cut
// into: every output lies within 1e-5 of the largest value of ONNX Runtime's own, and has the same bits in every run, in
// whatever order the shards answer.
func TestNetworksEqualTheRuntime(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i, c := range readCases(t, "network", leastNetworks) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			inputs, want := c.arrays(t, c.Inputs), c.arrays(t, c.Outputs)
			for _, n := range counts(t, c, maxShards(t, c), 1, 2, 4, 7) {
				t.Run(fmt.Sprintf("shards=%d", n), func(t *testing.T) {
					dir, m := split(t, c, n)
					first := shuffled(t, dir, m, inputs, want.Names(), nil)
					for name := range want {
						check(t, name, first[name], want[name], reordered)
					}
					if n == 1 {
						return
					}
					again := shuffled(t, dir, m, inputs, want.Names(), rng.Perm(n))
					for name := range want {
						if !bytes.Equal(first[name].Bytes(), again[name].Bytes()) {
							t.Errorf("%s has other bits when the shards answer in another order", name)
						}
					}
				})
			}
		})
	}
}

// shuffled predicts with shards in this process; delays are each shard's rank among the answers, nil for none.
func shuffled(t *testing.T, dir string, m *manifest.Manifest, in tensor.Named, outputs []string, delays []int) tensor.Named {
	t.Helper()
	cluster := shardtest.New(t, dir)
	for i, rank := range delays {
		cluster.Delay(i, time.Duration(rank)*2*time.Millisecond)
	}
	co, err := coordinator.Open(dir, coordinator.Options{Invoker: cluster})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := co.Close(); err != nil {
			t.Errorf("close the coordinator: %v", err)
		}
	}()
	return answer(t, co, in, outputs, m.Modes[0])
}
