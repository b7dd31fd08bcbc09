package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/storage"
)

// Summary is what a batch came to. Rows of failed blocks are missing from the output.
type Summary struct {
	Batch      string    `json:"batch"`
	Input      string    `json:"input"`
	Output     string    `json:"output"`
	Blocks     int       `json:"blocks"`
	Rows       int64     `json:"rows"` // of the input
	Done       int       `json:"blocks_done"`
	Predicted  int64     `json:"rows_predicted"`
	PartsBytes int64     `json:"parts_bytes"`
	Failures   []Failure `json:"failures"`
	Used       *Used     `json:"used,omitempty"`
	UsedError  string    `json:"used_error,omitempty"` // why Used is nil
}

// finish joins the parts, or leaves one a block, and writes the summary.
func (b *batch) finish(ctx context.Context) (any, error) {
	s, done, err := summarize(ctx, b.h.store, b.job)
	if err != nil {
		return nil, err
	}
	if err := b.output(ctx, done); err != nil {
		return nil, err
	}
	if b.account(ctx, s); s.Used != nil {
		s.Used.Lambda = s.Used.Lambda.Plus(b.usage())
	}
	if err := b.putJSON(ctx, SummaryKey(b.job), s); err != nil {
		return nil, err
	}
	short := *s
	short.Failures = s.Failures[:min(len(s.Failures), 20)] // the state has room for some
	for i := range short.Failures {
		short.Failures[i].Cause = clip(short.Failures[i].Cause)
	}
	return &short, nil
}

