package tasks

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/blocks"
)

// source is an object as a table's source.
type source struct {
	store       Reader
	bucket, key string
	size        int64
}

// Size is the object's.
func (s source) Size() int64 { return s.size }

// Range reads a range of the object.
func (s source) Range(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	return s.store.Open(ctx, s.bucket, s.key, from, to)
}

// table is the job's input.
func (b *batch) table(ctx context.Context) (*blocks.Table, error) {
	in := b.job.Input
	size, err := b.h.store.Size(ctx, in.Bucket, in.Key)
	if err != nil {
		return nil, err
	}
	return &blocks.Table{Name: "s3://" + in.Bucket + "/" + in.Key, Format: dataset.Format(in.Format), ByPosition: in.ByPosition,
		Signature: b.h.coordinator.Manifest().Signature, Source: source{b.h.store, in.Bucket, in.Key, size}}, nil
}

// prepare makes the index of all blocks, unless an earlier execution of the same batch has made it, and the index of those
// that have no part yet, over which this execution maps.
func (b *batch) prepare(ctx context.Context) (any, error) {
	if err := b.writable(ctx); err != nil {
		return nil, err
	}
	var all []statemachine.Block
	err := b.getJSON(ctx, b.indexKey(), &all)
	if shard.KindOf(err) == shard.NotFound {
		var t *blocks.Table
		if t, err = b.table(ctx); err != nil {
			return nil, err
		}
		if all, err = t.Index(ctx, b.job.BlockRows); err != nil {
			return nil, err
		}
		if err = b.unmixed(ctx); err != nil {
			return nil, err
		}
		err = b.putJSON(ctx, b.indexKey(), all)
	}
	if err != nil {
		return nil, err
	}
	done, err := b.parts(ctx)
	if err != nil {
		return nil, err
	}
	missing := []statemachine.Block{}
	var rows int64
	for _, k := range all {
		rows += int64(k.Rows)
		if _, ok := done[b.partKey(k.Block)]; !ok {
			missing = append(missing, k)
		}
	}
	todo := b.job.Store.Prefix + "/todo.json"
	if err := b.putJSON(ctx, todo, missing); err != nil {
		return nil, err
	}
	return statemachine.Prepared{Index: todo, Rows: rows, Blocks: len(all)}, nil
}

// writable refuses, before anything is read, a batch whose output or intermediate objects could not be written: that would show
// only when all blocks are done.
func (b *batch) writable(ctx context.Context) error {
	out := b.job.Output
	if strings.HasSuffix(out.Key, "/") {
		out.Key = b.outputKey(b.partKey(0))
	}
	for _, place := range []struct{ what, bucket, key string }{{"output", out.Bucket, out.Key}, {"store", b.job.Store.Bucket, b.indexKey()}} {
		if err := b.h.store.Writable(ctx, place.bucket, place.key); err != nil {
			return &shard.Error{Op: "prepare", Kind: shard.KindOf(err), Message: fmt.Sprintf("the %s, bucket %s, takes no object, and no row was read; make the bucket, "+
				"or let the role of the function %s put objects there (s3:PutObject, s3:AbortMultipartUpload)", place.what, place.bucket,
				statemachine.TasksFunction(b.h.coordinator.Manifest()).Name), Cause: err}
		}
	}
	return nil
}

// unmixed refuses an output prefix with parts of another batch, which would stand among this one's: rows would be there twice.
// It is asked once a batch, before there is a part of its own.
func (b *batch) unmixed(ctx context.Context) error {
	out := b.job.Output
	if !strings.HasSuffix(out.Key, "/") {
		return nil
	}
	list, err := b.h.store.List(ctx, out.Bucket, out.Key)
	if err != nil {
		return err
	}
	for _, o := range list {
		name, format, _ := strings.Cut(strings.TrimPrefix(o.Key, out.Key), ".")
		if n, err := strconv.Atoi(name); err == nil && n >= 0 && format != "" {
			return &shard.Error{Op: "prepare", Kind: shard.BadInput, Message: fmt.Sprintf("s3://%s/%s is a part of another batch and would stand among those of this one: "+
				"remove it, or take another prefix", out.Bucket, o.Key)}
		}
	}
	return nil
}

// parts are the sizes of the parts that are there, by key.
func (b *batch) parts(ctx context.Context) (map[string]int64, error) {
	list, err := b.h.store.List(ctx, b.job.Store.Bucket, PartsPrefix(b.job))
	if err != nil {
		return nil, err
	}
	sizes := make(map[string]int64, len(list))
	for _, o := range list {
		sizes[o.Key] = o.Bytes
	}
	return sizes, nil
}
