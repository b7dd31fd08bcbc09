package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
)

// Used is what a batch took of the services, by what its functions say of their time. What failed, was repeated, or ended a
// function's process is not in it, nor the time that processes need to start.
type Used struct {
	Lambda           price.Usage `json:"lambda"`
	ExpressGBSeconds float64     `json:"express_gb_seconds"` // of EXPRESS children with the least memory
}

// call enters one invocation of a function that worked so many microseconds.
func (b *batch) call(f manifest.Function, us int64) {
	add(&b.called, f, time.Duration(us)*time.Microsecond)
}

// add enters an invocation; Lambda bills whole milliseconds.
func add(u *price.Usage, f manifest.Function, d time.Duration) {
	u.Add((d + time.Millisecond - 1).Truncate(time.Millisecond), f.MemoryMB, f.EphemeralMB)
}

// usage is that of the block so far, with this invocation up to now.
func (b *batch) usage() price.Usage {
	u := b.p.Usage.Plus(b.called)
	add(&u, statemachine.TasksFunction(b.h.coordinator.Manifest()), time.Since(b.start))
	return u
}

// answered enters what the coordinator reports of itself and of the shards that it called.
func (b *batch) answered(meta map[string]string) error {
	var r coordinator.Report
	if err := json.Unmarshal([]byte(meta[coordinator.MetaReport]), &r); err != nil {
		return &shard.Error{Op: "write", Kind: shard.Garbled, Message: "the coordinator's report", Cause: err}
	}
	d := b.h.coordinator.Deployment()
	b.call(d.Coordinator, r.TotalUS)
	for i := range r.Attempts {
		if s := r.Attempts[i].Shard; s >= 0 && s < len(d.Shards) {
			b.call(d.Shards[s], r.Attempts[i].TotalUS)
		}
	}
	return nil
}

// noted does a task that is none of a block's, and keeps its usage beside the batch's other objects. Failing to keep it
// changes nothing about the result, and the log says so.
func (b *batch) noted(ctx context.Context, do func(context.Context) (any, error)) (any, error) {
	result, err := do(ctx)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s%s-%d.json", usagePrefix(b.job), b.p.Task, b.start.UnixMilli())
	if kept := b.putJSON(ctx, key, b.usage()); kept != nil {
		b.h.log.Warn("a task's usage could not be kept for the summary", "task", b.p.Task, "error", kept.Error())
	}
	return result, nil
}

func usagePrefix(j statemachine.Job) string { return j.Store.Prefix + "/usage/" }

// account enters into a summary what the batch took. Where that cannot be told, the summary says why, and is a summary all the same.
func (b *batch) account(ctx context.Context, s *Summary) {
	var err error
	if s.Used, err = b.used(ctx); err != nil {
		s.UsedError = err.Error()
	}
}

// used adds up what tasks have noted and what the Map runs have written of the blocks that succeeded.
func (b *batch) used(ctx context.Context) (*Used, error) {
	u := &Used{}
	notes, err := b.h.store.List(ctx, b.job.Store.Bucket, usagePrefix(b.job))
	if err != nil {
		return nil, err
	}
	for _, o := range notes {
		var one price.Usage
		if err := b.getJSON(ctx, o.Key, &one); err != nil {
			return nil, err
		}
		u.Lambda = u.Lambda.Plus(one)
	}
	results, err := b.h.store.List(ctx, b.job.Store.Bucket, b.job.Store.Prefix+"/results/")
	if err != nil {
		return nil, err
	}
	for _, o := range results {
		if strings.HasPrefix(path.Base(o.Key), "SUCCEEDED_") {
			if err := b.mapUsage(ctx, o.Key, u); err != nil {
				return nil, err
			}
		}
	}
	return u, nil
}

// mapUsage reads a Map run's file of children that succeeded, one after the other: there may be very many.
func (b *batch) mapUsage(ctx context.Context, key string, u *Used) (err error) {
	r, err := b.h.store.Open(ctx, b.job.Store.Bucket, key, 0, -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	in := json.NewDecoder(r)
	_, err = in.Token() // the list's bracket
	for err == nil && in.More() {
		var child struct {
			ExecutionArn, Output string
			StartDate, StopDate  time.Time
		}
		var done statemachine.BlockDone
		if err = in.Decode(&child); err == nil {
			err = json.Unmarshal([]byte(child.Output), &done)
		}
		u.Lambda = u.Lambda.Plus(done.Usage)
		if strings.Contains(child.ExecutionArn, ":express:") {
			u.ExpressGBSeconds += price.ExpressGBSeconds(child.StopDate.Sub(child.StartDate))
		}
	}
	if err != nil {
		return &shard.Error{Op: "read " + key, Kind: shard.Corrupt, Cause: err}
	}
	return nil
}
