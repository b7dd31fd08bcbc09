package cli

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// openInput opens a file of model inputs by its extension.
func openInput(path string, s manifest.Signature, byPosition bool) (*dataset.Reader, error) {
	return dataset.Open(path, dataset.Auto, s, dataset.Options{ByPosition: byPosition})
}

// openExpectation opens a file of expected outputs, of which it may hold any. An npy file has no names: it holds the
// wanted output.
func openExpectation(path string, m *manifest.Manifest, wanted []manifest.Output, mode string) (*expectation, error) {
	candidates := m.Signature.Outputs
	format, err := dataset.FormatOf(path)
	if err == nil && format == dataset.NPY {
		candidates = wanted
	}
	r, err := dataset.OpenExpected(path, dataset.Auto, candidates)
	if err != nil {
		return nil, fmt.Errorf("expected values: %w", err)
	}
	outputs, err := m.ResolveOutputs(r.Names())
	if len(r.Names()) == 0 {
		outputs = nil
	}
	var e *expectation
	if err == nil {
		e, err = newExpectation(path, r, outputs, mode)
	}
	if e != nil {
		e.piece = m.Signature.Rows == manifest.RowsNone
	}
	if err != nil {
		return nil, closeAll(err, r.Close)
	}
	return e, nil
}

// fileSink writes answers to a file, which appears when it is complete.
type fileSink struct {
	w       *dataset.Writer
	outputs []manifest.Output
}

func newFileSink(path string, outputs []manifest.Output) (*fileSink, error) {
	w, err := dataset.Create(path, dataset.Auto, outputs)
	if err != nil {
		return nil, asInput(err)
	}
	return &fileSink{w, outputs}, nil
}

// write leaves out what was asked for only to be compared.
func (s *fileSink) write(out tensor.Named) error {
	wanted := tensor.Named{}
	for _, o := range s.outputs {
		wanted[o.Name] = out[o.Name]
	}
	return s.w.Write(wanted)
}

func (s *fileSink) commit() error { return s.w.Close() }

func (s *fileSink) discard() error {
	s.w.Abort() // does nothing after Close
	return nil
}
