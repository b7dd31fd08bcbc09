package dataset

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// field is one array of a data set: an input, or an output in a file of expected values.
type field struct {
	name        string
	dtype       tensor.DType
	accepts     map[tensor.DType]bool
	dims        []manifest.Dim
	features    []string
	categorical []bool // by feature
	missing     bool
	rows        bool         // the first dimension is the batch
	row         tensor.Shape // dimensions after the batch, nil unless all are fixed
	width       int          // elements of one row, -1 unless all its dimensions are fixed
}

// schema is what a file may hold. With subset, fields may be absent.
type schema struct {
	kind   string // "input" or "output"
	subset bool
	fields []*field
}

func inputSchema(sig manifest.Signature) (*schema, error) {
	s := &schema{kind: "input"}
	for i := range sig.Inputs {
		in := &sig.Inputs[i]
		f := &field{name: in.Name, dtype: in.DType, dims: in.Shape, missing: in.Missing, accepts: map[tensor.DType]bool{in.DType: true}}
		for _, d := range in.Accepts {
			f.accepts[d] = true
		}
		// Where rows are not independent an input comes whole; a lone table can come row by row in a text file.
		f.rows = sig.Batched(in.Shape) || sig.Rows != "" && len(sig.Inputs) == 1 && len(in.Shape) == 2 && in.Shape[1].Name == ""
		for j := range in.Features {
			f.features = append(f.features, in.Features[j].Name)
			f.categorical = append(f.categorical, in.Features[j].Kind == "categorical")
		}
		if err := s.add(f); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// outputSchema accepts every numeric dtype: whoever saved the expected values may have widened them. Outputs whose first
// dimension is not the batch come whole.
func outputSchema(outputs []manifest.Output) (*schema, error) {
	s := &schema{kind: "output", subset: true}
	for i := range outputs {
		o := &outputs[i]
		f := &field{name: o.Name, dtype: o.DType, dims: o.Shape, missing: true, rows: inRows(outputs, o), accepts: map[tensor.DType]bool{o.DType: true}}
		if o.DType != tensor.String {
			for d := tensor.Bool; d < tensor.String; d++ {
				f.accepts[d] = true
			}
		}
		if err := s.add(f); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *schema) add(f *field) error {
	for _, have := range s.fields {
		if have.name == f.name {
			return fmt.Errorf("%s %q stands twice in the signature", s.kind, f.name)
		}
	}
	f.width = -1
	if f.rows {
		if err := f.fix(f.dims[1:]); err != nil {
			return fmt.Errorf("%s %q: %w", s.kind, f.name, err)
		}
	}
	if f.features != nil && len(f.features) != f.width {
		return fmt.Errorf("%s %q has %d feature names for %d columns", s.kind, f.name, len(f.features), f.width)
	}
	s.fields = append(s.fields, f)
	return nil
}

// fix sets row and width when all dimensions are sizes.
func (f *field) fix(dims []manifest.Dim) error {
	row := make(tensor.Shape, len(dims))
	for i, d := range dims {
		if d.Name != "" {
			return nil
		}
		row[i] = d.Size
	}
	n, err := row.Elements()
	if err != nil {
		return err
	}
	if n > 1<<31 {
		return fmt.Errorf("a row of %d elements is too wide", n)
	}
	f.row, f.width = row, n
	return nil
}

// column is one column of a text format: element at of a row of a field. alias is another name that it goes by, "" for none.
type column struct {
	name, alias string
	field       int
	at          int
}

// columns lists the columns of a text format in the order of the signature.
func (s *schema) columns() ([]column, error) {
	var all []column
	seen := map[string]int{}
	for i, f := range s.fields {
		if f.width < 0 && s.subset {
			continue // a column of it will be an unknown one
		}
		if f.width < 0 {
			return nil, fmt.Errorf("%s %q of shape %v has no fixed columns: use npz or safetensors", s.kind, f.name, f.dims)
		}
		for at := range f.width {
			name := f.columnName(at)
			if other, dup := seen[name]; dup {
				return nil, fmt.Errorf("column %q would belong to both %s %q and %q: use npz or safetensors, one array each",
					name, s.kind, s.fields[other].name, f.name)
			}
			seen[name] = i
			all = append(all, column{name: name, field: i, at: at})
		}
	}
	return s.nameSingles(all), nil
}

// nameSingles gives a field of one column, whose name has an index, the bare name as well, unless another column has it. An input's column
// is called so first: that is its name in the table that the model was trained on.
func (s *schema) nameSingles(all []column) []column {
	single := func(c column) bool {
		f := s.fields[c.field]
		return f.width == 1 && f.features == nil && len(f.row) > 0
	}
	others := map[string]bool{}
	for _, c := range all {
		if !single(c) {
			others[c.name] = true
		}
	}
	named, names := slices.Clone(all), map[string]bool{}
	for i := range named {
		c := &named[i]
		if bare := s.fields[c.field].name; single(*c) && !others[bare] {
			if c.alias = bare; !s.subset {
				c.name, c.alias = c.alias, c.name
			}
		}
		names[c.name] = true
	}
	if len(names) < len(all) {
		return all // a bare name is another's name with an index
	}
	for i := range named {
		if names[named[i].alias] {
			named[i].alias = ""
		}
	}
	return named
}

// columnName is the feature's name, or the field's own for a single column, or with the flat index behind an underscore.
func (f *field) columnName(at int) string {
	switch {
	case f.features != nil:
		return f.features[at]
	case len(f.row) == 0:
		return f.name
	}
	return f.name + "_" + strconv.Itoa(at)
}

// checkShape compares an array's shape with the field's dimensions. Symbols other than the batch are bound in symbols,
// so that they mean the same size everywhere.
func (f *field) checkShape(shape tensor.Shape, symbols map[string]int) error {
	if len(shape) != len(f.dims) {
		return fmt.Errorf("its shape %v has %d dimensions, wanted %v", shape, len(shape), f.dims)
	}
	for i, d := range f.dims {
		if d.Name == "" {
			if shape[i] != d.Size {
				return fmt.Errorf("its shape is %v, wanted %v", shape, f.dims)
			}
			continue
		}
		if have, ok := symbols[d.Name]; ok && have != shape[i] {
			return fmt.Errorf("its shape is %v, but %s is %d elsewhere", shape, d.Name, have)
		}
		symbols[d.Name] = shape[i]
	}
	return nil
}

// inRows reports whether an output is read and written by rows: its first dimension is the batch, or the same as that of
// all others.
func inRows(outputs []manifest.Output, o *manifest.Output) bool {
	return len(o.Shape) > 0 && (o.Shape[0].Name == manifest.Batch || oneLength(outputs))
}

// oneLength reports whether all outputs have the same first dimension.
func oneLength(outputs []manifest.Output) bool {
	return !slices.ContainsFunc(outputs, func(o manifest.Output) bool { return len(o.Shape) == 0 || o.Shape[0] != outputs[0].Shape[0] })
}

// scalars reports whether all outputs are single values.
func scalars(outputs []manifest.Output) bool {
	return !slices.ContainsFunc(outputs, func(o manifest.Output) bool { return len(o.Shape) > 0 })
}

// Tabular reports whether the outputs can stand side by side in rows, as CSV has them: all have the same first dimension, or
// all are scalars, which make one row.
func Tabular(outputs []manifest.Output) bool {
	return len(outputs) > 0 && (scalars(outputs) || len(outputs[0].Shape) > 0 && oneLength(outputs))
}
