package local

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/shard"
)

// maxAttempts bounds the invocations of the coordinator for one request; baseDelay and maxDelay the waits between them.
const (
	maxAttempts = 4
	baseDelay   = 50 * time.Millisecond
	maxDelay    = 2 * time.Second
)

// Failure is an attempt to reach the coordinator that was repeated.
type Failure struct {
	Kind       shard.Kind
	Start, End time.Time
}

// attempt is one invocation of the coordinator. final says that the coordinator itself gave the verdict: it has
// repeated what can be repeated, and asking it again would multiply its attempts.
func (d *Deployment) attempt(ctx context.Context, t coordinator.Target, payload []byte) (_ coordinator.Reply, final bool, _ error) {
	reply, err := d.client.Invoke(ctx, t, payload)
	if err != nil || reply.FunctionError == "" {
		return reply, false, err
	}
	failed := shard.ParseFunctionError(reply.Body)
	return reply, ownVerdict(reply.Body), fmt.Errorf("coordinator %s: %w", t, failed)
}

// ownVerdict tells an error that a function reported from one that the service reports for a function that broke.
func ownVerdict(body []byte) bool {
	var b struct {
		Type string `json:"errorType"`
	}
	return json.Unmarshal(body, &b) == nil && strings.HasPrefix(b.Type, shard.TypePrefix)
}

// invoke asks the coordinator, again while it is not reached or breaks, at most maxAttempts times. A prediction changes
// nothing, so that asking twice does no harm. payload makes the bytes of the attempt with that number, counted from 1.
// The answer gets the last attempt's sizes and times, and the failures before it.
func (d *Deployment) invoke(ctx context.Context, t coordinator.Target, a *Answer, payload func(attempt int) ([]byte, error)) ([]byte, error) {
	for n := 1; ; n++ {
		data, err := payload(n)
		if err != nil {
			return nil, err
		}
		a.RequestBytes, a.Start = len(data), time.Now()
		reply, final, err := d.attempt(ctx, t, data)
		a.End, a.ReplyBytes, a.RequestID = time.Now(), len(reply.Body), reply.RequestID
		if err == nil {
			return reply.Body, nil
		}
		kind := shard.KindOf(err)
		if final || !kind.Retryable() || n == maxAttempts {
			if n > 1 {
				err = fmt.Errorf("after %d attempts: %w", n, err)
			}
			return nil, err
		}
		a.Failures = append(a.Failures, Failure{kind, a.Start, a.End})
		if !d.pause(ctx, backoff(n, reply.RetryAfter)) {
			return nil, err
		}
	}
}

// backoff is the wait after attempt n: a random part of a time that doubles, or what the service asks for if that is longer.
func backoff(n int, retryAfter time.Duration) time.Duration {
	ceiling := min(baseDelay<<(n-1), maxDelay)
	return max(rand.N(ceiling), min(retryAfter, maxDelay))
}

// pause waits, and reports false when there is no use in another attempt, because the caller gave up or the deployment ends.
func (d *Deployment) pause(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-d.Done():
	}
	return false
}
