package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// sink writes batches in one format. close writes what comes last; then the file is complete.
type sink interface {
	write(n tensor.Named) error
	close() error
	// abort releases what close would have; the file is worthless.
	abort()
}

// Writer writes outputs batch by batch into a file that appears, complete, when Close succeeds, and not at all
// otherwise.
type Writer struct {
	path    string
	temp    *os.File
	buf     *bufio.Writer
	sink    sink
	outputs []outputColumn
	err     error
	wrote   bool
}

// outputColumn is an output and the shape that its rows must keep.
type outputColumn struct {
	name   string
	dtype  tensor.DType
	dims   []manifest.Dim
	rows   bool         // written row by row
	scalar bool         // a single value that stands in a table of one row
	shape  tensor.Shape // of the first batch, nil before it
}

// Create starts a file of the given outputs, in their order. The data goes to a temporary file in path's folder first.
// CSV, JSON and JSON Lines hold outputs that are Tabular; npy holds one output.
func Create(path string, format Format, outputs []manifest.Output) (_ *Writer, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if format, err = format.resolve(path); err != nil {
		return nil, err
	}
	w := &Writer{path: path}
	if w.outputs, err = outputColumns(outputs, format); err != nil {
		return nil, err
	}
	if w.temp, err = createPart(path); err != nil {
		return nil, err
	}
	w.buf = bufio.NewWriterSize(w.temp, readBuffer)
	switch format {
	case CSV:
		w.sink = &csvSink{out: w.buf, outputs: w.outputs}
	case JSONLines, JSON:
		w.sink = &jsonSink{out: w.buf, outputs: w.outputs, array: format == JSON}
	case NPY:
		w.sink = &npySink{out: w.buf, file: w.temp, output: &w.outputs[0]}
	case NPZ:
		w.sink = &npzSink{spools: newSpools(filepath.Dir(path), w.outputs), out: w.buf}
	case Safetensors:
		w.sink = &safetensorsSink{spools: newSpools(filepath.Dir(path), w.outputs), out: w.buf}
	}
	return w, nil
}

func outputColumns(outputs []manifest.Output, format Format) ([]outputColumn, error) {
	if len(outputs) == 0 {
		return nil, errors.New("there are no outputs to write")
	}
	if format == NPY && len(outputs) != 1 {
		return nil, fmt.Errorf("npy holds one array, there are %d outputs: use npz or safetensors, or select one", len(outputs))
	}
	cols := make([]outputColumn, len(outputs))
	seen := map[string]bool{}
	for i := range outputs {
		o := &outputs[i]
		c := outputColumn{name: o.Name, dtype: o.DType, dims: o.Shape}
		text := format == CSV || format == JSONLines || format == JSON
		if c.rows = inRows(outputs, o); text && scalars(outputs) {
			c.dims, c.rows, c.scalar = []manifest.Dim{{Size: 1}}, true, true
		}
		if seen[o.Name] {
			return nil, fmt.Errorf("output %q stands twice", o.Name)
		}
		if !utf8.ValidString(o.Name) {
			return nil, fmt.Errorf("output name %q is not valid UTF-8", o.Name)
		}
		seen[o.Name] = true
		if !c.rows && text {
			return nil, fmt.Errorf("output %q of shape %v has not the rows of the others: use npz or safetensors", o.Name, o.Shape)
		}
		if o.DType == tensor.String && (format == NPY || format == NPZ) {
			return nil, fmt.Errorf("output %q is of strings, which %s cannot hold: use csv, jsonl or safetensors", o.Name, format)
		}
		cols[i] = c
	}
	return cols, nil
}

// Write appends a batch: exactly the outputs of Create, all with the same number of rows, and beyond it of one shape
// throughout. Outputs without batch dimension allow one Write only. The tensors are not retained.
func (w *Writer) Write(n tensor.Named) error {
	if w.err != nil {
		return w.err
	}
	n, err := w.lift(n)
	if err == nil {
		err = w.check(n)
	}
	if err != nil {
		return w.fail(err)
	}
	if err := w.sink.write(n); err != nil {
		return w.fail(err)
	}
	w.wrote = true
	return nil
}

