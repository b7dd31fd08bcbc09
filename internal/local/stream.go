package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// Two chunks are under way at once: one computes while the next is encoded and the last is decoded. More would only
// start more processes, which share the same processors here; each chunk under way needs a process of every shard, so
// beyond manyShards there is one at a time.
const (
	inFlight   = 2
	manyShards = 16
)

// firstRows is the size of the first chunks, until an answer has told how many rows the coordinator handles in one block.
// Chunks of several blocks would start several processes of every shard.
const firstRows = 1024

// pieceRows bounds the rows of a request that is not cut: a payload has no room for more rows of one byte each.
const pieceRows = wire.MaxRequest

// Source yields a model's inputs in batches of at most maxRows rows, then io.EOF.
type Source interface {
	Next(maxRows int) (tensor.Named, error)
}

// Chunk is a run of consecutive rows with its answer. Chunks come in the order of their rows.
type Chunk struct {
	Row    int64 // of the first one
	Rows   int
	Inputs tensor.Named
	*Answer
}

// Stream predicts all rows of src and hands the answers to sink, in the order of the rows. A model whose rows are not
// independent gets all of src in one request. Sink is called from one
// goroutine; its error, like any other, ends the stream. Memory is bounded by a few chunks. When Stream returns, nothing
// that it started is under way.
func (d *Deployment) Stream(ctx context.Context, src Source, r Request, sink func(Chunk) error) error {
	outputs, err := d.Manifest.ResolveOutputs(r.Outputs)
	if err != nil {
		return &shard.Error{Op: "predict", Kind: shard.BadInput, Cause: err}
	}
	limit := inFlight
	if len(d.Manifest.Shards) > manyShards {
		limit = 1
	}
	g, ctx := errgroup.WithContext(ctx)
	s := &stream{d: d, request: r, most: ChunkRows(d.Manifest.Signature, outputs), group: g,
		// Answers are awaited in the order in which their places entered the queue. Its capacity, and the place that
		// the gatherer holds, bound what is under way.
		queue: make(chan chan []Chunk, limit-1)}
	s.rows.Store(int64(min(firstRows, s.most)))
	if d.Manifest.Signature.Rows == manifest.RowsNone {
		s.rows.Store(pieceRows)
	}
	g.Go(func() error {
		defer close(s.queue)
		return s.scatter(ctx, src)
	})
	g.Go(func() error { return gather(ctx, s.queue, sink) })
	return g.Wait()
}

// stream is one Stream under way.
type stream struct {
	d       *Deployment
	request Request
	most    int          // rows of a chunk that fits into the payloads
	rows    atomic.Int64 // of the next chunk
	group   *errgroup.Group
	queue   chan chan []Chunk
}

// scatter reads batches and starts a prediction for each as soon as the queue has a place.
func (s *stream) scatter(ctx context.Context, src Source) error {
	piece := s.d.Manifest.Signature.Rows == manifest.RowsNone
	for row, first := int64(0), true; ; first = false {
		in, err := src.Next(int(s.rows.Load()))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if piece && !first {
			return &shard.Error{Op: "predict", Kind: shard.BadInput,
				Message: fmt.Sprintf("the rows of this model belong together in one request, and there are more than %d", pieceRows)}
		}
		place := make(chan []Chunk, 1)
		select {
		case s.queue <- place:
		case <-ctx.Done():
			return ctx.Err()
		}
		c := Chunk{Row: row, Rows: max(rowsOf(s.d.Manifest, in), 0), Inputs: in}
		row += int64(c.Rows)
		s.group.Go(func() error {
			done, err := s.fit(ctx, c)
			if err == nil {
				place <- done
			}
			return err
		})
	}
}

// fit predicts a chunk, in smaller ones if it turns out too large for a payload. Each row's bits are its own, so that the cut
// does not show.
func (s *stream) fit(ctx context.Context, c Chunk) ([]Chunk, error) {
	a, err := s.d.Predict(ctx, c.Inputs, s.request)
	if err == nil {
		if block := a.Report.BlockRows; block > 0 { // only where rows are cut
			s.rows.Store(int64(min(block, s.most)))
		}
		c.Answer = a
		return []Chunk{c}, nil
	}
	if shard.KindOf(err) != shard.TooLarge {
		return nil, err
	}
	first, second, ok, cutErr := halves(s.d.Manifest, c.Inputs)
	if cutErr != nil || !ok {
		return nil, errors.Join(err, cutErr)
	}
	n := rowsOf(s.d.Manifest, first)
	left, err := s.fit(ctx, Chunk{Row: c.Row, Rows: n, Inputs: first})
	if err != nil {
		return nil, err
	}
	right, err := s.fit(ctx, Chunk{Row: c.Row + int64(n), Rows: c.Rows - n, Inputs: second})
	return append(left, right...), err
}

// gather hands over answers in order.
func gather(ctx context.Context, queue <-chan chan []Chunk, sink func(Chunk) error) error {
	for {
		var place chan []Chunk
		select {
		case p, ok := <-queue:
			if !ok {
				return nil
			}
			place = p
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case chunks := <-place:
			for _, c := range chunks {
				if err := sink(c); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
