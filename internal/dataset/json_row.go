package dataset

import (
	"errors"
	"fmt"
)

// read reads one row into the builders.
func (r *jsonRows) read() error {
	if err := extend(r.builders, 1); err != nil {
		return err
	}
	clear(r.seen)
	r.row++
	kind, err := r.scan.next()
	line := r.scan.line
	switch {
	case err != nil:
		return err
	case kind == '{':
		err = r.object()
	case kind == '[' && r.byPosition:
		err = r.positions()
	case kind == '[':
		err = r.arrayRow()
	default:
		err = fmt.Errorf("wanted an object, found %s", r.scan.describe())
	}
	if r.aLine && r.scan.line != line {
		err = errors.New("it does not end in its line: wanted one row on each line")
	}
	if err == nil {
		err = r.complete()
	}
	if r.aLine && line == r.lastLine {
		err = errors.New("there is more than one row on this line: wanted one row on each line")
	}
	if r.lastLine = r.scan.line; err != nil {
		return fmt.Errorf("row %d (line %d): %w", r.row, line, err)
	}
	return nil
}

// arrayRow says what to do with rows that are arrays.
func (r *jsonRows) arrayRow() error {
	if r.s.subset {
		return errors.New("it is an array of values, wanted an object with the names of outputs")
	}
	return errors.New("it is an array of values, wanted an object with the names of columns; use --by-position when the values are in the model's order")
}
