package coordinator_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
)

var seedFlag = flag.Uint64("seed", 0, "seed of random tests; 0 picks one")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRand prints its seed, so that a failure can be repeated with -seed.
func newRand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// rig is a mini model behind a scripted cluster and a coordinator.
type rig struct {
	model   *minimodel.Model
	cluster *shardtest.Cluster
	c       *coordinator.Coordinator
}

func newRig(t testing.TB, o minimodel.Options, p coordinator.Policy) *rig {
	t.Helper()
	m, err := minimodel.Write(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	cluster := shardtest.New(t, m.Dir, &minimodel.Engine{})
	return &rig{model: m, cluster: cluster, c: openCoordinator(t, m, cluster, p)}
}

func openCoordinator(t testing.TB, m *minimodel.Model, inv coordinator.Invoker, p coordinator.Policy) *coordinator.Coordinator {
	t.Helper()
	c, err := coordinator.Open(m.Dir, coordinator.Options{Invoker: inv, Policy: p, Engines: []engine.Engine{&minimodel.Engine{}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// quick is a policy without waits.
func quick() coordinator.Policy {
	return coordinator.Policy{BaseDelay: time.Microsecond, MaxDelay: time.Microsecond}
}

func normal(t testing.TB, rng *rand.Rand, rows, width int) tensor.Named {
	t.Helper()
	v := make([]float32, rows*width)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return named(t, v, rows, width)
}

func integers(t testing.TB, rng *rand.Rand, rows, width int) tensor.Named {
	t.Helper()
	v := make([]float32, rows*width)
	for i := range v {
		v[i] = float32(rng.IntN(11) - 5)
	}
	return named(t, v, rows, width)
}

func named(t testing.TB, v []float32, rows, width int) tensor.Named {
	t.Helper()
	x, err := tensor.FromSlice(tensor.F32, v, rows, width)
	if err != nil {
		t.Fatal(err)
	}
	return tensor.Named{"x": x}
}
