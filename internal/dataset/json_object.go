package dataset

import (
	"errors"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/tensor"
)

// newJSON reads one JSON value: an array of rows, which is streamed; or an object, held whole, that is either columns
// and inputs by name, each an array, or an Open Inference Protocol request with its "inputs".
func newJSON(in io.Reader, s *schema, opt Options) (source, error) {
	scan := newJSONScanner(in)
	kind, err := scan.next()
	if err != nil {
		return nil, err
	}
	if kind == '[' {
		return newJSONRows(scan, s, opt, true)
	}
	if kind != '{' {
		return nil, scan.fail("wanted an array of rows or an object of arrays, found %s", scan.describe())
	}
	if opt.ByPosition {
		return nil, errors.New("an object's arrays have names: --by-position wants an array of rows")
	}
	o := &jsonObject{scan: scan, s: s, columns: map[string]column{}, values: make([]values, len(s.fields)), counts: map[string]int{}}
	// Inputs without fixed columns can still come as whole arrays.
	if list, err := s.columns(); err == nil {
		for _, c := range list {
			o.columns[c.name] = c
			if c.alias != "" {
				o.columns[c.alias] = c
			}
		}
	}
	if err := o.read(); err != nil {
		return nil, err
	}
	return o.memory()
}

// values is one field's array as read: flat data and shape, or the columns seen.
type values struct {
	b       builder
	shape   tensor.Shape
	whole   bool
	columns int
}

type jsonObject struct {
	scan    *jsonScanner
	s       *schema
	columns map[string]column
	values  []values
	counts  map[string]int // length of each column, by name
}

