package blocks

import (
	"context"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
)

// Parquet is the format that only batches read.
const Parquet dataset.Format = "parquet"

// Source is a file that is read in ranges. A range is half open; its reader is closed by whoever asked for it.
type Source interface {
	Size() int64
	Range(ctx context.Context, from, to int64) (io.ReadCloser, error)
}

// Table is a file of rows of a model's inputs.
type Table struct {
	Name       string // in errors
	Format     dataset.Format
	ByPosition bool
	Signature  manifest.Signature
	Source     Source
}

// Formats are those that a batch reads.
func Formats() []dataset.Format {
	return []dataset.Format{dataset.CSV, dataset.JSONLines, dataset.NPY, Parquet}
}

// maxBlocks bounds the index, which is held in memory: at 16,384 rows a block, 1.6 billion rows.
const maxBlocks = 100_000

var errTooMany = fmt.Errorf("that is more than the %d blocks of a batch; take larger blocks, or cut the table", maxBlocks)

// Index cuts the table into blocks of at most rows rows: all of them but the last of the full size, or of Parquet's whole row groups
// where several fit, or of what 64 MB of text hold. The error is an *shard.Error of kind BadInput when the table is at fault.
func (t *Table) Index(ctx context.Context, rows int) ([]statemachine.Block, error) {
	if rows < 1 {
		return nil, t.fault("a block of %d rows is none", rows)
	}
	var list []statemachine.Block
	var err error
	switch {
	case t.Source.Size() == 0:
		err = t.fault("it is empty")
	case t.Format == dataset.CSV:
		list, err = t.indexCSV(ctx, rows)
	case t.Format == dataset.JSONLines:
		list, err = t.scan(ctx, 0, 0, rows, false)
	case t.Format == dataset.NPY:
		list, err = t.indexNPY(ctx, rows)
	case t.Format == Parquet:
		list, err = t.indexParquet(ctx, rows)
	default:
		err = t.fault("wanted a format of %v, found %q", Formats(), t.Format)
	}
	if err == nil && len(list) == 0 {
		err = t.fault("it has no rows, so there is nothing to predict; give a table with at least one row")
	}
	return list, err
}

// bad marks an error as the table's.
func (t *Table) bad(err error) error {
	return &shard.Error{Op: "index", Kind: shard.BadInput, Cause: err}
}

// fault is an error of the table's that this package found itself; package dataset names the file in its own.
func (t *Table) fault(format string, args ...any) error {
	return t.bad(fmt.Errorf("read %s: %w", t.Name, fmt.Errorf(format, args...)))
}

// Read reads one block's rows as the model's inputs. Their dtypes are those of the file where it has any.
func (t *Table) Read(ctx context.Context, b statemachine.Block) (tensor.Named, error) {
	if size := t.Source.Size(); b.Rows < 1 || b.FirstRow < 0 || b.Skip < 0 || b.From < 0 || b.To < b.From || b.Head < 0 || b.To > size || b.Head > size {
		return nil, t.inBlock(b, t.changed("%d rows in the bytes from %d to %d, found %d bytes", b.Rows, b.From, b.To, size))
	}
	if t.Format == Parquet {
		return t.readParquet(ctx, b)
	}
	data, err := t.piece(ctx, b)
	if err != nil {
		return nil, err
	}
	opt := dataset.Options{ByPosition: t.ByPosition, Row: b.FirstRow, Line: b.Line - 1, RowALine: true}
	if t.Format == dataset.CSV {
		opt.Header = dataset.HeaderPresent
		if b.Head == 0 {
			opt.Header = dataset.HeaderAbsent
		}
	}
	r, err := dataset.OpenBytes(t.Name, data, t.Format, t.Signature, opt)
	if err != nil {
		return nil, t.inBlock(b, err)
	}
	// A batch of one more row than there should be shows what the index did not count.
	in, err := r.Next(b.Rows + 1)
	if err == io.EOF {
		err = fmt.Errorf("wanted %d rows from row %d on, found none; the file has changed since it was indexed", b.Rows, b.FirstRow)
	}
	if err != nil {
		return nil, t.inBlock(b, err)
	}
	return in, nil
}

// inBlock names the block that a table's error lies in.
func (t *Table) inBlock(b statemachine.Block, err error) error {
	return &shard.Error{Op: fmt.Sprintf("block %d", b.Block), Kind: shard.BadInput, Message: fmt.Sprintf("rows %d to %d", b.FirstRow+1, b.FirstRow+int64(b.Rows)), Cause: err}
}

// piece is the block's bytes behind the head that makes them a file.
func (t *Table) piece(ctx context.Context, b statemachine.Block) ([]byte, error) {
	if t.Format == dataset.NPY {
		return t.pieceNPY(ctx, b)
	}
	if size := b.To - b.From; size > maxBlockBytes {
		return nil, t.inBlock(b, fmt.Errorf("read %s: row %d (line %d) has %d bytes, more than the %d that a block's text may have", t.Name, b.FirstRow+1, b.Line, size, maxBlockBytes))
	}
	// The byte before the rows must end a line, and so must their last one.
	before := int64(1)
	if b.From <= max(b.Head, int64(len(byteOrderMark))) {
		before = 0
	}
	data := make([]byte, b.Head+before+b.To-b.From)
	if err := t.fill(ctx, data[b.Head:], b.From-before); err != nil {
		return nil, err
	}
	if before == 1 && data[b.Head] != '\n' || b.To < t.Source.Size() && data[len(data)-1] != '\n' {
		return nil, t.inBlock(b, t.changed("whole lines in the bytes from %d to %d, found parts of lines", b.From, b.To))
	}
	data = data[before:]
	return data, t.fill(ctx, data[:b.Head], 0)
}

// fill reads the bytes from a place on.
func (t *Table) fill(ctx context.Context, dst []byte, from int64) error {
	if len(dst) == 0 {
		return nil
	}
	r, err := t.Source.Range(ctx, from, from+int64(len(dst)))
	if err != nil {
		return err
	}
	_, err = io.ReadFull(r, dst)
	if closed := r.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return t.interrupted(from, from+int64(len(dst)), err)
	}
	return nil
}

// interrupted is the error of a range that began to come and did not come whole.
func (t *Table) interrupted(from, to int64, err error) error {
	return &shard.Error{Op: "read " + t.Name, Kind: shard.Unavailable, Message: fmt.Sprintf("bytes %d to %d", from, to), Cause: err}
}

// beginning is the file's first bytes.
func (t *Table) beginning(ctx context.Context, n int64) ([]byte, error) {
	data := make([]byte, min(n, t.Source.Size()))
	return data, t.fill(ctx, data, 0)
}
