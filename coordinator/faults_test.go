package coordinator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
)

func TestShardKilledOnceGivesTheRightAnswer(t *testing.T) {
	rng := newRand(t)
	for victim := range 3 {
		for _, fault := range []shard.Kind{shard.Crashed, shard.Throttled, shard.Transport, shard.Unavailable, shard.Timeout} {
			r := newRig(t, minimodel.Options{Integers: true}, quick())
			if fault == shard.Crashed {
				r.cluster.Kill(victim, 1)
			} else {
				r.cluster.Fail(victim, fault)
			}
			in := integers(t, rng, 4, r.model.Features)
			got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
			if err != nil {
				t.Fatalf("%v: %v", fault, err)
			}
			prediction, wide := r.model.Reference(tensor.Of[float32](in["x"]))
			requireFloats(t, got.Outputs["prediction"], prediction)
			requireFloats(t, got.Outputs["wide"], wide)
			if got.Report.Retried() != 1 {
				t.Fatalf("%v: %d attempts were repeated", fault, got.Report.Retried())
			}
			if a := got.Report.Attempts[victim]; a.Outcome != fault.String() || a.Attempt != 1 || a.Error == "" {
				t.Fatalf("%v: the report says %+v", fault, a)
			}
		}
	}
}

func requireFloats(t *testing.T, got *tensor.Tensor, want []float32) {
	t.Helper()
	found := tensor.Of[float32](got)
	if len(found) != len(want) {
		t.Fatalf("wanted %d numbers, found %d", len(want), len(found))
	}
	for i := range want {
		if found[i] != want[i] {
			t.Fatalf("element %d: wanted %v, found %v", i, want[i], found[i])
		}
	}
}

func TestShardKilledEveryTimeIsATypedErrorThatNamesIt(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	r.cluster.Kill(1, 1000)
	got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: normal(t, newRand(t), 1, r.model.Features)})
	var e *shard.Error
	if !errors.As(err, &e) || e.Kind != shard.Crashed || e.Shard != 1 || e.Of != 3 || e.Op != "stage hidden" {
		t.Fatalf("found %+v", err)
	}
	for _, part := range []string{"shard 1/3", "mini-shard-001:m-", "attempt 4 of 4", "Runtime.ExitError"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if got.Outputs != nil {
		t.Fatal("an answer beside the error")
	}
	if n := got.Report.Retried(); n != 3 {
		t.Fatalf("%d repetitions in the report", n)
	}
}

func TestPermanentErrorsAreNotRepeated(t *testing.T) {
	for _, kind := range shard.Kinds() {
		if kind.Retryable() || kind == shard.Deadline {
			continue // a shard's Deadline within a request's time is its attempt's: see below
		}
		r := newRig(t, minimodel.Options{}, quick())
		r.cluster.Fail(2, kind, kind, kind, kind)
		_, err := r.c.Run(context.Background(), coordinator.Request{Inputs: normal(t, newRand(t), 1, r.model.Features)})
		if shard.KindOf(err) != kind || !strings.Contains(err.Error(), "attempt 1 of 4") || !strings.Contains(err.Error(), "shard 2/3") {
			t.Errorf("%v: found %v", kind, err)
		}
	}
}

func TestWrongRepliesAreRefusedAndNeverUsed(t *testing.T) {
	for name, c := range map[string]struct {
		script func(r *rig)
		kind   shard.Kind
		text   string
	}{
		"swapped shards": {func(r *rig) { r.cluster.Swap(0, 2) }, shard.Mismatch, "reply's shard: wanted"},
		"late duplicate": {func(r *rig) { r.cluster.Late(1) }, shard.Mismatch, "reply's"},
		"spoilt replies": {func(r *rig) { r.cluster.Corrupt(1, 9) }, shard.Garbled, "attempt 4 of 4"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, minimodel.Options{Reply: "base64"}, quick())
			in := normal(t, newRand(t), 2, r.model.Features)
			if _, err := r.c.Run(context.Background(), coordinator.Request{ID: "first", Inputs: in}); err != nil {
				t.Fatal(err)
			}
			c.script(r)
			got, err := r.c.Run(context.Background(), coordinator.Request{ID: "second", Inputs: in})
			if k := shard.KindOf(err); k != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("found %v: %v, outputs %v", k, err, got.Outputs)
			}
		})
	}
}