func clip(s string) string {
	const most = 2 << 10
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// part is one block that has predictions.
type part struct {
	block statemachine.Block
	key   string
	bytes int64
}

// Summarize tells how far a batch is, or has come, by what lies in its store: also when no execution has finished it. The error
// is an *shard.Error, of kind NotFound while there is no index yet.
func Summarize(ctx context.Context, store Store, job statemachine.Job) (*Summary, error) {
	s, _, err := summarize(ctx, store, job)
	if err == nil {
		(&batch{h: &Handler{store: store}, job: job}).account(ctx, s)
	}
	return s, err
}

// Complete reports whether nothing is missing of a batch: every block has a part in the store, and the output is there. The error is
// an *shard.Error.
func Complete(ctx context.Context, store Store, job statemachine.Job) (bool, error) {
	s, done, err := summarize(ctx, store, job)
	if shard.KindOf(err) == shard.NotFound || err == nil && s.Done < s.Blocks {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !strings.HasSuffix(job.Output.Key, "/") {
		_, err := store.Size(ctx, job.Output.Bucket, job.Output.Key)
		if shard.KindOf(err) == shard.NotFound {
			return false, nil
		}
		return err == nil, err
	}
	list, err := store.List(ctx, job.Output.Bucket, job.Output.Key)
	if err != nil {
		return false, err
	}
	there := map[string]bool{}
	for _, o := range list {
		there[o.Key] = true
	}
	b := &batch{job: job}
	for _, p := range done {
		if !there[b.outputKey(p.key)] {
			return false, nil
		}
	}
	return true, nil
}

// summarize holds index and parts against each other.
func summarize(ctx context.Context, store Store, job statemachine.Job) (*Summary, []part, error) {
	b := &batch{h: &Handler{store: store}, job: job}
	var all []statemachine.Block
	if err := b.getJSON(ctx, b.indexKey(), &all); err != nil {
		return nil, nil, err
	}
	sizes, err := b.parts(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &Summary{Batch: job.ID, Input: "s3://" + job.Input.Bucket + "/" + job.Input.Key,
		Output: "s3://" + job.Output.Bucket + "/" + job.Output.Key, Blocks: len(all), Failures: []Failure{}}
	var done []part
	var missing []statemachine.Block
	for _, k := range all {
		s.Rows += int64(k.Rows)
		key := b.partKey(k.Block)
		size, ok := sizes[key]
		if !ok {
			missing = append(missing, k)
			continue
		}
		s.Done++
		s.Predicted += int64(k.Rows)
		s.PartsBytes += size
		done = append(done, part{k, key, size})
	}
	if len(missing) == 0 {
		return s, done, nil
	}
	known, err := b.failures(ctx)
	for _, k := range missing {
		f := Failure{Block: k.Block, FirstRow: k.FirstRow, Rows: k.Rows}
		if have, ok := known[k.Block]; ok {
			f.Error, f.Cause = have.Error, have.Cause
		}
		s.Failures = append(s.Failures, f)
	}
	return s, done, err
}

// failures are the causes that Map runs have written, and those that the tasks have kept, which say more.
func (b *batch) failures(ctx context.Context) (map[int]Failure, error) {
	known := map[int]Failure{}
	results, err := b.h.store.List(ctx, b.job.Store.Bucket, b.job.Store.Prefix+"/results/")
	if err != nil {
		return nil, err
	}
	for _, o := range results {
		if strings.HasPrefix(path.Base(o.Key), "FAILED_") {
			if err := b.mapFailures(ctx, o.Key, known); err != nil {
				return nil, err
			}
		}
	}
	list, err := b.h.store.List(ctx, b.job.Store.Bucket, b.job.Store.Prefix+"/failed/")
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		var f Failure
		if err := b.getJSON(ctx, o.Key, &f); err != nil {
			return nil, err
		}
		known[f.Block] = f
	}
	return known, nil
}

// mapFailures reads a Map run's file of failed children.
func (b *batch) mapFailures(ctx context.Context, key string, known map[int]Failure) error {
	var list []struct{ Input, Error, Cause string }
	if err := b.getJSON(ctx, key, &list); err != nil {
		return err
	}
	for _, child := range list {
		var in struct{ Block statemachine.Block }
		if err := json.Unmarshal([]byte(child.Input), &in); err != nil {
			return &shard.Error{Op: "read " + key, Kind: shard.Corrupt, Cause: err}
		}
		known[in.Block.Block] = Failure{Block: in.Block.Block, Error: child.Error, Cause: child.Cause}
	}
	return nil
}

// output makes what was asked for of the parts.
func (b *batch) output(ctx context.Context, done []part) error {
	if len(done) == 0 {
		return &shard.Error{Op: "finish", Kind: shard.BadInput, Message: "no block has predictions, and so there is no output to write"}
	}
	out := b.job.Output
	if !strings.HasSuffix(out.Key, "/") {
		pieces, err := b.pieces(ctx, done)
		if err != nil {
			return err
		}
		return b.h.store.Join(ctx, out.Bucket, out.Key, pieces)
	}
	// The first one alone, so that of two batches that end at once one goes no further.
	if err := b.leave(ctx, done[0]); err != nil {
		return err
	}
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(putsAtOnce)
	for _, p := range done[1:] {
		g.Go(func() error { return b.leave(each, p) })
	}
	return g.Wait()
}

// leave copies a part to an output that is a prefix. One that is there must be the same: what comes again, or comes on after a
// redrive, finds its own; another batch's would stand among this one's, or be lost.
func (b *batch) leave(ctx context.Context, p part) error {
	data, err := b.get(ctx, p.key)
	if err != nil {
		return err
	}
	out, key := b.job.Output, b.outputKey(p.key)
	created, err := b.h.store.Create(ctx, out.Bucket, key, data)
	if created || err != nil {
		return err
	}
	there, err := b.h.store.Read(ctx, out.Bucket, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(there, data) {
		return &shard.Error{Op: "finish", Kind: shard.BadInput, Message: fmt.Sprintf("s3://%s/%s has been written by another batch since this one began, and was left as it is: "+
			"one prefix takes one batch; remove what lies there and redrive this one, or start it with another prefix", out.Bucket, key)}
	}
	return nil
}

// outputKey is where a part goes of an output that is a prefix.
func (b *batch) outputKey(part string) string {
	return b.job.Output.Key + path.Base(part) + "." + b.job.Output.Format
}

// pieces are one head for all rows, and the rows of each part, of which there is one at least.
func (b *batch) pieces(ctx context.Context, done []part) ([]storage.Piece, error) {
	format := dataset.Format(b.job.Output.Format)
	r, err := b.h.store.Open(ctx, b.job.Store.Bucket, done[0].key, 0, min(done[0].bytes, dataset.MaxHead))
	if err != nil {
		return nil, err
	}
	begin, err := io.ReadAll(r)
	if closed := r.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, &shard.Error{Op: "read " + done[0].key, Kind: shard.Transport, Cause: err}
	}
	n, err := dataset.HeadSize(format, begin)
	var rows int64
	for _, p := range done {
		rows += int64(p.block.Rows)
	}
	head := begin[:n:n]
	if err == nil {
		head, err = dataset.HeadFor(format, head, rows)
	}
	if err != nil {
		return nil, &shard.Error{Op: "finish", Kind: shard.Corrupt, Message: fmt.Sprintf("the head of %s", done[0].key), Cause: err}
	}
	pieces := []storage.Piece{{Data: head}}
	for _, p := range done {
		if p.bytes < int64(n) {
			return nil, &shard.Error{Op: "finish", Kind: shard.Corrupt, Message: fmt.Sprintf("%s has %d bytes, and its head alone %d", p.key, p.bytes, n)}
		}
		pieces = append(pieces, storage.Piece{Bucket: b.job.Store.Bucket, Key: p.key, From: int64(n), To: p.bytes})
	}
	return pieces, nil
}
