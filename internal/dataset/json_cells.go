package dataset

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// cell stores the scalar of the last token in column col.
func (r *jsonRows) cell(col int) error {
	c := &r.list[col]
	if r.seen[col] {
		return fmt.Errorf("column %q stands there twice", c.name)
	}
	r.seen[col] = true
	b := &r.builders[c.field]
	if b.f == nil {
		return fmt.Errorf("column %q is not in the first row", c.name)
	}
	text, err := scalar(r.scan, b.f.dtype)
	if err == nil {
		err = b.set(b.rows-1, c.at, text)
	} else {
		err = b.f.explain(c.at, err)
	}
	if err != nil {
		return fmt.Errorf("column %q: %w", clip(c.name), err)
	}
	return nil
}

// scalar is the text of the last token as builder.set takes it.
func scalar(scan *jsonScanner, d tensor.DType) ([]byte, error) {
	switch scan.kind {
	case jsonNumber:
		if d != tensor.String {
			return scan.text, nil
		}
	case jsonString:
		if d == tensor.String {
			return scan.text, nil
		}
	case jsonWord:
		switch string(scan.text) {
		case "null":
			if d != tensor.String {
				return nil, nil
			}
		case "NaN":
			if d != tensor.String {
				return scan.text, nil
			}
		case "true", "false":
			if d == tensor.Bool {
				return scan.text, nil
			}
		default: // infinities
			if d.Float() {
				return scan.text, nil
			}
		}
	}
	return nil, fmt.Errorf("wanted %v, found %s", d, scan.describe())
}

// nested reads a field's whole row; its first token has been read.
func (r *jsonRows) nested(f int) error {
	first := -1
	for i := range r.list {
		if r.list[i].field == f {
			first = i
			break
		}
	}
	fd := r.s.fields[f]
	at := 0
	if err := r.level(fd.row, first, &at); err != nil {
		return fmt.Errorf("%q: %w", clip(fd.name), err)
	}
	return nil
}

func (r *jsonRows) level(dims tensor.Shape, first int, at *int) error {
	if len(dims) == 0 {
		err := r.cell(first + *at)
		*at++
		return err
	}
	if r.scan.kind != '[' {
		return fmt.Errorf("wanted an array of %d, found %s", dims[0], r.scan.describe())
	}
	n := 0
	for ; ; n++ {
		more, err := r.scan.more(']', n == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if n == dims[0] {
			return fmt.Errorf("an array is longer than %d", dims[0])
		}
		if _, err := r.scan.next(); err != nil {
			return err
		}
		if err := r.level(dims[1:], first, at); err != nil {
			return err
		}
	}
	if n != dims[0] {
		return fmt.Errorf("an array has %d elements, wanted %d", n, dims[0])
	}
	return nil
}
