package coordinator_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/objects"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/byref"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
	"github.com/shardwise/shardwise/shard/wire"
)

// storeRig is a rig whose coordinator and shards share a store in memory.
type storeRig struct {
	*rig
	store *objects.Memory
	where byref.Where
}

func newStoreRig(t testing.TB, o minimodel.Options, p coordinator.Policy) *storeRig {
	t.Helper()
	m, err := minimodel.Write(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := &storeRig{store: &objects.Memory{}}
	s.where = byref.Where{Objects: s.store, Bucket: "the-bucket", Prefix: "some/prefix"}
	cluster := shardtest.WithStore(t, m.Dir, s.where, &minimodel.Engine{})
	c, err := coordinator.Open(m.Dir, coordinator.Options{Invoker: cluster, Policy: p, Engines: []engine.Engine{&minimodel.Engine{}}, Store: s.where})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	s.rig = &rig{model: m, cluster: cluster, c: c}
	return s
}

// wideReply has replies of some 8 MB for one row, wideRequest requests.
func wideReply() minimodel.Options {
	return minimodel.Options{Shards: 2, Features: 4, Hidden: 1, Wide: 4_000_000, Integers: true}
}

func wideRequest() minimodel.Options {
	return minimodel.Options{Shards: 2, Features: 4_000_000, Hidden: 1, Wide: 2, Integers: true}
}

func TestOneRowThatFitsNoMessageGoesByReference(t *testing.T) {
	rng := newRand(t)
	for name, o := range map[string]minimodel.Options{"reply": wideReply(), "request": wideRequest()} {
		for _, form := range []string{"raw", "base64"} {
			t.Run(name+"/"+form, func(t *testing.T) {
				o.Reply = form
				r := newStoreRig(t, o, quick())
				in := integers(t, rng, 2, r.model.Features)
				got, err := r.c.Run(t.Context(), coordinator.Request{Inputs: in, Outputs: both()})
				if err != nil {
					t.Fatal(err)
				}
				prediction, wide := r.model.Reference(tensor.Of[float32](in["x"]))
				if !slices.Equal(tensor.Of[float32](got.Outputs["prediction"]), prediction) || !slices.Equal(tensor.Of[float32](got.Outputs["wide"]), wide) {
					t.Error("the answer differs from the unsharded model's")
				}
				if got.Report.Blocks != 2 || got.Report.BlockRows != 1 || got.Report.Leftovers != 0 {
					t.Errorf("report %+v", got.Report)
				}
				referred := 0
				for _, a := range got.Report.Attempts {
					step, bytes := "hidden", a.RequestRefBytes
					if name == "reply" {
						step, bytes = "wide", a.ReplyRefBytes
					}
					if (bytes > 0) != (a.Step == step) || a.RequestBytes > wire.MaxRequest || a.ReplyBytes > wire.MaxReply {
						t.Errorf("attempt %+v", a)
					}
					if bytes > 8_000_000 {
						referred++
					}
				}
				if referred != 4 || r.store.Count("put") != 4 || r.store.Count("delete") != 4 || len(r.store.Keys()) != 0 {
					t.Errorf("%d by reference, %d written, %d removed, left %v; want 4, 4, 4 and none", referred, r.store.Count("put"), r.store.Count("delete"), r.store.Keys())
				}
			})
		}
	}
}

func TestWithoutAStoreOneRowThatFitsNoMessageIsTooLarge(t *testing.T) {
	for _, o := range []minimodel.Options{wideReply(), wideRequest()} {
		r := newRig(t, o, quick())
		_, err := r.c.Run(t.Context(), coordinator.Request{Inputs: integers(t, newRand(t), 1, r.model.Features), Outputs: both()})
		if shard.KindOf(err) != shard.TooLarge || !strings.Contains(err.Error(), "give the deployment a store") {
			t.Errorf("error %v", err)
		}
	}
}

// captured is an Invoker that notes requests on their way.
type captured struct {
	coordinator.Invoker
	mu    sync.Mutex
	sizes []int
	refs  []*wire.Ref
}

func (c *captured) Invoke(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error) {
	r, err := wire.DecodeRequest(payload)
	if err != nil {
		return coordinator.Reply{}, err
	}
	c.mu.Lock()
	c.sizes, c.refs = append(c.sizes, len(payload)), append(c.refs, r.Ref)
	c.mu.Unlock()
	return c.Invoker.Invoke(ctx, t, payload)
}

// TestTheRequestsLimitToTheByte finds, by the length of the trace context, requests of exactly the limit and one byte more:
// the same tensors go in the message and by reference, and the answers have equal bits.
func TestTheRequestsLimitToTheByte(t *testing.T) {
	o := minimodel.Options{Shards: 1, Features: 1_179_450, Hidden: 1, Wide: 1, Integers: true}
	r := newStoreRig(t, o, quick())
	spy := &captured{Invoker: r.cluster}
	c, err := coordinator.Open(r.model.Dir, coordinator.Options{Invoker: spy, Policy: quick(), Engines: []engine.Engine{&minimodel.Engine{}}, Store: r.where})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := integers(t, newRand(t), 1, o.Features)
	ask := func(trace int) (size int, ref *wire.Ref, answer []byte) {
		t.Helper()
		spy.sizes, spy.refs = nil, nil
		// A deadline of more than a day has its number of milliseconds cut to one of always eight digits.
		got, err := c.Run(t.Context(), coordinator.Request{ID: "r", Inputs: in, Trace: strings.Repeat("t", trace), Deadline: 20_000_000e6})
		if err != nil {
			t.Fatal(err)
		}
		return spy.sizes[0], spy.refs[0], got.Outputs["prediction"].Bytes()
	}
	size, ref, inline := ask(1)
	room := wire.MaxRequest - size
	if ref != nil || room < 1 || room > 900 {
		t.Fatalf("the message has %d bytes, ref %v; the test wants one a little below the limit of %d", size, ref, wire.MaxRequest)
	}
	if size, ref, _ := ask(1 + room); size != wire.MaxRequest || ref != nil {
		t.Errorf("at the limit: %d bytes, ref %v", size, ref)
	}
	size, ref, referred := ask(2 + room)
	if ref == nil || size > 3000 || !bytes.Equal(referred, inline) {
		t.Errorf("one byte above the limit: %d bytes, ref %v, equal bits %v", size, ref, bytes.Equal(referred, inline))
	}
	if keys := r.store.Keys(); len(keys) != 0 {
		t.Errorf("left %v", keys)
	}
}

// TestWhatAStageSharesIsWrittenOnce replicates a value that fits no message to three shards, one of which fails at first.
func TestWhatAStageSharesIsWrittenOnce(t *testing.T) {
	r := newStoreRig(t, minimodel.Options{Shards: 3, Features: 3, Hidden: 1_300_000, Wide: 3, Integers: true}, quick())
	r.cluster.Kill(1, 1)
	in := integers(t, newRand(t), 1, 3)
	got, err := r.c.Run(t.Context(), coordinator.Request{Inputs: in, Outputs: both()})
	if err != nil {
		t.Fatal(err)
	}
	_, wide := r.model.Reference(tensor.Of[float32](in["x"]))
	if !slices.Equal(tensor.Of[float32](got.Outputs["wide"]), wide) {
		t.Error("the answer differs from the unsharded model's")
	}
	requests := map[int64]int{}
	for _, a := range got.Report.Attempts {
		if a.Step == "wide" {
			requests[a.RequestRefBytes]++
		}
	}
	// Three replies of the first stage, the killed attempt's as well, and one request of the second.
	if len(requests) != 1 || r.store.Count("put") != 5 {
		t.Errorf("requests by size %v, %d objects written; want one size and 5", requests, r.store.Count("put"))
	}
	if keys := r.store.Keys(); len(keys) != 1 || !strings.Contains(keys[0], "reply-001-1") {
		t.Errorf("left %v; want the reply of the attempt that was killed after writing it, and no more", keys)
	}
}

// TestFaultsOfObjects spoils objects between their writer and their reader.
func TestFaultsOfObjects(t *testing.T) {
	for name, test := range map[string]struct {
		o     minimodel.Options
		spoil func(s *objects.Memory, key string) error
		want  shard.Kind
		text  string
	}{
		"request missing":   {wideRequest(), func(s *objects.Memory, key string) error { return s.Delete(context.Background(), key) }, shard.NoObject, "not there"},
		"request truncated": {wideRequest(), truncate, shard.Garbled, "wanted"},
		"request spoilt":    {wideRequest(), flip, shard.Garbled, "sha256"},
		"reply missing":     {wideReply(), func(s *objects.Memory, key string) error { return s.Delete(context.Background(), key) }, shard.NoObject, "not there"},
		"reply truncated":   {wideReply(), truncate, shard.Garbled, "wanted"},
		"reply spoilt":      {wideReply(), flip, shard.Garbled, "sha256"},
		"denied": {wideReply(), func(*objects.Memory, string) error {
			return &objects.Error{Op: "get", Reason: objects.Denied}
		}, shard.Denied, "s3:GetObject"},
		"unavailable": {wideReply(), func(*objects.Memory, string) error {
			return &objects.Error{Op: "get", Reason: objects.Unavailable}
		}, shard.Unavailable, "no attempt is left"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newStoreRig(t, test.o, quick())
			var before sync.Map
			r.store.Before = func(ctx context.Context, op, key string) error {
				if op != "get" {
					return nil
				}
				if _, done := before.LoadOrStore(key, true); done && test.want != shard.Denied && test.want != shard.Unavailable {
					return nil
				}
				return test.spoil(r.store, key)
			}
			_, err := r.c.Run(t.Context(), coordinator.Request{Inputs: integers(t, newRand(t), 1, r.model.Features), Outputs: both()})
			if shard.KindOf(err) != test.want || !strings.Contains(err.Error(), test.text) {
				t.Errorf("kind %v: %v; want %v with %q", shard.KindOf(err), err, test.want, test.text)
			}
		})
	}
}

