package shardtest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
	"github.com/shardwise/shardwise/shard/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cluster(t *testing.T) (*shardtest.Cluster, coordinator.Target, []byte) {
	t.Helper()
	m, err := minimodel.Write(t.TempDir(), minimodel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := wire.AppendRequest(nil, &wire.Request{Kind: wire.KindWarm, Fingerprint: m.Fingerprint, Shard: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return shardtest.New(t, m.Dir, &minimodel.Engine{}), coordinator.Target{Function: "mini-shard-001", Qualifier: manifest.Alias(m.Fingerprint)}, payload
}

func TestScriptsPlayInOrderAndCallsAreRecorded(t *testing.T) {
	c, target, payload := cluster(t)
	c.Fail(1, shard.Throttled, shard.Unavailable)
	c.Kill(1, 1)
	var found []string
	for range 4 {
		reply, err := c.Invoke(context.Background(), target, payload)
		switch {
		case err != nil:
			found = append(found, shard.KindOf(err).String())
		case reply.FunctionError != "":
			found = append(found, shard.ParseFunctionError(reply.Body).Kind.String())
		default:
			found = append(found, "ok")
		}
	}
	for i, want := range []string{"Throttled", "Unavailable", "Crashed", "ok"} {
		if found[i] != want {
			t.Fatalf("found %v", found)
		}
	}
	var outcomes []string
	for _, call := range c.Calls() {
		if call.Shard != 1 || call.Target != target {
			t.Fatalf("recorded %+v", call)
		}
		outcomes = append(outcomes, call.Outcome)
	}
	if len(outcomes) != 4 || outcomes[0] != "refused" || outcomes[2] != "function error" || outcomes[3] != "ok" {
		t.Fatalf("recorded %v", outcomes)
	}
}

func TestUnknownFunctionsAndAliasesAreNotFound(t *testing.T) {
	c, target, payload := cluster(t)
	for _, other := range []coordinator.Target{{Function: "nobody", Qualifier: target.Qualifier}, {Function: target.Function, Qualifier: "live"}} {
		if _, err := c.Invoke(context.Background(), other, payload); shard.KindOf(err) != shard.NotFound {
			t.Errorf("%v: %v", other, err)
		}
	}
}

func TestDelayEndsWithTheContext(t *testing.T) {
	c, target, payload := cluster(t)
	c.Delay(1, time.Hour)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := c.Invoke(ctx, target, payload); shard.KindOf(err) != shard.Deadline || time.Since(start) != time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

func TestAFunctionsOwnErrorArrivesTyped(t *testing.T) {
	c, target, _ := cluster(t)
	payload, err := wire.AppendRequest(nil, &wire.Request{Kind: wire.KindWarm, Fingerprint: "another", Shard: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := c.Invoke(context.Background(), target, payload)
	if err != nil {
		t.Fatal(err)
	}
	if e := shard.ParseFunctionError(reply.Body); e.Kind != shard.Mismatch || e.Shard != 1 || e.Of != 3 {
		t.Fatalf("found %+v", e)
	}
}