func (o *jsonObject) read() error {
	for first := true; ; first = false {
		more, err := o.scan.more('}', first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := o.scan.expect(jsonString); err != nil {
			return err
		}
		name := string(o.scan.text)
		if err := o.scan.expect(':'); err != nil {
			return err
		}
		if err := o.member(name); err != nil {
			return fmt.Errorf("%q: %w", clip(name), err)
		}
	}
	kind, err := o.scan.next()
	if err == nil && kind != jsonEnd {
		err = o.scan.fail("wanted nothing after the object, found %s", o.scan.describe())
	}
	return err
}

// orientHint is what to do with JSON that pandas has written in another of its forms.
const orientHint = `; of pandas's forms rows are read: save with to_json(path, orient="records")`

// oipKeys are what an Open Inference Protocol request holds beside its inputs.
var oipKeys = map[string]bool{"id": true, "parameters": true, "outputs": true, "model_name": true, "model_version": true}

func (o *jsonObject) member(name string) error {
	if c, ok := o.columns[name]; ok {
		return o.column(c, name)
	}
	for i, f := range o.s.fields {
		if f.name == name {
			return o.field(i)
		}
	}
	switch {
	case name == "inputs" && !o.s.subset, name == "outputs" && o.s.subset:
		return o.protocol()
	case oipKeys[name]:
		return o.ignore(0)
	}
	names := make([]string, 0, len(o.columns)+len(o.s.fields))
	for c := range o.columns {
		names = append(names, c)
	}
	for _, f := range o.s.fields {
		names = append(names, f.name)
	}
	hint := suggestion(name, names)
	switch name {
	case "columns", "index", "data", "schema": // of pandas's orients split and table
		hint += orientHint
	}
	return fmt.Errorf("it is not a name of the model's%s", hint)
}

// column reads an array of scalars into one column. Under the name of its field, whose only column it is, the array may be of rows.
func (o *jsonObject) column(c column, name string) error {
	v := &o.values[c.field]
	f := o.s.fields[c.field]
	if _, dup := o.counts[c.name]; dup || v.whole {
		return errors.New("its values stand there twice")
	}
	v.b.f, v.columns = f, v.columns+1
	if kind, err := o.scan.next(); err != nil {
		return err
	} else if kind != '[' {
		err := o.scan.fail("wanted '[', found %s", o.scan.describe())
		if kind == '{' {
			err = hinted(err, orientHint)
		}
		return err
	}
	n := 0
	for ; ; n++ {
		more, err := o.scan.more(']', n == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if _, err := o.scan.next(); err != nil {
			return err
		}
		if f.width == 1 && o.scan.kind == '[' && len(f.row) > 0 && name != f.name {
			return errors.New("wanted numbers, found an array within the array")
		}
		if err := o.row(v, n, c.at, name == f.name); err != nil {
			return fmt.Errorf("row %d: %w", n+1, err)
		}
	}
	o.counts[c.name] = n
	return nil
}

// row reads row n of a column, a scalar or, if whole, a row of its field; the first token has been read.
func (o *jsonObject) row(v *values, n, at int, whole bool) error {
	depth := 0
	for ; whole && o.scan.kind == '['; depth++ {
		if depth == len(v.b.f.row) {
			return fmt.Errorf("arrays are nested deeper than the %d dimensions", len(v.b.f.dims))
		}
		if _, err := o.scan.next(); err != nil {
			return err
		}
	}
	if depth > 0 && depth < len(v.b.f.row) {
		return fmt.Errorf("wanted arrays nested %d deep, found %d", len(v.b.f.row), depth)
	}
	if err := o.store(v, n, at); err != nil {
		return err
	}
	for ; depth > 0; depth-- {
		if err := o.scan.expect(']'); err != nil {
			return err
		}
	}
	return nil
}

// store puts the last token's value at column at of row n.
func (o *jsonObject) store(v *values, n, at int) error {
	for v.b.rows <= n {
		if err := v.b.extend(1); err != nil {
			return err
		}
	}
	text, err := scalar(o.scan, v.b.f.dtype)
	if err != nil {
		return v.b.f.explain(at, err)
	}
	return v.b.set(n, at, text)
}

// field reads a whole array, whose nesting is its shape.
func (o *jsonObject) field(i int) error {
	v, f := &o.values[i], o.s.fields[i]
	if v.whole || v.columns > 0 {
		return errors.New("its values stand there twice")
	}
	flat := *f
	flat.row, flat.width, flat.categorical = nil, 1, nil
	v.whole, v.b = true, builder{f: &flat}
	if _, err := o.scan.next(); err != nil {
		return err
	}
	shape, err := o.nested(v, 0, len(f.dims))
	if err != nil {
		return err
	}
	v.shape = shape
	return nil
}

// nested reads an array of arrays, whose first token has been read, and returns its shape. Levels of length 0 leave the
// dimensions below unknown; the signature's sizes are taken.
func (o *jsonObject) nested(v *values, depth, most int) (tensor.Shape, error) {
	if o.scan.kind != '[' {
		return nil, o.store(v, v.b.rows, 0)
	}
	if depth == most {
		return nil, fmt.Errorf("arrays are nested deeper than the %d dimensions", most)
	}
	var inner tensor.Shape
	n := 0
	for ; ; n++ {
		more, err := o.scan.more(']', n == 0)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if _, err := o.scan.next(); err != nil {
			return nil, err
		}
		shape, err := o.nested(v, depth+1, most)
		if err != nil {
			return nil, err
		}
		if n > 0 && !shape.Equal(inner) {
			return nil, fmt.Errorf("row %d at depth %d has shape %v, those before it %v", n+1, depth+1, shape, inner)
		}
		inner = shape
	}
	if n == 0 {
		for _, d := range v.b.f.dims[depth+1:] {
			inner = append(inner, d.Size)
		}
	}
	return append(tensor.Shape{n}, inner...), nil
}

// ignore skips a value that has no meaning here.
func (o *jsonObject) ignore(depth int) error {
	kind, err := o.scan.next()
	if err != nil {
		return err
	}
	closing := jsonKind(']')
	switch kind {
	case '{':
		closing = '}'
	case '[':
	case jsonString, jsonNumber, jsonWord:
		return nil
	default:
		return o.scan.fail("wanted a value, found %s", o.scan.describe())
	}
	if depth == 64 {
		return o.scan.fail("values are nested deeper than %d", depth)
	}
	for first := true; ; first = false {
		more, err := o.scan.more(closing, first)
		if err != nil || !more {
			return err
		}
		if closing == '}' {
			if err := o.scan.expect(jsonString); err != nil {
				return err
			}
			if err := o.scan.expect(':'); err != nil {
				return err
			}
		}
		if err := o.ignore(depth + 1); err != nil {
			return err
		}
	}
}

// memory makes the tensors and the source that deals them out.
func (o *jsonObject) memory() (source, error) {
	m := &arraySource{s: o.s, rows: -1}
	symbols := map[string]int{}
	var absent []string
	for i, f := range o.s.fields {
		v := &o.values[i]
		if !v.whole && v.columns == 0 {
			absent = append(absent, f.name)
			continue
		}
		t, err := o.tensor(i, v)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", clip(f.name), err)
		}
		if err := m.add(f, whole{t}, symbols); err != nil {
			return nil, fmt.Errorf("%q: %w", clip(f.name), err)
		}
	}
	if len(absent) > 0 && !o.s.subset {
		return nil, errors.New(quoteList(o.s.kind, absent) + " missing")
	}
	return m, m.check()
}

func (o *jsonObject) tensor(i int, v *values) (*tensor.Tensor, error) {
	if v.whole {
		rows := v.b.rows
		t, err := v.b.finish()
		if err != nil {
			return nil, err
		}
		if n, err := v.shape.Elements(); err != nil || n != rows {
			return nil, fmt.Errorf("%d values do not fill shape %v", rows, v.shape)
		}
		return t.Reshape(v.shape...)
	}
	var absent []string
	for name, c := range o.columns {
		n, ok := o.counts[c.name]
		switch {
		case c.field != i, c.name != name:
		case !ok:
			absent = append(absent, name)
		case n != v.b.rows:
			return nil, fmt.Errorf("column %q has %d rows, another %d", clip(name), n, v.b.rows)
		}
	}
	if len(absent) > 0 {
		return nil, errors.New(quoteList("column", absent) + " missing")
	}
	return v.b.finish()
}
