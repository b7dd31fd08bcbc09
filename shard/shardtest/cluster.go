// Package shardtest runs all shards of a model directory in one process behind coordinator.Invoker, and scripts their
// faults: so that tests of a coordinator, or of a model, need no network and no processes.
//
// A Cluster is scripted per shard index (Fail, Kill, Delay, Corrupt, Swap, Late, Arrive) and records every call. It
// answers as Lambda would: a function's own errors arrive as function errors, a killed one as Runtime.ExitError. It is
// no simulator: no sizes, no concurrency limits, no time but what is scripted. Safe for concurrent use.
package shardtest

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/byref"
	"github.com/shardwise/shardwise/shard/wire"
)

// Handler answers one function's invocations; *shard.Server is one.
type Handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Call is one recorded invocation. Outcome is "ok", "function error" or "refused".
type Call struct {
	Shard   int
	Target  coordinator.Target
	Step    string
	Row     int
	Attempt int
	Budget  time.Duration
	Outcome string
}

// Cluster is a set of functions in one process. It implements coordinator.Invoker.
type Cluster struct {
	qualifier string
	index     map[string]int // function name -> shard
	handlers  []Handler

	mu     sync.Mutex // guards what follows
	script []script
	order  []int // rank of each shard's answer within a round, nil when as it comes
	rounds map[round]*turns
	calls  []Call
}

// script is what shard i does next.
type script struct {
	fail    []shard.Kind
	kill    int
	corrupt int
	delay   time.Duration
	as      int // answers with the reply of this shard
	late    bool
	last    []byte // its previous reply
}

// New opens every shard of dir with the engines of the binary and those given, and closes them when the test ends.
func New(t testing.TB, dir string, engines ...engine.Engine) *Cluster {
	t.Helper()
	return WithStore(t, dir, byref.Where{}, engines...)
}

// WithStore is New with a store for what is too large for a message.
func WithStore(t testing.TB, dir string, store byref.Where, engines ...engine.Engine) *Cluster {
	t.Helper()
	m, fingerprint, err := shard.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := manifest.ReadDeployment(filepath.Join(dir, manifest.DeploymentFileName), m)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var handlers []Handler
	for i := range m.Shards {
		s, err := shard.Open(dir, i, shard.Options{Engines: append(shard.Engines(shard.Libraries{}), engines...), Store: store})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		names, handlers = append(names, d.Shards[i].Name), append(handlers, s)
	}
	return Of(manifest.Alias(fingerprint), names, handlers)
}

// Of makes a Cluster of handlers: handlers[i] is shard i and answers invocations of names[i] at the qualifier.
func Of(qualifier string, names []string, handlers []Handler) *Cluster {
	c := &Cluster{qualifier: qualifier, index: map[string]int{}, handlers: handlers, script: make([]script, len(handlers)), rounds: map[round]*turns{}}
	for i, name := range names {
		c.index[name] = i
		c.script[i].as = i
	}
	return c
}

// Invoke answers as the scripts say.
func (c *Cluster) Invoke(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error) {
	i, ok := c.index[t.Function]
	if !ok || t.Qualifier != c.qualifier {
		return coordinator.Reply{}, &shard.Error{Op: "invoke " + t.String(), Kind: shard.NotFound, Message: "no such function or alias"}
	}
	r, err := wire.DecodeRequest(payload)
	if err != nil {
		return coordinator.Reply{}, err
	}
	now := c.next(i)
	if now.delay > 0 {
		timer := time.NewTimer(now.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return c.record(i, t, r, "refused"), &shard.Error{Op: "invoke", Kind: shard.KindOf(ctx.Err()), Cause: ctx.Err()}
		}
	}
	if len(now.fail) > 0 {
		return c.record(i, t, r, "refused"), &shard.Error{Op: "invoke " + t.String(), Kind: now.fail[0], Message: "scripted"}
	}
	body, err := c.handlers[now.as].Invoke(ctx, c.redirect(r, payload, i, now.as))
	if err := c.wait(ctx, r, i); err != nil {
		return c.record(i, t, r, "refused"), err
	}
	if now.kill > 0 {
		err = fmt.Errorf("killed")
	}
	if err != nil {
		reply := c.record(i, t, r, "function error")
		reply.FunctionError, reply.Body = "Unhandled", errorBody(err, now.kill > 0)
		return reply, nil
	}
	reply := c.record(i, t, r, "ok")
	reply.Body = c.spoil(i, now, body)
	return reply, nil
}

// next takes what shard i is to do now off its script.
func (c *Cluster) next(i int) script {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.script[i]
	now := *s
	switch {
	case len(s.fail) > 0:
		s.fail = s.fail[1:]
	case s.kill > 0:
		s.kill--
	case s.corrupt > 0:
		s.corrupt--
	}
	return now
}

// redirect makes a request for shard i one that shard j accepts, as if the platform had mixed up their answers.
func (c *Cluster) redirect(r *wire.Request, payload []byte, i, j int) []byte {
	if i == j {
		return payload
	}
	other := *r
	other.Shard = j
	body := bodyOf(payload)
	changed, err := wire.AppendRequest(nil, &other, body)
	if err != nil {
		return payload
	}
	return changed
}

func bodyOf(payload []byte) []byte {
	var b struct {
		Body *string `json:"body"`
	}
	if json.Unmarshal(payload, &b) != nil || b.Body == nil {
		return nil
	}
	return []byte(*b.Body)
}

// spoil applies what the script says of the reply.
func (c *Cluster) spoil(i int, now script, body []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.script[i].last
	c.script[i].last = slices.Clone(body)
	if now.late && last != nil {
		return last
	}
	if now.corrupt > 0 && len(body) > 0 {
		body = slices.Clone(body)
		body[len(body)/2] ^= 0x40
	}
	return body
}

func (c *Cluster) record(i int, t coordinator.Target, r *wire.Request, outcome string) coordinator.Reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, Call{
		Shard: i, Target: t, Step: r.Step, Row: r.Row, Attempt: r.Attempt,
		Budget: time.Duration(r.BudgetMS) * time.Millisecond, Outcome: outcome,
	})
	return coordinator.Reply{RequestID: fmt.Sprintf("call-%d", len(c.calls)), ExecutedVersion: "1"}
}