func truncate(s *objects.Memory, key string) error {
	return s.Put(context.Background(), key, []byte("short"))
}

func flip(s *objects.Memory, key string) error { return s.Flip(key) }

// TestSwappedRepliesAreRefused lets each shard answer what the other was asked.
func TestSwappedRepliesAreRefused(t *testing.T) {
	r := newStoreRig(t, wideReply(), quick())
	r.cluster.Swap(0, 1)
	_, err := r.c.Run(t.Context(), coordinator.Request{Inputs: integers(t, newRand(t), 1, r.model.Features), Outputs: both()})
	if shard.KindOf(err) != shard.Mismatch {
		t.Errorf("kind %v: %v", shard.KindOf(err), err)
	}
}

func TestAShardWithoutAStoreSaysSo(t *testing.T) {
	r := newStoreRig(t, wideReply(), quick())
	bare := shardtest.New(t, r.model.Dir, &minimodel.Engine{})
	c, err := coordinator.Open(r.model.Dir, coordinator.Options{Invoker: bare, Policy: quick(), Engines: []engine.Engine{&minimodel.Engine{}}, Store: r.where})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Run(t.Context(), coordinator.Request{Inputs: integers(t, newRand(t), 1, r.model.Features), Outputs: both()})
	if shard.KindOf(err) != shard.NoStore || !strings.Contains(err.Error(), "deployment.json") {
		t.Errorf("kind %v: %v", shard.KindOf(err), err)
	}
}