func TestAnotherModelsShardIsRefused(t *testing.T) {
	a := newRig(t, minimodel.Options{Seed: 1}, quick())
	b := newRig(t, minimodel.Options{Seed: 2}, quick())
	// The alias keeps two models apart; here a function answers at the alias of another.
	mixed := openCoordinator(t, a.model, invoker(func(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error) {
		if strings.Contains(t.Function, "001") {
			t.Qualifier = "m-" + b.model.Fingerprint[:12]
			return b.cluster.Invoke(ctx, t, payload)
		}
		return a.cluster.Invoke(ctx, t, payload)
	}), quick())
	_, err := mixed.Run(context.Background(), coordinator.Request{Inputs: normal(t, newRand(t), 1, a.model.Features)})
	if shard.KindOf(err) != shard.Mismatch || !strings.Contains(err.Error(), "fingerprint") || !strings.Contains(err.Error(), "shard 1/3") {
		t.Fatalf("found %v", err)
	}
}

type invoker func(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error)

func (f invoker) Invoke(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error) {
	return f(ctx, t, payload)
}

func TestRetryBudgetIsSharedByTheRequest(t *testing.T) {
	p := quick()
	p.Retries, p.Attempts = 5, 100
	r := newRig(t, minimodel.Options{}, p)
	for i := range 3 {
		r.cluster.Kill(i, 1000)
	}
	got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: normal(t, newRand(t), 1, r.model.Features)})
	if shard.KindOf(err) != shard.Crashed || !strings.Contains(err.Error(), "the request's retries are used up") {
		t.Fatalf("found %v", err)
	}
	if n := got.Report.Retried(); n > 5 {
		t.Fatalf("%d repetitions, 5 are allowed", n)
	}
}

func TestPanicInAnInvokerEndsTheRequestOnly(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	c := openCoordinator(t, r.model, invoker(func(context.Context, coordinator.Target, []byte) (coordinator.Reply, error) {
		panic("transport on fire")
	}), quick())
	_, err := c.Run(context.Background(), coordinator.Request{Inputs: normal(t, newRand(t), 1, r.model.Features)})
	if shard.KindOf(err) != shard.Internal || !strings.Contains(err.Error(), "transport on fire") {
		t.Fatalf("found %v", err)
	}
}

// slow answers every call after d.
func slow(r *rig, d time.Duration) {
	for i := range 3 {
		r.cluster.Delay(i, d)
	}
}

func TestBackOffDoublesWithFullJitterAndHonoursRetryAfter(t *testing.T) {
	r := newRig(t, minimodel.Options{Shards: 1}, quick())
	in := normal(t, newRand(t), 1, r.model.Features)
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		refuse := invoker(func(context.Context, coordinator.Target, []byte) (coordinator.Reply, error) {
			at = append(at, time.Since(start))
			reply := coordinator.Reply{}
			if len(at) == 4 {
				reply.RetryAfter = 3 * time.Second
			}
			return reply, &shard.Error{Op: "invoke", Kind: shard.Throttled}
		})
		p := coordinator.Policy{Attempts: 6, BaseDelay: 100 * time.Millisecond, MaxDelay: 400 * time.Millisecond, Random: func() float64 { return 0.5 }}
		c := openCoordinator(t, r.model, refuse, p)
		_, err := c.Run(context.Background(), coordinator.Request{Inputs: in})
		if shard.KindOf(err) != shard.Throttled {
			t.Fatal(err)
		}
		ms := time.Millisecond
		want := []time.Duration{0, 50 * ms, 150 * ms, 350 * ms, 3350 * ms, 3550 * ms}
		if fmt.Sprint(at) != fmt.Sprint(want) {
			t.Fatalf("wanted attempts at %v, found %v", want, at)
		}
	})
}

