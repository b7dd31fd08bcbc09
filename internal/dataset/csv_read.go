package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// readBuffer is large enough that system calls do not count.
const readBuffer = 1 << 18

// csvSource reads comma-separated values.
type csvSource struct {
	csv      *csv.Reader
	pending  []string // the first row, when it is data
	columns  []column // by position in the file
	builders []builder
	names    []string
	line     int  // where the next row begins, if there is no blank line
	row      int  // rows read, with those before the piece
	before   int  // lines of the file before those that csv counts
	headed   bool // the first row names the columns
}

func newCSV(in io.Reader, s *schema, opt Options) (*csvSource, error) {
	buf := bufio.NewReaderSize(in, readBuffer)
	// Spreadsheets put a byte order mark in front.
	if mark, err := buf.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := buf.Discard(3); err != nil {
			return nil, err
		}
	}
	if err := notCSV(buf); err != nil {
		return nil, err
	}
	separator := separatorHint(buf)
	c := &csvSource{csv: csv.NewReader(buf), line: 1, row: int(opt.Row)}
	c.csv.ReuseRecord = true
	c.csv.FieldsPerRecord = -1
	first, err := c.read()
	if err == io.EOF {
		return nil, errors.New("it is empty: wanted a row of column names")
	}
	if err != nil {
		return nil, hinted(err, separator)
	}
	header := bytesOf(first)
	if c.columns, err = s.match(header, opt.ByPosition); err != nil {
		return nil, hinted(err, separator)
	}
	isHeader, err := hasHeader(header, c.columns, s, opt)
	if err != nil {
		return nil, err
	}
	if c.headed = isHeader; !isHeader {
		c.pending = header
	} else if opt.ByPosition {
		if err := inOrder(header, c.columns); err != nil {
			return nil, err
		}
	}
	if opt.Line > 0 {
		c.before = int(opt.Line)
		if isHeader {
			c.before -= c.line - 1 // the names' own lines are not the piece's
		}
	}
	c.csv.FieldsPerRecord = len(header)
	c.builders, c.names = s.builders(c.columns)
	return c, nil
}

// hinted adds a hint to an error; a hint of "" is none.
func hinted(err error, hint string) error {
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w%s", err, hint)
}

// bytesOf copies a record whose memory the next read reuses.
func bytesOf(record []string) []string {
	out := make([]string, len(record))
	for i, f := range record {
		out[i] = string([]byte(f))
	}
	return out
}

// errHeader asks for what cannot be guessed without the risk of taking a row for names, or names for a row.
var errHeader = errors.New("the first row may be names or data: name the columns by words, or leave the names out")

// hasHeader decides whether the first row is one of names: in the columns of numbers it has words only. Numbers only make
// it data, but for 0, 1, 2 ..., which libraries write as names.
func hasHeader(first []string, columns []column, s *schema, opt Options) (bool, error) {
	if !opt.ByPosition || opt.Header == HeaderPresent {
		return true, nil
	}
	if opt.Header == HeaderAbsent {
		return false, nil
	}
	words, numbers, counting := 0, 0, true
	for i, f := range first {
		counting = counting && f == strconv.Itoa(i)
		d := s.fields[columns[i].field].dtype
		if d == tensor.String {
			continue
		}
		text := trim([]byte(f))
		flag := d == tensor.Bool && (strings.EqualFold(string(text), "true") || strings.EqualFold(string(text), "false"))
		switch {
		case decimal(text) || flag || isNaN(text):
			numbers++
		default:
			words++
		}
	}
	if counting || (words > 0) == (numbers > 0) {
		return false, errHeader
	}
	return words > 0, nil
}

// match finds the column of each position of a row.
func (s *schema) match(found []string, byPosition bool) ([]column, error) {
	if s.subset {
		if err := s.infer(found); err != nil {
			return nil, err
		}
	}
	all, err := s.columns()
	if err != nil {
		return nil, err
	}
	if byPosition {
		if len(found) != len(all) {
			return nil, fmt.Errorf("it has %d columns, the model %d", len(found), len(all))
		}
		return all, nil
	}
	to, err := matchNames("column", found, namesOf(all), aliasesOf(all), s.subset)
	if err != nil {
		return nil, err
	}
	matched := make([]column, len(found))
	for i, at := range to {
		matched[i] = all[at]
	}
	return matched, s.whole(matched)
}

