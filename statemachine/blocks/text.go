package blocks

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
)

// maxBlockBytes bounds the text of a block, which is held in memory with the tensors that it becomes. A longer row is a block of
// its own, whose reading refuses it.
const maxBlockBytes = 64 << 20

// scanBuffer is large enough that requests to the storage do not count.
const scanBuffer = 1 << 20

// byteOrderMark is what spreadsheets put in front of a text.
const byteOrderMark = "\xef\xbb\xbf"

// indexCSV scans a table of comma-separated values. The row of names, when there is one, is every block's head; its names
// are held against the model's, so that a wrong one fails the batch at once and not block by block.
func (t *Table) indexCSV(ctx context.Context, rows int) ([]statemachine.Block, error) {
	begin, err := t.beginning(ctx, dataset.MaxHead)
	if err != nil {
		return nil, err
	}
	first := len(begin) // of the first row
	if n, err := dataset.HeadSize(dataset.CSV, begin); err == nil {
		first = n
	} else if int64(len(begin)) < t.Source.Size() {
		return nil, t.fault("%w", err)
	}
	headed, err := dataset.Headed(t.Name, begin[:first], t.Signature, dataset.Options{ByPosition: t.ByPosition})
	if err != nil {
		return nil, t.bad(err)
	}
	if headed {
		return t.scan(ctx, int64(first), int64(bytes.Count(begin[:first], []byte("\n"))), rows, true)
	}
	if bytes.HasPrefix(begin, []byte(byteOrderMark)) {
		return t.scan(ctx, int64(len(byteOrderMark)), 0, rows, true)
	}
	return t.scan(ctx, 0, 0, rows, true)
}

// scan finds the borders of a text's rows from byte head on, which lines lines lie before. In CSV a quoted field may hold line
// breaks. Blank lines are no rows; those before a row belong to its block, whose reading decides about them.
func (t *Table) scan(ctx context.Context, head, lines int64, rows int, quotes bool) ([]statemachine.Block, error) {
	if head >= t.Source.Size() {
		return nil, nil
	}
	r, err := t.Source.Range(ctx, head, t.Source.Size())
	if err != nil {
		return nil, err
	}
	s := &scanner{in: bufio.NewReaderSize(r, scanBuffer), rows: rows, at: head, lines: lines, head: head, blank: "\r\n"}
	if !quotes {
		s.blank = " \t\r\n" // JSON's white space
	}
	if !quotes || lines == 0 {
		s.head = 0 // every block stands by itself
	}
	err = s.all(quotes)
	if closed := r.Close(); err == nil {
		err = closed
	}
	if errors.Is(err, errTooMany) {
		return nil, t.bad(fmt.Errorf("read %s: %w", t.Name, err))
	}
	if err != nil {
		return nil, &shard.Error{Op: "read " + t.Name, Kind: shard.Unavailable, Cause: err}
	}
	return s.blocks, nil
}

// scanner counts rows of a text.
type scanner struct {
	in     *bufio.Reader
	rows   int   // of a block
	head   int64 // bytes that belong to every block
	at     int64 // bytes before what is read next
	lines  int64 // lines before it
	row    int64 // rows before it
	blocks []statemachine.Block
	quoted bool   // a quoted field is open
	begun  bool   // the row that goes on has more than blanks
	last   byte   // of what was read before
	blank  string // characters that make no row
}

// all reads to the end, a buffer's worth of a line at a time.
func (s *scanner) all(quotes bool) error {
	from, line := s.at, s.lines
	fieldStart := true
	for {
		piece, err := s.in.ReadSlice('\n')
		ends := err == nil
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		s.at += int64(len(piece))
		if quotes && (s.quoted || bytes.IndexByte(piece, '"') >= 0) {
			fieldStart = s.quotes(piece, fieldStart)
		} else {
			s.last = 0
			fieldStart = len(piece) > 0 && piece[len(piece)-1] == ','
		}
		s.begun = s.begun || len(bytes.TrimRight(piece, s.blank)) > 0
		if ends {
			s.lines++
		}
		last := errors.Is(err, io.EOF)
		if (ends && !s.quoted || last) && s.begun {
			if err := s.add(from, line); err != nil {
				return err
			}
			from, line = s.at, s.lines
		}
		if last {
			return nil
		}
		if ends && !s.quoted {
			fieldStart, s.begun = true, false
		}
	}
}

// quotes follows the quotes of a piece of text as CSV has them: a field that begins with one ends at the next that is not
// doubled. It reports whether a field begins behind the piece.
func (s *scanner) quotes(piece []byte, fieldStart bool) bool {
	for i := 0; i < len(piece); i++ {
		c := piece[i]
		switch {
		case s.quoted:
			if c == '"' {
				s.quoted = false // a doubled one opens it again
			}
		case c == '"' && (fieldStart || s.last == '"'):
			s.quoted = true
		}
		fieldStart = !s.quoted && c == ','
		s.last = c
	}
	return fieldStart
}

// add enters a row whose bytes, with the blank lines before it, begin at from.
func (s *scanner) add(from, line int64) error {
	n := len(s.blocks)
	if n == 0 || s.blocks[n-1].Rows == s.rows || s.at-s.blocks[n-1].From > maxBlockBytes {
		if n == maxBlocks {
			return errTooMany
		}
		s.blocks = append(s.blocks, statemachine.Block{Block: n, FirstRow: s.row, From: from, Head: s.head, Line: line + 1})
		n++
	}
	b := &s.blocks[n-1]
	b.Rows++
	b.To = s.at
	s.row++
	return nil
}