func TestObjectsThatCannotBeRemovedAreReported(t *testing.T) {
	r := newStoreRig(t, wideReply(), quick())
	r.store.Before = func(_ context.Context, op, key string) error {
		if op == "delete" {
			return &objects.Error{Op: op, Key: key, Reason: objects.Denied, Cause: errors.New("no")}
		}
		return nil
	}
	got, err := r.c.Run(t.Context(), coordinator.Request{Inputs: integers(t, newRand(t), 1, r.model.Features), Outputs: both()})
	if err != nil {
		t.Fatal(err)
	}
	if got.Report.Leftovers != 2 || !strings.Contains(got.Report.LeftoverError, "s3:DeleteObject") {
		t.Errorf("report %+v", got.Report)
	}
}

// TestRequestsWithOneIdKeepTheirObjectsApart runs requests of the same id at once.
func TestRequestsWithOneIdKeepTheirObjectsApart(t *testing.T) {
	r := newStoreRig(t, wideReply(), quick())
	rng := newRand(t)
	var all sync.WaitGroup
	for range 4 {
		in := integers(t, rng, 1, r.model.Features)
		all.Go(func() {
			got, err := r.c.Run(t.Context(), coordinator.Request{ID: "any text / at all", Inputs: in, Outputs: both()})
			if err != nil {
				t.Error(err)
				return
			}
			if _, wide := r.model.Reference(tensor.Of[float32](in["x"])); !slices.Equal(tensor.Of[float32](got.Outputs["wide"]), wide) {
				t.Error("the answer is another request's")
			}
		})
	}
	all.Wait()
	if keys := r.store.Keys(); len(keys) != 0 {
		t.Errorf("left %v", keys)
	}
}

func TestADeploymentsStoreWantsAWay(t *testing.T) {
	r := newStoreRig(t, minimodel.Options{Store: "s3://my-bucket/my/prefix"}, quick())
	_, err := coordinator.Open(r.model.Dir, coordinator.Options{Invoker: r.cluster, Engines: []engine.Engine{&minimodel.Engine{}}})
	if shard.KindOf(err) != shard.Config || !strings.Contains(err.Error(), "s3://my-bucket/my/prefix") {
		t.Errorf("error %v", err)
	}
}
