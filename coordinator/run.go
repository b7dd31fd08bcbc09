package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// Request is one prediction. Inputs must match the manifest's signature; they are read-only and not retained.
type Request struct {
	ID       string        // names the request in replies and logs; "" for a random one
	Inputs   tensor.Named  // by signature name
	Outputs  []string      // wanted outputs; empty for the default ones
	Mode     string        // numeric mode; "" or "auto" for the manifest's first
	Deadline time.Duration // time for the answer; 0 for the policy's
	Trace    string        // trace context for logs
}

// Result is the answer: the wanted outputs by signature name, with the rows in the order of the inputs, and the mode that
// was used. Report is filled also when Run fails. The tensors belong to the caller.
type Result struct {
	Outputs tensor.Named
	Mode    string
	Report  Report
}

// run is the state of one request.
type run struct {
	c        *Coordinator
	policy   Policy
	id       string
	trace    string
	mode     string
	outputs  []manifest.Output
	steps    []manifest.Step
	batched  bool
	retries  *budget
	recorder *recorder
	objects  *objectList
	heavy    bool // not even one row fits into every message
}

// block is the state of one block of rows.
type block struct {
	index  int
	span   span
	values tensor.Named
}

// Run answers one request. The error is an *shard.Error; one of a shard names the step, the shard, its function, the
// attempts and the last cause. Everything that Run started has ended when it returns.
func (c *Coordinator) Run(ctx context.Context, req Request) (Result, error) {
	r := &run{c: c, policy: c.policy, id: req.ID, trace: req.Trace, recorder: newRecorder(c.policy.Now)}
	if r.id == "" {
		r.id = uuid.NewString()
	}
	r.objects = &objectList{store: c.store, request: r.id}
	if c.store != nil {
		r.objects.nonce = uuid.NewString()
	}
	outputs, err := r.do(ctx, &req)
	r.recorder.report.Request, r.recorder.report.Mode = r.id, r.mode
	result := Result{Outputs: outputs, Mode: r.mode, Report: r.recorder.finish()}
	return result, typed(err)
}

// typed makes every error an *shard.Error.
func typed(err error) error {
	var e *shard.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &shard.Error{Op: "predict", Kind: shard.KindOf(err), Cause: err}
}

func (r *run) do(ctx context.Context, req *Request) (tensor.Named, error) {
	if len(r.id) > wire.MaxText || len(r.trace) > wire.MaxText {
		return nil, &shard.Error{Op: "predict", Kind: shard.BadRequest, Message: fmt.Sprintf("request id and trace may have at most %d bytes", wire.MaxText)}
	}
	if err := r.resolve(req); err != nil {
		return nil, err
	}
	inputs, bound, err := checkInputs(&r.c.manifest.Signature, req.Inputs, 0)
	if err != nil {
		return nil, err
	}
	blocks, err := r.blocks(inputs, bound)
	if err != nil {
		return nil, err
	}
	ctx, cancel := r.withDeadline(ctx, req.Deadline)
	defer cancel()
	together := r.policy.Blocks
	if r.heavy {
		together = 1 // a block of one row takes more memory than a block is meant to
	}
	parts, err := fanOut(ctx, len(blocks), together, func(ctx context.Context, i int) (tensor.Named, error) {
		return r.runBlock(ctx, blocks[i])
	})
	if err != nil {
		return nil, err
	}
	out, err := r.join(parts, bound)
	if err == nil {
		r.clear(ctx)
	}
	return out, err
}

// clear removes the objects of an answered request, and reports those that stay: the bucket's life-cycle rule takes them.
func (r *run) clear(ctx context.Context) {
	left, err := r.objects.clear(ctx)
	if r.recorder.report.Leftovers = left; err != nil {
		r.recorder.report.LeftoverError = clipTo(err.Error(), maxErrorText)
	}
}

// resolve settles mode, outputs and steps.
func (r *run) resolve(req *Request) (err error) {
	m := r.c.manifest
	bad := func(err error) error {
		return &shard.Error{Op: "predict", Kind: shard.BadInput, Cause: err}
	}
	if r.mode, err = m.ResolveMode(req.Mode); err != nil {
		return bad(err)
	}
	if r.outputs, err = m.ResolveOutputs(req.Outputs); err != nil {
		return bad(err)
	}
	if r.steps, err = m.StepsFor(r.mode, req.Outputs); err != nil {
		return bad(err)
	}
	return nil
}

