package coordinator

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/shardwise/shardwise/aggregate"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// gatherer folds the partials of one stage and block, in whatever order they arrive.
type gatherer struct {
	stage    *manifest.Stage
	asked    asked
	routings routings

	mu      sync.Mutex // guards mergers: a fold is short against a round trip, and order is the merger's business
	mergers []aggregate.Merger
}

func (r *run) newGatherer(step *manifest.Step, a asked, routed routings) (*gatherer, error) {
	g := &gatherer{stage: step.Stage, asked: a, routings: routed}
	for i := range step.Stage.Outputs {
		m, err := aggregate.New(step.Stage.Outputs[i].Merge, a.contributors(&step.Stage.Outputs[i]), r.c.manifest.Radix, r.c.local)
		if err != nil {
			return nil, &shard.Error{Op: "stage " + step.Name, Kind: shard.Config, Message: "value " + step.Stage.Outputs[i].Value, Cause: err}
		}
		g.mergers = append(g.mergers, m)
	}
	return g, nil
}

// add folds what the shard at position p returned, after checking that it is what the manifest declares.
func (g *gatherer) add(p int, out tensor.Named) error {
	partials := make([]aggregate.Partial, len(g.mergers))
	used := map[string]bool{}
	rows := g.asked.share(p)
	for i := range g.stage.Outputs {
		place, ok := g.stage.Outputs[i].Contributor(p)
		if !ok {
			continue
		}
		partials[i] = make(aggregate.Partial, len(g.stage.Outputs[i].Components))
		for _, c := range g.stage.Outputs[i].Components {
			t := out[c.Name]
			if err := checkComponent(&c, t, rows); err != nil {
				return err
			}
			partials[i][c.Role], used[c.Name] = t, true
		}
		if r := g.routings[g.stage.Outputs[i].Merge.Route]; r != nil {
			if err := r.place(&g.stage.Outputs[i], place, partials[i]); err != nil {
				return err
			}
		}
	}
	if len(out) != len(used) {
		return &wire.MismatchError{Field: "reply's tensors", Want: fmt.Sprint(len(used)), Found: fmt.Sprint(out.Names())}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, m := range g.mergers {
		place, ok := g.stage.Outputs[i].Contributor(p)
		if !ok {
			continue
		}
		if err := m.Add(place, partials[i]); err != nil {
			return &shard.Error{Op: "gather", Kind: shard.Mismatch, Message: "value " + g.stage.Outputs[i].Value, Cause: err}
		}
	}
	return nil
}

// checkComponent holds a returned tensor against its declaration: a shard must not return other rows than it was given.
func checkComponent(c *manifest.Component, t *tensor.Tensor, rows int) error {
	mismatch := func(found string) error {
		return &wire.MismatchError{Field: "reply's tensor " + c.Name, Want: c.DType.String() + dimsText(c.Shape) + fmt.Sprintf(" for %d rows", rows), Found: found}
	}
	if t == nil {
		return mismatch("nothing")
	}
	if t.DType() != c.DType || t.Rank() != len(c.Shape) {
		return mismatch(t.String())
	}
	for i, d := range c.Shape {
		if d.Name == "" && t.Dim(i) != d.Size || d.Name == manifest.Batch && rows >= 0 && t.Dim(i) != rows {
			return mismatch(t.String())
		}
	}
	return nil
}

// results ends the fold: every value of the stage.
func (g *gatherer) results(values tensor.Named) error {
	for i, m := range g.mergers {
		t, err := m.Result()
		if r := g.routings[g.stage.Outputs[i].Merge.Route]; r != nil && err == nil {
			t, err = r.whole(t, g.stage.Outputs[i].Merge.Kind)
		}
		if err != nil {
			return &shard.Error{Op: "gather", Kind: shard.Internal, Message: "value " + g.stage.Outputs[i].Value, Cause: err}
		}
		values[g.stage.Outputs[i].Value] = t
	}
	return nil
}

// runStage is one round: scatter, fan-out, gather. It adds the stage's values to values.
func (r *run) runStage(ctx context.Context, b *block, order int) error {
	step := &r.steps[order]
	asked, err := r.asked(step.Stage, b)
	if err != nil {
		return err
	}
	routed, err := newRoutings(step, b.values)
	if err != nil {
		return err
	}
	scatterer, err := r.newScatterer(step, b, routed)
	if err != nil {
		return err
	}
	gatherer, err := r.newGatherer(step, asked, routed)
	if err != nil {
		return err
	}
	var arrived atomic.Int64 // when the latest partials came
	_, err = fanOut(ctx, asked.shards, r.policy.InFlight, func(ctx context.Context, p int) (struct{}, error) {
		s, want := step.Stage.Shards[p], step.Stage.Wanted(p)
		if len(want) == 0 {
			return struct{}{}, nil
		}
		if routed.idle(step.Stage, p) {
			r.recorder.spare(Spared{Step: step.Name, Block: b.index, Shard: s, order: order})
			return struct{}{}, gatherer.add(p, nothing(step.Stage, p))
		}
		sent, err := scatterer.payload(p)
		if err != nil {
			return struct{}{}, err
		}
		c := &call{run: r, order: order, block: b.index, target: r.c.targets[s], payload: sent, request: wire.Request{
			Kind: wire.KindInfer, Fingerprint: r.c.fingerprint, RequestID: r.id, Step: step.Name, Shard: s,
			Row: b.span.lo, Rows: max(asked.share(p), 0), Outputs: want, Mode: r.mode, Trace: r.trace, Reply: r.c.deployment.Reply,
		}}
		out, err := c.do(ctx)
		if err == nil {
			arrived.Store(r.recorder.us())
			if err = gatherer.add(p, out); err != nil {
				err = c.fail(shard.KindOf(err), 1, "its reply does not fit the manifest", err)
			}
		}
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	err = gatherer.results(b.values)
	r.recorder.merge(Local{Step: step.Name, Block: b.index, StartUS: arrived.Load(), EndUS: r.recorder.us(), order: order})
	return err
}
