package shardtest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// Fail makes the next calls of shard i be refused, with these kinds one after the other, before its handler runs.
func (c *Cluster) Fail(i int, kinds ...shard.Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script[i].fail = append(c.script[i].fail, kinds...)
}

// Kill makes the process of shard i die during each of its next n calls, after the work and before the answer.
func (c *Cluster) Kill(i, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script[i].kill += n
}

// Corrupt flips one bit in the middle of the next n replies of shard i.
func (c *Cluster) Corrupt(i, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script[i].corrupt += n
}

// Delay makes every call of shard i wait before its handler runs.
func (c *Cluster) Delay(i int, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script[i].delay = d
}

// Swap exchanges the answers of shards i and j: each is asked what the other was meant to answer.
func (c *Cluster) Swap(i, j int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script[i].as, c.script[j].as = c.script[j].as, c.script[i].as
}

// Late makes shard i answer each call with the reply of its previous call, as a late duplicate would.
func (c *Cluster) Late(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script[i].late = true
}

// Arrive makes the answers of each round arrive in the given order of shard indices. Every round must involve all of
// them, all at once; nil lets answers arrive as they come.
func (c *Cluster) Arrive(order ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = nil
	if len(order) > 0 {
		c.order = make([]int, len(c.handlers))
		for rank, i := range order {
			c.order[i] = rank
		}
	}
}

// Calls are the invocations so far, in order of their end.
func (c *Cluster) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// round is one stage of one block of one request.
type round struct {
	request, step string
	row           int
}

// turns lets the answers of a round through by rank.
type turns struct{ done []chan struct{} }

// wait returns when it is shard i's turn in the round of r.
func (c *Cluster) wait(ctx context.Context, r *wire.Request, i int) error {
	c.mu.Lock()
	if c.order == nil {
		c.mu.Unlock()
		return nil
	}
	key := round{r.RequestID, r.Step, r.Row}
	t := c.rounds[key]
	if t == nil {
		t = &turns{done: make([]chan struct{}, len(c.order))}
		for k := range t.done {
			t.done[k] = make(chan struct{})
		}
		c.rounds[key] = t
	}
	rank := c.order[i]
	c.mu.Unlock()
	if rank > 0 {
		select {
		case <-t.done[rank-1]:
		case <-ctx.Done():
			return &shard.Error{Op: "invoke", Kind: shard.KindOf(ctx.Err()), Cause: ctx.Err()}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-t.done[rank]: // an earlier attempt has had its turn
	default:
		close(t.done[rank])
	}
	return nil
}

// errorBody is the body with which Lambda reports a function's error, or its death.
func errorBody(err error, killed bool) []byte {
	e := messages.InvokeResponse_Error{Type: "Runtime.ExitError", Message: "RequestId: 0 Error: Runtime exited with error: signal: killed"}
	if own := (messages.InvokeResponse_Error{}); !killed && errors.As(err, &own) {
		e = own
	} else if !killed {
		e = messages.InvokeResponse_Error{Type: "errorString", Message: err.Error()}
	}
	body, err := json.Marshal(e)
	if err != nil {
		return []byte(`{"errorType":"Runtime.Unknown"}`)
	}
	return body
}