// blocks cuts the rows and sets up each block's values, and the retry budget, which grows with the number of calls.
func (r *run) blocks(inputs tensor.Named, bound symbols) ([]*block, error) {
	spans := []span{{0, 0}}
	rows, ok := bound[manifest.Batch]
	if r.batched = ok && batched(&r.c.manifest.Signature, r.outputs); r.batched {
		limit, heavy, err := r.c.blockRows(r.steps)
		if err != nil {
			return nil, err
		}
		r.heavy = heavy
		r.recorder.report.Rows, r.recorder.report.BlockRows = rows, limit
		spans = cut(rows, limit)
	}
	r.recorder.report.Blocks = len(spans)
	calls := 0
	for _, s := range r.steps {
		if s.Stage != nil {
			calls += len(s.Stage.Shards) * len(spans)
		}
	}
	r.retries = newBudget(&r.policy, calls)
	blocks := make([]*block, len(spans))
	for i, s := range spans {
		blocks[i] = &block{index: i, span: s, values: make(tensor.Named, len(inputs))}
		for j := range r.c.manifest.Signature.Inputs {
			in := &r.c.manifest.Signature.Inputs[j]
			t := inputs[in.Name]
			if len(spans) > 1 && r.c.manifest.Signature.Batched(in.Shape) {
				var err error
				if t, err = t.Rows(s.lo, s.hi); err != nil {
					return nil, err
				}
			}
			blocks[i].values[in.Name] = t
		}
	}
	if r.batched && len(spans) == 1 {
		blocks[0].span = span{0, rows}
	}
	return blocks, nil
}

// withDeadline bounds the request by what it asked for, or the policy, and by the caller's deadline less the reserve.
func (r *run) withDeadline(ctx context.Context, asked time.Duration) (context.Context, context.CancelFunc) {
	if asked <= 0 {
		asked = r.policy.Deadline
	}
	until := r.recorder.start.Add(asked)
	if d, ok := ctx.Deadline(); ok && d.Add(-r.policy.Reserve).Before(until) {
		until = d.Add(-r.policy.Reserve)
	}
	return context.WithDeadline(ctx, until)
}

// runBlock walks the steps for one block and returns the wanted outputs.
func (r *run) runBlock(ctx context.Context, b *block) (tensor.Named, error) {
	for i := range r.steps {
		var err error
		if r.steps[i].Stage != nil {
			err = r.runStage(ctx, b, i)
		} else {
			err = r.runLocal(ctx, b, i)
		}
		if err != nil {
			return nil, err
		}
	}
	out, err := r.outputsOf(b.values)
	b.values = nil // a request of many blocks must not keep every block's intermediate values
	return out, err
}

// outputsOf picks the wanted outputs.
func (r *run) outputsOf(values tensor.Named) (tensor.Named, error) {
	out := make(tensor.Named, len(r.outputs))
	for _, o := range r.outputs {
		t, ok := values[o.Name]
		if !ok {
			return nil, &shard.Error{Op: "predict", Kind: shard.Config, Message: fmt.Sprintf("no step of the plan computes output %q", o.Name)}
		}
		out[o.Name] = t
	}
	return out, nil
}

func (r *run) runLocal(ctx context.Context, b *block, order int) error {
	step := &r.steps[order]
	p, ok := r.c.local.Program(step.Name)
	if !ok {
		return &shard.Error{Op: "local " + step.Name, Kind: shard.Config, Message: "the coordinator holds no program for this step; split the model again"}
	}
	in := make(tensor.Named, len(step.Local.Inputs))
	for _, name := range step.Local.Inputs {
		in[name] = b.values[name]
	}
	start := r.recorder.us()
	out, err := p.Run(ctx, in, step.Local.Outputs)
	r.recorder.local(Local{Step: step.Name, Block: b.index, StartUS: start, EndUS: r.recorder.us(), order: order})
	if err != nil {
		return &shard.Error{Op: "local " + step.Name, Kind: shard.KindOf(err), Cause: err}
	}
	for name, t := range out {
		b.values[name] = t
	}
	return nil
}

// join puts the blocks together and holds the outputs against the signature.
func (r *run) join(parts []tensor.Named, bound symbols) (tensor.Named, error) {
	out := make(tensor.Named, len(r.outputs))
	for _, o := range r.outputs {
		list := make([]*tensor.Tensor, len(parts))
		for i, p := range parts {
			list[i] = p[o.Name]
		}
		t, err := joinRows(list)
		if err == nil && t.DType() != o.DType {
			err = fmt.Errorf("wanted dtype %v, found %v", o.DType, t.DType())
		}
		if err == nil {
			err = bound.bind(o.Shape, t.Shape())
		}
		if err != nil {
			return nil, &shard.Error{Op: "predict", Kind: shard.Internal, Message: fmt.Sprintf("output %q is not as the signature says (%v%s)", o.Name, o.DType, dimsText(o.Shape)), Cause: err}
		}
		out[o.Name] = t
	}
	return out, nil
}
