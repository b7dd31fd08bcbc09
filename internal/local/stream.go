package local

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// inFlight is how many chunks are under way at once: one computes while the next is encoded and the last is decoded.
// More would only start more processes, which share the same processors here.
const inFlight = 2

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

// Stream predicts all rows of src and hands the answers to sink, in the order of the rows. Sink is called from one
// goroutine; its error, like any other, ends the stream. Memory is bounded by a few chunks. When Stream returns, nothing
// that it started is under way.
func (d *Deployment) Stream(ctx context.Context, src Source, r Request, sink func(Chunk) error) error {
	outputs, err := d.Manifest.ResolveOutputs(r.Outputs)
	if err != nil {
		return &shard.Error{Op: "predict", Kind: shard.BadInput, Cause: err}
	}
	g, ctx := errgroup.WithContext(ctx)
	// Answers are awaited in the order in which their places entered the queue. Its capacity, and the place that the
	// gatherer holds, bound what is under way.
	queue := make(chan chan []Chunk, inFlight-1)
	g.Go(func() error {
		defer close(queue)
		return d.scatter(ctx, g, src, r, ChunkRows(d.Manifest.Signature, outputs), queue)
	})
	g.Go(func() error { return gather(ctx, queue, sink) })
	return g.Wait()
}

// scatter reads batches and starts a prediction for each as soon as the queue has a place.
func (d *Deployment) scatter(ctx context.Context, g *errgroup.Group, src Source, r Request, rows int, queue chan<- chan []Chunk) error {
	for row := int64(0); ; {
		in, err := src.Next(rows)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		place := make(chan []Chunk, 1)
		select {
		case queue <- place:
		case <-ctx.Done():
			return ctx.Err()
		}
		c := Chunk{Row: row, Rows: max(rowsOf(d.Manifest, in), 0), Inputs: in}
		row += int64(c.Rows)
		g.Go(func() error {
			done, err := d.fit(ctx, c, r)
			if err == nil {
				place <- done
			}
			return err
		})
	}
}

// fit predicts a chunk, in smaller ones if it turns out too large for a payload. Each row's bits are its own, so that the cut
// does not show.
func (d *Deployment) fit(ctx context.Context, c Chunk, r Request) ([]Chunk, error) {
	a, err := d.Predict(ctx, c.Inputs, r)
	if err == nil {
		c.Answer = a
		return []Chunk{c}, nil
	}
	if shard.KindOf(err) != shard.TooLarge {
		return nil, err
	}
	first, second, ok, cutErr := halves(d.Manifest, c.Inputs)
	if cutErr != nil || !ok {
		return nil, errors.Join(err, cutErr)
	}
	n := rowsOf(d.Manifest, first)
	left, err := d.fit(ctx, Chunk{Row: c.Row, Rows: n, Inputs: first}, r)
	if err != nil {
		return nil, err
	}
	right, err := d.fit(ctx, Chunk{Row: c.Row + int64(n), Rows: c.Rows - n, Inputs: second}, r)
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
