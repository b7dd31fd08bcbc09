package blocks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/statemachine"
)

// endBytes is the length of what stands behind the footer: its own length and the letters PAR1.
const endBytes = 8

// rangeReader reads a source at any place, as Parquet's reader wants it.
type rangeReader struct {
	ctx   context.Context
	table *Table
}

// ReadAt fills b from a place on; at the end of the file it fills less and says io.EOF.
//
// Of the file's end it checks the footer's length, which Parquet's reader makes room for before it reads the footer.
func (r rangeReader) ReadAt(b []byte, at int64) (int, error) {
	size := r.table.Source.Size()
	if at < 0 {
		return 0, fmt.Errorf("wanted bytes from %d on of a file of %d", at, size)
	}
	n := min(int64(len(b)), max(size-at, 0))
	if err := r.table.fill(r.ctx, b[:n], at); err != nil {
		return 0, err
	}
	if at == size-endBytes && n == endBytes {
		if length := int64(binary.LittleEndian.Uint32(b)); length > size-endBytes {
			return 0, fmt.Errorf("it has %d bytes by the file's end, wanted at most the %d before", length, size-endBytes)
		}
	}
	if n < int64(len(b)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// pageBuffer is how much of a column one request to the storage reads.
const pageBuffer = 1 << 20

// openParquet reads the footer, and holds the columns against the model's.
func (t *Table) openParquet(ctx context.Context) (*parquet.File, []dataset.Column, error) {
	f, err := parquet.OpenFile(rangeReader{ctx, t}, t.Source.Size(), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(pageBuffer))
	if err != nil {
		return nil, nil, t.fault("its parquet footer: %w", err)
	}
	var names []string
	for _, field := range f.Schema().Fields() {
		if !field.Leaf() || field.Repeated() {
			return nil, nil, t.fault("column %q is nested or repeated; wanted one value a row", field.Name())
		}
		names = append(names, field.Name())
	}
	columns, err := dataset.MatchColumns(names, t.Signature, t.ByPosition)
	if err != nil {
		return nil, nil, t.bad(fmt.Errorf("read %s: %w", t.Name, err))
	}
	return f, columns, nil
}

// broken makes an error of a panic of Parquet's reader, which damaged files may lead to.
func (t *Table) broken(err *error) {
	if p := recover(); p != nil {
		*err = t.fault("its parquet structure is damaged: %v", p)
	}
}

// indexParquet puts whole row groups together as long as they fit, and cuts those that are larger than a block.
func (t *Table) indexParquet(ctx context.Context, rows int) (list []statemachine.Block, err error) {
	defer t.broken(&err)
	f, _, err := t.openParquet(ctx)
	if err != nil {
		return nil, err
	}
	var row int64
	for i, g := range f.RowGroups() {
		n := g.NumRows()
		if n < 0 || n > maxBlocks*int64(rows) {
			return nil, t.fault("its row group %d has %d rows by its footer; %w", i, n, errTooMany)
		}
		if last := len(list) - 1; last >= 0 && int64(list[last].Rows)+n <= int64(rows) {
			list[last].Rows += int(n)
			list[last].Groups = i + 1 - list[last].FirstGroup
			row += n
			continue
		}
		for skip := int64(0); skip < n; skip += int64(rows) {
			if len(list) == maxBlocks {
				return nil, t.bad(fmt.Errorf("read %s: %w", t.Name, errTooMany))
			}
			piece := min(n-skip, int64(rows))
			list = append(list, statemachine.Block{Block: len(list), FirstRow: row, Rows: int(piece), FirstGroup: i, Groups: 1, Skip: skip})
			row += piece
		}
	}
	return list, nil
}

// readParquet reads a block's rows column by column.
func (t *Table) readParquet(ctx context.Context, b statemachine.Block) (in tensor.Named, err error) {
	defer t.broken(&err)
	f, columns, err := t.openParquet(ctx)
	if err != nil {
		return nil, err
	}
	groups := f.RowGroups()
	if b.FirstGroup < 0 || b.FirstGroup > len(groups) || b.Groups < 0 || b.Groups > len(groups)-b.FirstGroup {
		return nil, t.inBlock(b, t.changed("%d row groups from %d on, found %d", b.Groups, b.FirstGroup, len(groups)))
	}
	there := -b.Skip
	for _, g := range groups[b.FirstGroup : b.FirstGroup+b.Groups] {
		there += g.NumRows()
	}
	if there < int64(b.Rows) {
		return nil, t.inBlock(b, t.changed("%d rows, found %d", b.Rows, max(there, 0)))
	}
	arrays := map[string]*array{}
	for _, c := range columns {
		if arrays[c.Input] == nil {
			arrays[c.Input] = newArray(c, b.Rows)
		}
	}
	p := place{skip: b.Skip, first: b.FirstRow}
	for _, g := range groups[b.FirstGroup : b.FirstGroup+b.Groups] {
		p.rows = int(max(min(g.NumRows()-p.skip, int64(b.Rows-p.row)), 0))
		for i, chunk := range g.ColumnChunks() {
			if err := arrays[columns[i].Input].read(chunk, columns[i], p); err != nil {
				return nil, t.inBlock(b, fmt.Errorf("read %s: %w", t.Name, err))
			}
		}
		p.row, p.skip = p.row+p.rows, max(p.skip-g.NumRows(), 0)
	}
	in = tensor.Named{}
	for name, a := range arrays {
		if in[name], err = a.tensor(); err != nil {
			return nil, t.inBlock(b, fmt.Errorf("read %s: input %q: %w", t.Name, name, err))
		}
	}
	return in, nil
}

// changed says that the file is not the one that was indexed.
func (t *Table) changed(format string, args ...any) error {
	return fmt.Errorf("read %s: wanted %s; the file has changed since it was indexed", t.Name, fmt.Sprintf(format, args...))
}

// place is where the rows of one row group go in a block.
type place struct {
	skip  int64 // rows of the group before the block's
	rows  int   // of the group in the block
	row   int   // of the block, of the first of them
	first int64 // row of the file, of the block's first
}

// array collects the columns of one input: as float64, as int64 or as strings, by the input's dtype.
type array struct {
	dtype  tensor.DType
	shape  tensor.Shape
	width  int
	floats []float64
	ints   []int64
	texts  []string
}

func newArray(c dataset.Column, rows int) *array {
	a := &array{dtype: c.DType, shape: append(tensor.Shape{rows}, c.Row...), width: c.Width}
	switch n := rows * c.Width; {
	case c.DType == tensor.String:
		a.texts = make([]string, n)
	case c.DType.Float():
		a.floats = make([]float64, n)
	default:
		a.ints = make([]int64, n)
	}
	return a
}

// read enters a column's values of one row group.
func (a *array) read(chunk parquet.ColumnChunk, c dataset.Column, p place) (err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	if p.skip > 0 {
		if err := pages.SeekToRow(p.skip); err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
	}
	for done := 0; done < p.rows; {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return fmt.Errorf("column %q ends after %d of the row group's rows, wanted %d", c.Name, p.skip+int64(done), p.skip+int64(p.rows))
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
		n, err := a.page(page, c, p, done)
		parquet.Release(page)
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}

// page enters a page's values behind done others of the place, as many as there is room for, and returns their number.
func (a *array) page(page parquet.Page, c dataset.Column, p place, done int) (int, error) {
	values := page.Values()
	var buffer [1024]parquet.Value
	for entered := 0; ; {
		n, err := values.ReadValues(buffer[:min(len(buffer), p.rows-done-entered)])
		for _, v := range buffer[:n] {
			row := p.row + done + entered
			if fault := a.set(row*a.width+c.At, v, c); fault != "" {
				return 0, c.Explain(p.first+int64(row)+1, "%s", fault)
			}
			entered++
		}
		switch {
		case err == io.EOF, done+entered == p.rows:
			return entered, nil
		case err != nil:
			return 0, fmt.Errorf("column %q: %w", c.Name, err)
		case n == 0:
			return 0, fmt.Errorf("column %q: %w", c.Name, io.ErrNoProgress)
		}
	}
}

// set stores a value, or says what is wrong with it.
func (a *array) set(at int, v parquet.Value, c dataset.Column) string {
	switch {
	case v.IsNull() && a.texts != nil:
		a.texts[at] = ""
	case v.IsNull() && (!c.Missing || a.floats == nil):
		return c.MissingFault()
	case v.IsNull():
		a.floats[at] = math.NaN()
	case a.texts != nil:
		if k := v.Kind(); k != parquet.ByteArray && k != parquet.FixedLenByteArray {
			return "wanted text, found " + k.String()
		}
		a.texts[at] = string(v.ByteArray())
	case a.floats != nil:
		f, ok := number(v)
		if !ok {
			return "wanted a number, found " + v.Kind().String()
		}
		a.floats[at] = f
		if a.dtype == tensor.F32 && math.IsInf(float64(float32(f)), 0) && !math.IsInf(f, 0) {
			return fmt.Sprintf("%v is too large for %v", f, a.dtype)
		}
	default:
		i, ok := whole(v)
		if !ok {
			return "wanted a whole number, found " + v.String()
		}
		a.ints[at] = i
	}
	return ""
}

// number is a value as float64, which every number of 32 bits is exactly; an integer of 64 bits is rounded, as a text's would be.
func number(v parquet.Value) (float64, bool) {
	switch v.Kind() {
	case parquet.Float:
		return float64(v.Float()), true
	case parquet.Double:
		return v.Double(), true
	}
	i, ok := whole(v)
	return float64(i), ok
}

func whole(v parquet.Value) (int64, bool) {
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1, true
		}
		return 0, true
	case parquet.Int32:
		return int64(v.Int32()), true
	case parquet.Int64:
		return v.Int64(), true
	case parquet.Float, parquet.Double:
		f := v.Double()
		if v.Kind() == parquet.Float {
			f = float64(v.Float())
		}
		return int64(f), f == math.Trunc(f) && math.Abs(f) <= 1<<53
	}
	return 0, false
}

func (a *array) tensor() (*tensor.Tensor, error) {
	switch {
	case a.texts != nil:
		return tensor.FromStrings(a.shape, a.texts)
	case a.floats != nil:
		t := tensor.New(tensor.F64, a.shape...)
		copy(tensor.Of[float64](t), a.floats)
		return tensor.Convert(t, a.dtype)
	}
	t := tensor.New(tensor.I64, a.shape...)
	copy(tensor.Of[int64](t), a.ints)
	return tensor.Convert(t, a.dtype)
}
