package coordinator_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
)

// hung never answers the first n calls of shard 1.
func hung(r *rig, n int64) invoker {
	var calls atomic.Int64
	return func(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error) {
		if strings.HasSuffix(t.Function, "001") && calls.Add(1) <= n {
			<-ctx.Done()
			return coordinator.Reply{}, ctx.Err()
		}
		return r.cluster.Invoke(ctx, t, payload)
	}
}

// The deployment is the default one: every function may take 30 s, the coordinator's included.
func TestAHungShardIsAskedAgainInTime(t *testing.T) {
	r := newRig(t, minimodel.Options{Integers: true}, quick())
	in := integers(t, newRand(t), 3, r.model.Features)
	synctest.Test(t, func(t *testing.T) {
		c := openCoordinator(t, r.model, hung(r, 1), coordinator.Policy{})
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		start := time.Now()
		got, err := c.Run(ctx, coordinator.Request{Inputs: in})
		if err != nil {
			t.Fatal(err)
		}
		prediction, _ := r.model.Reference(tensor.Of[float32](in["x"]))
		requireFloats(t, got.Outputs["prediction"], prediction)
		if took := time.Since(start); got.Report.Retried() != 1 || took < 14*time.Second || took > 16*time.Second {
			t.Fatalf("%d repetitions, answered after %v", got.Report.Retried(), took)
		}
	})
}

func TestAShardThatAlwaysHangsIsNamedInTime(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	in := normal(t, newRand(t), 1, r.model.Features)
	synctest.Test(t, func(t *testing.T) {
		c := openCoordinator(t, r.model, hung(r, 1000), coordinator.Policy{})
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := c.Run(ctx, coordinator.Request{Inputs: in})
		var e *shard.Error
		if !errors.As(err, &e) || e.Kind != shard.Deadline || e.Shard != 1 || e.Of != 3 || !strings.Contains(err.Error(), "attempt 4 of 4") || ctx.Err() != nil {
			t.Fatalf("found %v", err)
		}
	})
}

func TestASlowShardIsCutOffByItsShareOfTheTimeOnly(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	in := normal(t, newRand(t), 1, r.model.Features)
	once := quick()
	once.Attempts = 1
	for name, c := range map[string]struct {
		policy coordinator.Policy
		delay  time.Duration
		kind   shard.Kind // Other for an answer at the first attempt
	}{
		"within half":            {quick(), 14 * time.Second, shard.Other},
		"beyond half":            {quick(), 16 * time.Second, shard.Deadline},
		"the whole time":         {coordinator.Policy{AttemptShare: 1}, 29 * time.Second, shard.Other},
		"the only attempt":       {once, 29 * time.Second, shard.Other},
		"no retries in the pool": {coordinator.Policy{RetryRatio: 1e-9}, 29 * time.Second, shard.Other},
		"the deployment's own":   {coordinator.Policy{Deadline: 90 * time.Second}, 30 * time.Second, shard.Other},
	} {
		if c.policy.Deadline == 0 {
			c.policy.Deadline = 30 * time.Second
		}
		synctest.Test(t, func(t *testing.T) {
			r.cluster.Delay(2, c.delay)
			opened := openCoordinator(t, r.model, r.cluster, c.policy)
			got, err := opened.Run(context.Background(), coordinator.Request{Inputs: in})
			if c.kind == shard.Other && (err != nil || got.Report.Retried() != 0) || c.kind != shard.Other && shard.KindOf(err) != c.kind {
				t.Errorf("%s: %d repetitions, %v", name, got.Report.Retried(), err)
			}
		})
	}
}

func TestPolicyRefusesAShareBeyondTheTime(t *testing.T) {
	for _, share := range []float64{-0.5, 1.5} {
		if err := (coordinator.Policy{AttemptShare: share}).Validate(); err == nil || !strings.Contains(err.Error(), "attempt share") {
			t.Errorf("share %v: found %v", share, err)
		}
	}
}
