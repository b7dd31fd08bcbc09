package blocks

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/statemachine"
)

// A block of a file in Fortran's order is a run of bytes for each place in a row. They are read one by one, or all as one range with
// what lies between them, where that is little.
const (
	maxRuns    = 4096     // of one block
	runsAtOnce = 16       // hides the storage's latency
	smallGap   = 16 << 10 // bytes that are sooner read than asked around
	wideGap    = 7        // times the bytes of a run, likewise
	gapBuffer  = 256 << 10
)

// together reports whether a block's runs are read as one range.
func together(l *dataset.Layout, rows int64) bool {
	run, gap := rows*int64(l.Element), (l.Rows-rows)*int64(l.Element)
	return gap <= smallGap || gap <= wideGap*run || l.Width > maxRuns
}

func (t *Table) indexNPY(ctx context.Context, rows int) ([]statemachine.Block, error) {
	begin, err := t.beginning(ctx, dataset.MaxHead)
	if err != nil {
		return nil, err
	}
	head, err := dataset.HeadSize(t.Format, begin)
	if err != nil {
		return nil, t.fault("%w", err)
	}
	l, err := dataset.LayoutOf(begin[:head], t.Source.Size(), t.Signature)
	if err != nil {
		return nil, t.fault("%w", err)
	}
	n, size := l.Rows, int64(l.Width)*int64(l.Element)
	if data := t.Source.Size() - int64(head); n < 0 || size < 0 || size > 0 && n > data/size || n*size != data {
		return nil, t.fault("it has %d bytes behind its header where %d rows of %d bytes should be: truncated, or not one array", data, n, size)
	}
	if n > maxBlocks*int64(rows) {
		return nil, t.bad(fmt.Errorf("read %s: %w", t.Name, errTooMany))
	}
	if run := int64(rows) * int64(l.Element); l.Columns && l.Width > maxRuns && (n-int64(rows))*int64(l.Element) > max(smallGap, wideGap*run) {
		return nil, t.fault("it is in Fortran order, in which a block's rows lie in %d pieces, and %d are read at most; save it in C order, "+
			"numpy.save(FILE, numpy.ascontiguousarray(array)), or take larger blocks by --block-rows", l.Width, maxRuns)
	}
	var list []statemachine.Block
	for row := int64(0); row < n; row += int64(rows) {
		count := min(int64(rows), n-row)
		b := statemachine.Block{Block: len(list), FirstRow: row, Rows: int(count), Head: int64(head), From: int64(head) + row*size, To: int64(head) + (row+count)*size}
		if l.Columns {
			b.From, b.To = span(l, b)
		}
		list = append(list, b)
	}
	return list, nil
}

// span is where a block of columns begins and ends; other blocks' elements lie between.
func span(l *dataset.Layout, b statemachine.Block) (from, to int64) {
	from = b.Head + b.FirstRow*int64(l.Element)
	return from, from + (int64(l.Width-1)*l.Rows+int64(b.Rows))*int64(l.Element)
}

// pieceNPY is a block as a file of its own, row behind row.
func (t *Table) pieceNPY(ctx context.Context, b statemachine.Block) ([]byte, error) {
	old := make([]byte, b.Head)
	if err := t.fill(ctx, old, 0); err != nil {
		return nil, err
	}
	l, err := dataset.LayoutOf(old, t.Source.Size(), t.Signature)
	var head []byte
	if err == nil {
		head, err = dataset.HeadFor(t.Format, old, int64(b.Rows))
	}
	if err != nil {
		return nil, t.inBlock(b, t.fault("%w", err))
	}
	size := int64(b.Rows) * int64(l.Width) * int64(l.Element)
	from := b.Head + b.FirstRow*int64(l.Width)*int64(l.Element)
	to := from + size
	if l.Columns {
		from, to = span(l, b)
	}
	if b.FirstRow > l.Rows-int64(b.Rows) || from != b.From || to != b.To {
		return nil, t.inBlock(b, t.changed("rows %d to %d in its bytes from %d to %d, found them from %d to %d", b.FirstRow, b.FirstRow+int64(b.Rows), b.From, b.To, from, to))
	}
	data := append(head, make([]byte, size)...)
	rows := data[len(head):]
	switch {
	case !l.Columns:
		err = t.fill(ctx, rows, b.From)
	case together(l, int64(b.Rows)):
		err = t.gather(ctx, l, b, rows)
	default:
		err = t.collect(ctx, l, b, rows)
	}
	return data, err
}

// gather reads a block's runs as one range.
func (t *Table) gather(ctx context.Context, l *dataset.Layout, b statemachine.Block, rows []byte) (err error) {
	r, err := t.Source.Range(ctx, b.From, b.To)
	if err != nil {
		return err
	}
	defer func() {
		if closed := r.Close(); err == nil {
			err = closed
		}
		if err != nil {
			err = t.interrupted(b.From, b.To, err)
		}
	}()
	in, run := bufio.NewReaderSize(r, gapBuffer), make([]byte, b.Rows*l.Element)
	gap := (l.Rows - int64(b.Rows)) * int64(l.Element)
	for j := range l.Width {
		if j > 0 {
			if _, err := io.CopyN(io.Discard, in, gap); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(in, run); err != nil {
			return err
		}
		scatter(l, j, run, rows)
	}
	return nil
}

// collect reads a block's runs one by one.
func (t *Table) collect(ctx context.Context, l *dataset.Layout, b statemachine.Block, rows []byte) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runsAtOnce)
	for j := range l.Width {
		g.Go(func() error {
			run := make([]byte, b.Rows*l.Element)
			if err := t.fill(ctx, run, b.From+int64(j)*l.Rows*int64(l.Element)); err != nil {
				return err
			}
			scatter(l, j, run, rows)
			return nil
		})
	}
	return g.Wait()
}

// scatter puts the elements of a file's place j into their rows.
func scatter(l *dataset.Layout, j int, run, rows []byte) {
	each := l.Width * l.Element
	for to := l.Place(j) * l.Element; len(run) > 0; to += each {
		copy(rows[to:to+l.Element], run)
		run = run[l.Element:]
	}
}
