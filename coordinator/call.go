package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// call is one shard's part of one stage and block: a request that is repeated until it is answered, refused for good, or
// the request's attempts, retries or time are used up.
type call struct {
	run     *run
	order   int // of the step in the plan
	block   int
	target  Target
	request wire.Request // attempt and budget are set anew for each attempt
	payload *payload
}

// do returns the shard's outputs. The error is an *shard.Error that names step, shard, function, attempts and cause.
func (c *call) do(ctx context.Context) (tensor.Named, error) {
	p := &c.run.policy
	for n := 1; ; n++ {
		out, retryAfter, err := c.attempt(ctx, n)
		if err == nil {
			return out, nil
		}
		kind := shard.KindOf(err)
		if ctx.Err() != nil {
			return nil, c.ended(ctx, n, err)
		}
		switch {
		case !kind.Retryable():
			return nil, c.fail(kind, n, "", err)
		case n >= p.Attempts:
			return nil, c.fail(kind, n, "no attempt is left", err)
		case !c.run.retries.take():
			return nil, c.fail(kind, n, "the request's retries are used up", err)
		}
		wait := p.backoff(n, retryAfter)
		if left, ok := c.left(ctx); ok && wait >= left {
			return nil, c.fail(kind, n, fmt.Sprintf("the wait of %v before the next attempt exceeds the %v left", wait, left), err)
		}
		if p.Sleep(ctx, wait) != nil {
			return nil, c.ended(ctx, n, err)
		}
	}
}

// ended reports that ctx ended, with the last attempt's error as the cause.
func (c *call) ended(ctx context.Context, n int, last error) error {
	kind := shard.KindOf(ctx.Err())
	if kind == shard.Deadline {
		return c.fail(kind, n, "the request's time is used up; ask for a longer deadline or fewer rows", last)
	}
	return c.fail(kind, n, "the request was given up", last)
}

func (c *call) fail(k shard.Kind, n int, message string, cause error) error {
	text := fmt.Sprintf("function %s, attempt %d of %d", c.target, n, c.run.policy.Attempts)
	if message != "" {
		text += ": " + message
	}
	return &shard.Error{Op: "stage " + c.request.Step, Shard: c.request.Shard, Of: len(c.run.c.manifest.Shards), Kind: k, Message: text, Cause: cause}
}

func (c *call) left(ctx context.Context) (time.Duration, bool) {
	d, ok := ctx.Deadline()
	return d.Sub(c.run.policy.Now()), ok
}

// limit is the time for attempt n: the policy's or the function's, and no more than the policy's share of what is left for
// the request while another attempt may follow.
func (c *call) limit(ctx context.Context, n int) time.Duration {
	p := &c.run.policy
	limit := c.run.c.attemptTimeout(c.request.Shard)
	if left, ok := c.left(ctx); ok && n < p.Attempts && !c.run.retries.spent() {
		limit = min(limit, time.Duration(float64(left)*p.AttemptShare))
	}
	return limit
}

// attempt invokes the function once and checks that the answer is the one asked for.
func (c *call) attempt(ctx context.Context, n int) (tensor.Named, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limit(ctx, n))
	defer cancel()
	r := c.request
	r.Attempt = n
	if left, ok := c.left(ctx); ok {
		r.BudgetMS = max(left.Milliseconds(), 1)
	}
	buffer := c.run.c.payload()
	r.ReplyKey = c.run.objects.key(place(r.Step, c.block), fmt.Sprintf("reply-%03d-%d", r.Shard, n))
	a := Attempt{
		Step: r.Step, Block: c.block, Shard: r.Shard, Attempt: n, Function: c.target.String(), StartUS: c.run.recorder.us(), order: c.order,
	}
	payload, referred, err := c.payload.append(ctx, (*buffer)[:0], &r)
	if err != nil {
		return nil, 0, attemptError(ctx, err)
	}
	a.RequestBytes, a.RequestRefBytes = len(payload), referred
	reply, err := c.run.c.invoker.Invoke(ctx, c.target, payload)
	a.ReplyBytes, a.RequestID, a.Version = len(reply.Body), reply.RequestID, reply.ExecutedVersion
	var out tensor.Named
	if err == nil {
		out, err = c.read(ctx, &r, reply, &a)
	}
	if err == nil {
		// Only a proper answer proves that the transport has read the whole request: a call that was cut off may still be
		// sending it.
		*buffer = payload
		c.run.c.payloads.Put(buffer)
	}
	err = attemptError(ctx, err)
	a.EndUS, a.Outcome = c.run.recorder.us(), outcomeOK
	if err != nil {
		a.Outcome, a.Error = shard.KindOf(err).String(), clipTo(err.Error(), maxErrorText)
	}
	c.run.recorder.attempt(a)
	return out, reply.RetryAfter, err
}

// payload is a buffer for an encoded request.
func (c *Coordinator) payload() *[]byte {
	if b, ok := c.payloads.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (c *call) read(ctx context.Context, r *wire.Request, reply Reply, a *Attempt) (tensor.Named, error) {
	if reply.FunctionError != "" {
		return nil, shard.ParseFunctionError(reply.Body)
	}
	answer, err := wire.DecodeReply(r.Reply, reply.Body, wire.EchoOf(r))
	if err != nil {
		return nil, err
	}
	t := answer.Timings
	a.LoadUS, a.ComputeUS, a.TotalUS, a.Cold = t.LoadUS, t.ComputeUS, t.TotalUS, t.Cold
	if answer.Ref != nil {
		a.ReplyRefBytes = answer.Ref.Bytes
		answer, err = c.fetch(ctx, r, answer.Ref)
		if err != nil {
			return nil, err
		}
	}
	return answer.Tensors, nil
}

// attemptError makes what only this attempt's time limit brought about a Timeout, which may be repeated: whether the
// request's own time is used up is decided by the caller, from the outer context. A malformed reply was
// spoilt on its way, or the function is no shard; it is not the request that is bad.
func attemptError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	kind := shard.KindOf(err)
	var format *wire.FormatError
	switch {
	case errors.As(err, &format):
		return &shard.Error{Op: "invoke", Kind: shard.Garbled, Cause: err}
	case kind == shard.Deadline, kind == shard.Other && ctx.Err() != nil:
		return &shard.Error{Op: "invoke", Kind: shard.Timeout, Message: "the attempt took longer than it may", Cause: err}
	}
	return err
}
