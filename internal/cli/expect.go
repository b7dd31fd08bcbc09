package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/cli/compare"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// namedReader yields named tensors in batches of at most maxRows rows, then io.EOF. Close may be called once.
type namedReader interface {
	Next(maxRows int) (tensor.Named, error)
	Close() error
}

// expectation compares outputs with a file of expected values, row by row, in bounded memory.
type expectation struct {
	path    string
	reader  namedReader
	outputs []string
	compare []*compare.Output
	piece   bool // the model's rows are not independent: the file is compared as a whole
	rows    int64
}

// newExpectation begins the comparison of the named outputs by their rules of the mode.
func newExpectation(path string, r namedReader, outputs []manifest.Output, mode string) (*expectation, error) {
	if len(outputs) == 0 {
		return nil, fmt.Errorf("%s has no column of any output, so nothing would be compared", path)
	}
	e := &expectation{path: path, reader: r}
	for _, o := range outputs {
		rule, err := ruleOf(o, mode)
		if err != nil {
			return nil, err
		}
		e.outputs = append(e.outputs, o.Name)
		e.compare = append(e.compare, compare.New(o.Name, rule))
	}
	return e, nil
}

// ruleOf is the manifest's promise for an output in a mode.
func ruleOf(o manifest.Output, mode string) (manifest.Rule, error) {
	rule, ok := o.Rules[mode]
	if !ok {
		return rule, fmt.Errorf("the manifest has no numeric rule for output %s in mode %s; split the model again", o.Name, mode)
	}
	return rule, nil
}

// add compares the outputs of the next rows.
func (e *expectation) add(out tensor.Named, rows int) error {
	if e.piece {
		return e.all(out)
	}
	for done := 0; done < rows; {
		want, err := e.reader.Next(rows - done)
		if errors.Is(err, io.EOF) {
			return asInput(fmt.Errorf("%s ends after row %d, the input goes on; give as many expected rows as input rows", e.path, e.rows))
		}
		if err != nil {
			return asInput(err)
		}
		n, err := e.batch(out, want, done)
		if err != nil {
			return err
		}
		done += n
		e.rows += int64(n)
	}
	return nil
}

// all compares outputs that come in one piece.
func (e *expectation) all(out tensor.Named) error {
	want, err := e.reader.Next(math.MaxInt32)
	if errors.Is(err, io.EOF) {
		return asInput(fmt.Errorf("%s has no values", e.path))
	}
	if err != nil {
		return asInput(err)
	}
	e.rows++
	for i, name := range e.outputs {
		if want[name] == nil {
			return asInput(fmt.Errorf("%s: output %s has no values", e.path, name))
		}
		if err := e.compare[i].Add(out[name], want[name]); err != nil {
			return asInput(fmt.Errorf("%s: %w", e.path, err))
		}
	}
	return nil
}

// batch compares one batch of expected rows with the outputs from row on.
func (e *expectation) batch(out, want tensor.Named, row int) (int, error) {
	n := -1
	for i, name := range e.outputs {
		w := want[name]
		if w == nil || w.Rank() == 0 || w.Dim(0) == 0 || n >= 0 && w.Dim(0) != n {
			return 0, fmt.Errorf("%s: output %s has no rows where others have some", e.path, name)
		}
		n = w.Dim(0)
		got, err := out[name].Rows(row, row+n)
		if err != nil {
			return 0, fmt.Errorf("output %s: %w", name, err)
		}
		if err := e.compare[i].Add(got, w); err != nil {
			return 0, asInput(fmt.Errorf("%s: %w", e.path, err))
		}
	}
	return n, nil
}

// finish checks that the file has no further rows and gives the verdicts.
func (e *expectation) finish(mode string) (comparison, error) {
	c := comparison{With: e.path, File: true, Mode: mode}
	if _, err := e.reader.Next(1); err == nil {
		return c, asInput(fmt.Errorf("%s goes on after row %d, where the input ends; give as many expected rows as input rows", e.path, e.rows))
	} else if !errors.Is(err, io.EOF) {
		return c, asInput(err)
	}
	if e.rows == 0 {
		return c, asInput(fmt.Errorf("%s and the input have no rows, so nothing was compared; give files with at least one row", e.path))
	}
	for _, o := range e.compare {
		c.Results = append(c.Results, o.Result())
	}
	return c, nil
}

// union appends those names that are not there yet.
func union(names []string, more []string) []string {
	out := slices.Clone(names)
	for _, n := range more {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
