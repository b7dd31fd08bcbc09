package dataset

import (
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/shardwise/shardwise/internal/tensor"
)

// jsonRows reads rows that are JSON objects, or with ByPosition arrays: one a line, or all in one array.
type jsonRows struct {
	scan       *jsonScanner
	s          *schema
	byPosition bool
	array      bool // rows are the elements of one array, whose bracket has been read
	ended      bool

	columns  map[string]int // by name and other name
	list     []column
	fields   map[string]int // by name, those that are not a single column
	builders []builder      // of the fields that the first row shows
	names    []string
	seen     []bool // columns of the current row
	row      int
	aLine    bool // every row is one line
	lastLine int  // where the row before ended, 0 for none
}

func newJSONLines(in io.Reader, s *schema, opt Options) (*jsonRows, error) {
	r, err := newJSONRows(newJSONScanner(in), s, opt, false)
	if err == nil {
		r.aLine = opt.RowALine
	}
	if err == nil && opt.Row > 0 {
		r.row, r.scan.line = int(opt.Row), int(opt.Line)+1
	}
	return r, err
}

func newJSONRows(scan *jsonScanner, s *schema, opt Options, array bool) (*jsonRows, error) {
	r := &jsonRows{scan: scan, s: s, byPosition: opt.ByPosition, array: array, columns: map[string]int{}, fields: map[string]int{}}
	var err error
	if r.list, err = s.columns(); err != nil {
		return nil, err
	}
	for i, c := range r.list {
		r.columns[c.name] = i
	}
	maps.Copy(r.columns, aliasesOf(r.list))
	for i, f := range s.fields {
		r.fields[f.name] = i
	}
	r.seen = make([]bool, len(r.list))
	r.builders, r.names = s.builders(r.list)
	if !s.subset {
		return r, nil
	}
	// The first row tells which fields of a subset there are.
	if _, err := r.start(); err != nil {
		return nil, err
	}
	if r.ended {
		return nil, errors.New("it has no rows, wanted at least one")
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	var present []column
	for i, c := range r.list {
		if r.seen[i] {
			present = append(present, c)
		}
	}
	if err := s.whole(present); err != nil {
		return nil, err
	}
	first := r.builders
	r.builders, r.names = s.builders(present)
	for i := range r.builders {
		if r.builders[i].f != nil {
			r.builders[i] = first[i]
		}
	}
	return r, nil
}

// start reads up to the next row's first token, which it holds, and reports whether there is a row.
func (r *jsonRows) start() (bool, error) {
	if r.ended {
		return false, nil
	}
	more := true
	var err error
	if r.array {
		more, err = r.scan.more(']', r.row == 0)
	}
	if err != nil {
		return false, err
	}
	if more {
		var kind jsonKind
		if kind, err = r.scan.next(); err != nil {
			return false, err
		}
		r.scan.hold()
		more = kind != jsonEnd || r.array
	}
	if more {
		return true, nil
	}
	r.ended = true
	if r.array {
		err = r.trailing()
	}
	return false, err
}

func (r *jsonRows) trailing() error {
	kind, err := r.scan.next()
	if err == nil && kind != jsonEnd {
		err = r.scan.fail("wanted nothing after the value, found %s", r.scan.describe())
	}
	return err
}

func (r *jsonRows) next(maxRows int) (tensor.Named, error) {
	rows := 0
	if r.s.subset && r.row == 1 && !r.ended {
		rows = r.pendingRows()
	}
	for rows < maxRows {
		ok, err := r.start()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if err := r.read(); err != nil {
			return nil, err
		}
		rows++
	}
	if rows == 0 {
		return nil, io.EOF
	}
	return finish(r.builders)
}

// pendingRows is how many rows the builders hold already: the first one, read to learn a subset's fields.
func (r *jsonRows) pendingRows() int {
	for i := range r.builders {
		if r.builders[i].f != nil {
			return r.builders[i].rows
		}
	}
	return 0
}

func (r *jsonRows) object() error {
	if r.byPosition {
		return errors.New("it is an object with names, --by-position wants an array of values; leave --by-position out")
	}
	for first := true; ; first = false {
		more, err := r.scan.more('}', first)
		if err != nil || !more {
			return err
		}
		if err := r.scan.expect(jsonString); err != nil {
			return err
		}
		col, isColumn := r.columns[string(r.scan.text)]
		f, isField := r.fields[string(r.scan.text)]
		if !isColumn && !isField {
			return r.unknown(string(r.scan.text))
		}
		if err := r.scan.expect(':'); err != nil {
			return err
		}
		kind, err := r.scan.next()
		if err != nil {
			return err
		}
		switch {
		case isField && (kind == '[' || !isColumn):
			err = r.nested(f)
		default:
			err = r.cell(col)
		}
		if err != nil {
			return err
		}
	}
}

func (r *jsonRows) unknown(name string) error {
	var absent []string
	for i, c := range r.list {
		if !r.seen[i] {
			absent = append(absent, c.name)
		}
	}
	for _, f := range r.s.fields {
		absent = append(absent, f.name)
	}
	return fmt.Errorf("name %q is not the model's%s", clip(name), suggestion(name, absent))
}

// positions reads a row that is a flat array of all columns.
func (r *jsonRows) positions() error {
	n := 0
	for ; ; n++ {
		more, err := r.scan.more(']', n == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if n == len(r.list) {
			return fmt.Errorf("more than %d values", len(r.list))
		}
		if _, err := r.scan.next(); err != nil {
			return err
		}
		if err := r.cell(n); err != nil {
			return err
		}
	}
	if n != len(r.list) {
		return fmt.Errorf("%d values, the model has %d columns", n, len(r.list))
	}
	return nil
}

// complete checks that the row has every column that it should.
func (r *jsonRows) complete() error {
	if r.s.subset && r.row == 1 {
		return nil
	}
	var absent []string
	for i, c := range r.list {
		if !r.seen[i] && r.builders[c.field].f != nil {
			absent = append(absent, c.name)
		}
	}
	if len(absent) > 0 {
		return fmt.Errorf("%s missing: null stands for a missing value", quoteList("column", absent))
	}
	return nil
}

func (r *jsonRows) total() int64      { return -1 }
func (r *jsonRows) present() []string { return r.names }
