package tasks

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
	"github.com/shardwise/shardwise/statemachine"
)

// request names the block in requests to functions.
func (b *batch) request() string { return fmt.Sprintf("%s-%d", b.job.ID, b.p.Block.Block) }

// rows reads the block's rows, checks them as the coordinator does, and writes the first stage's inputs.
func (b *batch) rows(ctx context.Context) (any, error) {
	t, err := b.table(ctx)
	if err != nil {
		return nil, err
	}
	in, err := t.Read(ctx, b.p.Block)
	if err != nil {
		return nil, err
	}
	values, rows, err := b.walk.Check(in, b.p.Block.FirstRow)
	if err == nil && rows != b.p.Block.Rows {
		err = &shard.Error{Op: "rows", Kind: shard.BadInput, Message: fmt.Sprintf("wanted %d rows, found %d; the file has changed since it was indexed, or a row spans lines", b.p.Block.Rows, rows)}
	}
	if err != nil {
		return nil, &shard.Error{Op: fmt.Sprintf("block %d of %s", b.p.Block.Block, t.Name), Kind: shard.KindOf(err), Cause: err}
	}
	if b.p.Via == statemachine.ViaCoordinator {
		call, err := b.hand(ctx, "predict", values, 0, b.p.Block.Rows)
		return b.state([]statemachine.Call{call}, ""), err
	}
	next, err := b.walk.Local(ctx, values, 0)
	if err != nil {
		return nil, err
	}
	return b.scatter(ctx, next, values)
}

func (b *batch) state(calls []statemachine.Call, carry string) *statemachine.BlockState {
	s := &statemachine.BlockState{Job: b.job, Block: b.p.Block, Request: b.request(), Calls: map[string]statemachine.Call{}, Carry: carry, Usage: b.usage()}
	for i, c := range calls {
		s.Calls[statemachine.BranchName(i)] = c
	}
	return s
}

// hand writes tensors for a function and says where its reply goes; branch counts the replies of one name.
func (b *batch) hand(ctx context.Context, name string, in tensor.Named, branch, rows int) (statemachine.Call, error) {
	prefix := b.blockPrefix(b.p.Block.Block)
	frame, err := wire.ObjectFrame(in, nil)
	if err != nil {
		return statemachine.Call{}, err
	}
	ref := wire.RefTo(fmt.Sprintf("%s%s-in-%d", prefix, name, branch), frame)
	c := statemachine.Call{Ref: ref.Key, Bytes: ref.Bytes, SHA256: ref.SHA256, ReplyKey: fmt.Sprintf("%s%s-out-%d", prefix, name, branch), Rows: rows}
	return c, b.put(ctx, c.Ref, frame)
}

// putsAtOnce bounds the objects that one task writes or reads at a time: enough to hide the storage's latency, few enough
// for a function's memory.
const putsAtOnce = 4