func TestDeadlines(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	in := normal(t, newRand(t), 1, r.model.Features)
	run := func(t *testing.T, p coordinator.Policy, delay time.Duration, req coordinator.Request) (time.Duration, coordinator.Result, error) {
		slow(r, delay)
		c := openCoordinator(t, r.model, r.cluster, p)
		req.Inputs = in
		start := time.Now()
		got, err := c.Run(context.Background(), req)
		return time.Since(start), got, err
	}
	synctest.Test(t, func(t *testing.T) {
		took, _, err := run(t, quick(), time.Hour, coordinator.Request{Deadline: 3 * time.Second})
		if shard.KindOf(err) != shard.Deadline || took != 3*time.Second {
			t.Fatalf("the request's deadline: %v after %v", err, took)
		}
		p := quick()
		p.AttemptTimeout = time.Second
		took, got, err := run(t, p, time.Hour, coordinator.Request{})
		if shard.KindOf(err) != shard.Timeout || took < 4*time.Second || took > 4*time.Second+time.Millisecond || got.Report.Retried() < 3 {
			t.Fatalf("the attempts' timeout: %v after %v", err, took)
		}
		took, _, err = run(t, quick(), time.Hour, coordinator.Request{})
		if shard.KindOf(err) != shard.Deadline || took != 90*time.Second {
			t.Fatalf("the coordinator function's own timeout: %v after %v", err, took)
		}
		took, _, err = run(t, coordinator.Policy{Deadline: 2 * time.Hour, Attempts: 1}, time.Hour, coordinator.Request{})
		if shard.KindOf(err) != shard.Timeout || took != 41*time.Second {
			t.Fatalf("the shard function's timeout and start: %v after %v", err, took)
		}
		took, _, err = run(t, quick(), 10*time.Millisecond, coordinator.Request{})
		if err != nil || took != 10*time.Millisecond {
			t.Fatalf("in time: %v after %v", err, took)
		}
		for _, c := range r.cluster.Calls() {
			if c.Budget <= 0 || c.Budget > 60*time.Second {
				t.Fatalf("a shard was given %v", c.Budget)
			}
		}
	})
}

func TestCallersDeadlineAndCancellationEndTheRequest(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	in := normal(t, newRand(t), 1, r.model.Features)
	synctest.Test(t, func(t *testing.T) {
		slow(r, time.Hour)
		c := openCoordinator(t, r.model, r.cluster, coordinator.Policy{Reserve: 100 * time.Millisecond})
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Run(ctx, coordinator.Request{Inputs: in})
		if shard.KindOf(err) != shard.Deadline || time.Since(start) != 1900*time.Millisecond {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		if _, err := c.Run(ctx, coordinator.Request{Inputs: in}); shard.KindOf(err) != shard.Canceled {
			t.Fatalf("found %v", err)
		}
	})
}

func TestFirstPermanentErrorEndsTheOthersAtOnce(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	in := normal(t, newRand(t), 1, r.model.Features)
	synctest.Test(t, func(t *testing.T) {
		r.cluster.Delay(0, time.Hour)
		r.cluster.Delay(2, time.Hour)
		r.cluster.Fail(1, shard.Denied)
		c := openCoordinator(t, r.model, r.cluster, coordinator.Policy{})
		start := time.Now()
		_, err := c.Run(context.Background(), coordinator.Request{Inputs: in})
		if shard.KindOf(err) != shard.Denied || time.Since(start) != 0 {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

func TestArrivalOrderRetriesAndTransportFormNeverChangeABit(t *testing.T) {
	rng := newRand(t)
	const shards = 19 // two groups of the reduction tree
	o := minimodel.Options{Shards: shards, Seed: rng.Uint64()}
	first := newRig(t, o, quick())
	in := normal(t, rng, 7, first.model.Features)
	want, err := first.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
	if err != nil {
		t.Fatal(err)
	}
	for trial := range 8 {
		p := quick()
		o.Reply = []string{"base64", "raw"}[trial%2]
		r := newRig(t, o, p)
		order := rng.Perm(shards)
		r.cluster.Arrive(order...)
		for range rng.IntN(4) {
			r.cluster.Kill(rng.IntN(shards), 1)
			r.cluster.Fail(rng.IntN(shards), shard.Throttled)
		}
		got, err := r.c.Run(context.Background(), coordinator.Request{Inputs: in, Outputs: both()})
		if err != nil {
			t.Fatalf("order %v: %v", order, err)
		}
		for _, name := range both() {
			if !bytes.Equal(got.Outputs[name].Bytes(), want.Outputs[name].Bytes()) {
				t.Fatalf("order %v: %s has other bits", order, name)
			}
		}
	}
}