// infer fixes the width of outputs [batch, symbol] from the columns that the file has of them.
func (s *schema) infer(found []string) error {
	for _, f := range s.fields {
		if !f.rows || f.width >= 0 || len(f.dims) != 2 {
			continue
		}
		n := 0
		for slices.Contains(found, f.name+"_"+strconv.Itoa(n)) {
			n++
		}
		if n == 0 {
			continue
		}
		if err := f.fix([]manifest.Dim{{Size: n}}); err != nil {
			return err
		}
	}
	return nil
}

// whole checks that the fields of a subset have all their columns, and that there is one.
func (s *schema) whole(matched []column) error {
	count := make([]int, len(s.fields))
	for _, c := range matched {
		count[c.field]++
	}
	for i, n := range count {
		if n > 0 && n != s.fields[i].width {
			return fmt.Errorf("%s %q has %d of its %d columns", s.kind, s.fields[i].name, n, s.fields[i].width)
		}
	}
	if len(matched) == 0 {
		return fmt.Errorf("it holds no %s of the model", s.kind)
	}
	return nil
}

// builders makes the builders of the fields that have columns, and lists their names; the others' stay zero.
func (s *schema) builders(columns []column) ([]builder, []string) {
	b := make([]builder, len(s.fields))
	for _, c := range columns {
		b[c.field].f = s.fields[c.field]
	}
	var names []string
	for i := range b {
		if b[i].f != nil {
			names = append(names, b[i].f.name)
		}
	}
	return b, names
}

// read returns the next record. Blank lines, which encoding/csv skips, are an error within the data: they may be rows of
// one missing value.
func (c *csvSource) read() ([]string, error) {
	record, err := c.csv.Read()
	if err != nil {
		var parse *csv.ParseError
		if errors.As(err, &parse) && errors.Is(err, csv.ErrFieldCount) {
			return nil, fmt.Errorf("line %d has %d fields, wanted %d", c.before+parse.StartLine, len(record), c.csv.FieldsPerRecord)
		}
		if parse != nil {
			parse.StartLine, parse.Line = c.before+parse.StartLine, c.before+parse.Line
		}
		return nil, err
	}
	line, _ := c.csv.FieldPos(0)
	if line != c.line {
		return nil, fmt.Errorf("line %d is blank: write NaN for a missing value, or delete the line", c.before+c.line)
	}
	// Quoted fields may hold line breaks: the last field's own line tells of those in front of it.
	last, _ := c.csv.FieldPos(len(record) - 1)
	c.line = last + strings.Count(record[len(record)-1], "\n") + 1
	return record, nil
}

func (c *csvSource) next(maxRows int) (tensor.Named, error) {
	rows := 0
	for rows < maxRows {
		record, line := c.pending, 1
		if c.pending = nil; record == nil {
			line = c.line
			var err error
			if record, err = c.read(); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
		}
		if err := c.add(record); err != nil {
			return nil, fmt.Errorf("line %d, %w", c.before+line, err)
		}
		rows++
	}
	if rows == 0 {
		return nil, io.EOF
	}
	return finish(c.builders)
}

func (c *csvSource) add(record []string) error {
	if err := extend(c.builders, 1); err != nil {
		return err
	}
	c.row++
	for i, text := range record {
		col := &c.columns[i]
		b := &c.builders[col.field]
		if err := b.set(b.rows-1, col.at, viewBytes(text)); err != nil {
			return fmt.Errorf("row %d, column %q: %w", c.row, clip(col.name), err)
		}
	}
	return nil
}

func extend(builders []builder, n int) error {
	for i := range builders {
		if builders[i].f == nil {
			continue
		}
		if err := builders[i].extend(n); err != nil {
			return err
		}
	}
	return nil
}

func finish(builders []builder) (tensor.Named, error) {
	out := make(tensor.Named, len(builders))
	for i := range builders {
		b := &builders[i]
		if b.f == nil {
			continue
		}
		t, err := b.finish()
		if err != nil {
			return nil, fmt.Errorf("%q: %w", b.f.name, err)
		}
		out[b.f.name] = t
	}
	return out, nil
}

func (c *csvSource) total() int64      { return -1 }
func (c *csvSource) present() []string { return c.names }