// asked lists the positions of a stage that are asked for something, in the order of the branches.
func (b *batch) asked(step int) []int {
	var list []int
	stage := b.walk.Steps[step].Stage
	for p := range stage.Shards {
		if len(stage.Wanted(p)) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// scatter writes the inputs of the stage at step, and what later steps need of the values.
func (b *batch) scatter(ctx context.Context, step int, values tensor.Named) (*statemachine.BlockState, error) {
	name := fmt.Sprintf("s%02d", step)
	asked := b.asked(step)
	calls := make([]statemachine.Call, len(asked))
	if b.walk.Shared(step) {
		in, err := b.walk.Inputs(step, asked[0], values)
		if err != nil {
			return nil, err
		}
		if calls[0], err = b.hand(ctx, name, in, 0, b.p.Block.Rows); err != nil {
			return nil, err
		}
		for i := range calls {
			calls[i] = calls[0]
			calls[i].ReplyKey = fmt.Sprintf("%s%s-out-%d", b.blockPrefix(b.p.Block.Block), name, i)
		}
	} else {
		g, each := errgroup.WithContext(ctx)
		g.SetLimit(putsAtOnce)
		for i, p := range asked {
			g.Go(func() error {
				rows, ok := b.walk.Share(step, p, b.p.Block.Rows)
				if !ok { // the state machine asks every shard; this one repeats the first one's share, and nobody reads it
					p = asked[0]
					rows, _ = b.walk.Share(step, p, b.p.Block.Rows)
				}
				in, err := b.walk.Inputs(step, p, values)
				if err == nil {
					calls[i], err = b.hand(each, name, in, i, rows)
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
	}
	carry, err := b.carry(ctx, name, step, values)
	return b.state(calls, carry), err
}

// carry keeps the values that exist and that steps behind the stage need.
func (b *batch) carry(ctx context.Context, name string, step int, values tensor.Named) (string, error) {
	kept := tensor.Named{}
	for _, n := range b.walk.Needed(step + 1) {
		if t, ok := values[n]; ok {
			kept[n] = t
		}
	}
	if len(kept) == 0 {
		return "", nil
	}
	frame, err := wire.ObjectFrame(kept, nil)
	if err != nil {
		return "", err
	}
	key := b.blockPrefix(b.p.Block.Block) + name + "-carry"
	return key, b.put(ctx, key, frame)
}

// aggregate folds a stage's partials in the order of its shards, runs the local programs that follow, and writes the next
// stage's inputs or the block's predictions.
func (b *batch) aggregate(ctx context.Context) (any, error) {
	step := slices.IndexFunc(b.walk.Steps, func(s manifest.Step) bool { return s.Name == b.p.Step && s.Stage != nil })
	if step < 0 {
		return nil, &shard.Error{Op: "aggregate", Kind: shard.Mismatch, Message: fmt.Sprintf("the plan has no stage %.80q in mode %s", b.p.Step, b.walk.Mode)}
	}
	values := tensor.Named{}
	if b.p.Carry != "" {
		data, err := b.get(ctx, b.p.Carry)
		if err == nil {
			values, _, err = wire.DecodeObject(data)
		}
		if err != nil {
			return b.finished(ctx, err)
		}
	}
	if err := b.fold(ctx, step, values); err != nil {
		return b.finished(ctx, err)
	}
	next, err := b.walk.Local(ctx, values, step+1)
	if err != nil {
		return nil, err
	}
	if next < len(b.walk.Steps) {
		return b.scatter(ctx, next, values)
	}
	return b.predictions(ctx, values)
}

// fold reads the next partial while it folds one.
func (b *batch) fold(ctx context.Context, step int, values tensor.Named) error {
	asked := b.asked(step)
	if len(asked) != len(b.p.Keys) {
		return &shard.Error{Op: "aggregate", Kind: shard.Mismatch, Message: fmt.Sprintf("wanted %d partials, found %d", len(asked), len(b.p.Keys))}
	}
	f, err := b.walk.Fold(step, b.p.Block.Rows)
	if err != nil {
		return err
	}
	asked = slices.DeleteFunc(asked, func(p int) bool {
		_, ok := b.walk.Share(step, p, b.p.Block.Rows)
		return !ok
	})
	g, ctx := errgroup.WithContext(ctx)
	arrived := make(chan []byte)
	g.Go(func() error {
		defer close(arrived)
		for _, key := range b.p.Keys[:len(asked)] { // those that are not read are the last ones
			data, err := b.get(ctx, key)
			if err != nil {
				return err
			}
			select {
			case arrived <- data:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for i := 0; i < len(asked); i++ {
			data, ok := <-arrived
			if !ok {
				return nil // the reader's error says why
			}
			if err := b.add(f, step, asked[i], data); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return f.Results(values)
}

// add folds the partial of the shard at position p.
func (b *batch) add(f adder, step, p int, data []byte) error {
	s := b.walk.Steps[step].Stage.Shards[p]
	reply, err := wire.DecodeReplyObject(data, wire.Echo{Fingerprint: b.h.coordinator.Fingerprint(), RequestID: b.request(), Attempt: statemachine.Attempt,
		Step: b.p.Step, Shard: s, Row: int(b.p.Block.FirstRow)})
	if err == nil {
		b.call(b.h.coordinator.Deployment().Shards[s], reply.Timings.TotalUS)
		err = f.Add(p, reply.Tensors)
	}
	if err != nil {
		return &shard.Error{Op: "aggregate " + b.p.Step, Shard: s, Of: len(b.h.coordinator.Manifest().Shards), Kind: shard.KindOf(err), Cause: err}
	}
	return nil
}

// adder takes partials.
type adder interface {
	Add(p int, partials tensor.Named) error
}

// finished is the result of a block whose partials are gone because another delivery of the same work has finished it; err
// is returned when none has.
func (b *batch) finished(ctx context.Context, err error) (any, error) {
	if shard.KindOf(err) != shard.NotFound {
		return nil, err
	}
	key := b.partKey(b.p.Block.Block)
	size, missing := b.h.store.Size(ctx, b.job.Store.Bucket, key)
	if missing != nil {
		return nil, err
	}
	return &statemachine.BlockDone{Block: b.p.Block.Block, Rows: b.p.Block.Rows, Part: key, Bytes: size, Usage: b.usage()}, nil
}

// write takes over the coordinator's answer.
func (b *batch) write(ctx context.Context) (any, error) {
	data, err := b.get(ctx, b.p.Key)
	if err != nil {
		return b.finished(ctx, err)
	}
	values, meta, err := wire.DecodeObject(data)
	if err == nil {
		err = b.answered(meta)
	}
	if err != nil {
		return nil, err
	}
	return b.predictions(ctx, values)
}

// predictions writes the block's part, a whole file of the output's format, and removes what lay between.
func (b *batch) predictions(ctx context.Context, values tensor.Named) (any, error) {
	out, err := b.walk.Results(values, b.p.Block.Rows)
	if err != nil {
		return nil, err
	}
	var part bytes.Buffer
	key := b.partKey(b.p.Block.Block)
	if err := dataset.Encode(&part, key, dataset.Format(b.job.Output.Format), b.outputs(), out); err != nil {
		return nil, &shard.Error{Op: "write", Kind: shard.BadInput, Cause: err}
	}
	if err := b.put(ctx, key, part.Bytes()); err != nil {
		return nil, err
	}
	list, err := b.h.store.List(ctx, b.job.Store.Bucket, b.blockPrefix(b.p.Block.Block))
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		if err := b.h.store.Delete(ctx, b.job.Store.Bucket, o.Key); err != nil {
			return nil, err
		}
	}
	return &statemachine.BlockDone{Block: b.p.Block.Block, Rows: b.p.Block.Rows, Part: key, Bytes: int64(part.Len()), Usage: b.usage()}, nil
}