// lift makes a row of scalars where they stand in a table.
func (w *Writer) lift(n tensor.Named) (tensor.Named, error) {
	if len(w.outputs) == 0 || !w.outputs[0].scalar {
		return n, nil
	}
	out := make(tensor.Named, len(n))
	for name, t := range n {
		if t.Rank() != 0 {
			return nil, fmt.Errorf("output %q is %v, wanted a scalar", name, t)
		}
		row, err := t.Reshape(1)
		if err != nil {
			return nil, err
		}
		out[name] = row
	}
	return out, nil
}

func (w *Writer) check(n tensor.Named) error {
	rows := -1
	for i := range w.outputs {
		o := &w.outputs[i]
		t := n[o.name]
		switch {
		case t == nil:
			return fmt.Errorf("output %q is missing from the batch", o.name)
		case t.DType() != o.dtype:
			return fmt.Errorf("output %q is %v, wanted %v", o.name, t, o.dtype)
		case !o.rows && w.wrote:
			return fmt.Errorf("output %q has no rows and can be written once", o.name)
		}
		if err := o.checkShape(t.Shape()); err != nil {
			return err
		}
		if o.rows && rows >= 0 && t.Dim(0) != rows {
			return fmt.Errorf("output %q has %d rows, another %d", o.name, t.Dim(0), rows)
		}
		if o.rows {
			rows = t.Dim(0)
		}
	}
	if len(n) != len(w.outputs) {
		return fmt.Errorf("the batch has %d outputs, wanted %d", len(n), len(w.outputs))
	}
	return nil
}

func (o *outputColumn) checkShape(s tensor.Shape) error {
	if len(s) != len(o.dims) {
		return fmt.Errorf("output %q has shape %v, wanted %v", o.name, s, o.dims)
	}
	for i, d := range o.dims {
		first := i == 0 && o.rows
		if d.Name == "" && s[i] != d.Size || !first && o.shape != nil && s[i] != o.shape[i] {
			return fmt.Errorf("output %q has shape %v, wanted %v, as before", o.name, s, o.dims)
		}
	}
	if o.shape == nil {
		o.shape = append(tensor.Shape{}, s...) // a scalar's is not nil
	}
	return nil
}

// shapes gives every output the shape of no rows when nothing has been written.
func (w *Writer) shapes() error {
	for i := range w.outputs {
		o := &w.outputs[i]
		if o.shape != nil {
			continue
		}
		if !o.rows {
			return fmt.Errorf("output %q was not written", o.name)
		}
		shape := tensor.Shape{0}
		for _, d := range o.dims[1:] {
			if d.Name != "" {
				return fmt.Errorf("without rows the size %s of output %q is not known", d.Name, o.name)
			}
			shape = append(shape, d.Size)
		}
		o.shape = shape
	}
	return nil
}

// fail remembers the first error and removes the temporary file.
func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("write %s: %w", w.path, err)
	w.discard()
	return w.err
}

func (w *Writer) discard() {
	w.sink.abort()
	// The first error is the one to report; a temporary file that stays is a nuisance, not a wrong result.
	_ = w.temp.Close()
	_ = os.Remove(w.temp.Name())
}

// Close completes the file, makes it durable and gives it its name. Without any Write the file has no rows.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	err := w.shapes()
	if err == nil {
		err = w.sink.close()
	}
	if err == nil {
		err = w.buf.Flush()
	}
	if err == nil {
		err = w.temp.Sync()
	}
	if err != nil {
		return w.fail(err)
	}
	w.err = fmt.Errorf("write %s: it is closed", w.path)
	// Renamed while it is open, and so locked, so that no other writer takes it for a dead one's.
	if err := os.Rename(w.temp.Name(), w.path); err != nil {
		_ = os.Remove(w.temp.Name())
		return fmt.Errorf("write %s: %w", w.path, errors.Join(err, w.temp.Close()))
	}
	if err := w.temp.Close(); err != nil {
		return fmt.Errorf("write %s: %w", w.path, errors.Join(err, os.Remove(w.path)))
	}
	return nil
}

// Abort gives up: nothing remains. After Close or an error it does nothing, so that it may be deferred.
func (w *Writer) Abort() {
	if w.err == nil {
		w.err = fmt.Errorf("write %s: it was given up", w.path)
		w.discard()
	}
}
