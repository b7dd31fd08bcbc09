package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// smallBytes is the size up to which constants are held in memory: shapes, axes, bounds, vectors.
const smallBytes = 4096

// store gives access to the bytes of weights, wherever they are. It is safe for concurrent use.
type store struct {
	file  *os.File
	size  int64
	model *onnx.Model
	files *files

	mu      sync.Mutex
	derived map[string]derived // by weight name; guarded by mu
	last    string             // the weight whose bytes are held, because shards ask for it one after the other
	held    io.ReaderAt        // guarded by mu, like last
}

// derived is a weight that is made from another one when it is read.
type derived struct {
	from *graph.Weight
	make func(data []byte) ([]byte, error) // from the row-major bytes of from; nil: the same bytes
}

func openStore(path string) (*store, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return &store{file: f, size: size, files: &files{dir: filepath.Dir(path), known: map[string]*external{}}, derived: map[string]derived{}}, nil
}

// Close closes the model's files.
func (s *store) Close() error { return errors.Join(s.file.Close(), s.files.close()) }

// locations are the external files that weights lie in, ascending.
func (s *store) locations() []string { return s.files.locations() }

// take makes a weight of the model ready to be read under its name, which is the only one like it: its place is checked,
// a small one is read now, and a sparse one is one like all others from now on.
func (s *store) take(name string, w *graph.Weight) error {
	w.Name = name
	if w.Sparse == nil {
		if err := s.attach(w); err != nil {
			return err
		}
		return s.small(w)
	}
	for _, part := range []*graph.Weight{w.Sparse.Values, w.Sparse.Indices} {
		if err := s.attach(part); err != nil {
			return err
		}
	}
	if w.Opaque != nil {
		return nil
	}
	from := *w
	w.Sparse = nil
	s.derive(w, &from, nil)
	return s.small(w)
}

// attach opens the external file of a weight and checks that the weight lies inside it.
func (s *store) attach(w *graph.Weight) error {
	if w.Location == "" {
		return nil
	}
	size, err := s.files.size(w.Location)
	var refused *layout.RefusalError
	if errors.As(err, &refused) {
		return &layout.RefusalError{Subject: "tensor " + w.Name, Reason: refused.Reason, Remedy: refused.Remedy}
	}
	if err != nil {
		return fmt.Errorf("tensor %s: %w", w.Name, err)
	}
	if w.Offset > size || w.Length > size-w.Offset {
		return &layout.RefusalError{Subject: "tensor " + w.Name, Remedy: "copy the file again, it was cut off",
			Reason: fmt.Sprintf("%d bytes at byte %d of %s are wanted, the file has %d", w.Length, w.Offset, w.Location, size)}
	}
	return nil
}

// isSparse reports whether the file holds the weight as a sparse tensor.
func (s *store) isSparse(w *graph.Weight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.derived[w.Name]
	return ok && d.from.Sparse != nil
}

// open reads the row-major bytes of a weight. What has to be decoded or converted first is held in memory until another
// such weight is opened.
func (s *store) open(w *graph.Weight) (io.ReaderAt, error) {
	s.mu.Lock()
	d, isDerived := s.derived[w.Name]
	s.mu.Unlock()
	switch {
	case w.Opaque != nil:
		return nil, fmt.Errorf("tensor %s: it is %s, which is not read", w.Name, w.Opaque.Type)
	case w.Data != nil:
		return bytes.NewReader(w.Data), nil
	case isDerived && d.from.Sparse != nil:
		return s.hold(w.Name, func() (io.ReaderAt, error) { return s.sparse(d.from) })
	case isDerived && d.make == nil:
		return s.open(d.from)
	case isDerived:
		return s.hold(w.Name, func() (io.ReaderAt, error) {
			data, err := s.load(d.from)
			if err == nil {
				data, err = d.make(data)
			}
			return bytes.NewReader(data), err
		})
	case w.Location != "":
		return io.NewSectionReader(externalReader{s.files, w.Location}, w.Offset, w.Length), nil
	case w.Length > 0:
		return io.NewSectionReader(s.file, w.Offset, w.Length), nil
	}
	return s.hold(w.Name, func() (io.ReaderAt, error) {
		data, err := s.model.Data(w)
		return bytes.NewReader(data), err
	})
}

// sparse reads a sparse weight as if it were dense.
func (s *store) sparse(w *graph.Weight) (io.ReaderAt, error) {
	values, err := s.load(w.Sparse.Values)
	if err != nil {
		return nil, err
	}
	indices, err := s.load(w.Sparse.Indices)
	if err != nil {
		return nil, err
	}
	r, err := onnx.SparseReader(w, values, indices)
	if err != nil {
		return nil, &layout.RefusalError{Subject: "tensor " + w.Name, Reason: err.Error(), Remedy: remedyCheck}
	}
	return r, nil
}

// hold makes a reader of a weight's bytes, or takes that of the last call.
func (s *store) hold(name string, make func() (io.ReaderAt, error)) (io.ReaderAt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != name {
		s.last, s.held = "", nil // let go of the old ones first
		r, err := make()
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", name, err)
		}
		s.last, s.held = name, r
	}
	return s.held, nil
}

// load reads all bytes of a weight that is not derived.
func (s *store) load(w *graph.Weight) ([]byte, error) {
	if w.Data != nil {
		return w.Data, nil
	}
	if w.Location == "" {
		return s.model.Data(w)
	}
	data := tensor.Aligned(int(w.Length))
	if _, err := s.files.readAt(w.Location, data, w.Offset); err != nil {
		return nil, fmt.Errorf("read %s: %w", w.Location, err)
	}
	return data, nil
}

// derive registers a weight that is made from another one. A chain of derivations is one with the first weight.
func (s *store) derive(w, from *graph.Weight, f func([]byte) ([]byte, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := derived{from: from, make: f}
	if before, ok := s.derived[from.Name]; ok {
		d.from = before.from
		switch {
		case f == nil:
			d.make = before.make
		case before.make != nil:
			d.make = func(data []byte) ([]byte, error) {
				data, err := before.make(data)
				if err != nil {
					return nil, err
				}
				return f(data)
			}
		}
	}
	s.derived[w.Name] = d
}

// small reads a constant of at most smallBytes into its Data, so that it can be looked at.
func (s *store) small(w *graph.Weight) error {
	if w.Data != nil || w.DType == tensor.String || w.Opaque != nil {
		return nil
	}
	n, err := w.Bytes()
	if err != nil || n > smallBytes {
		return err
	}
	r, err := s.open(w)
	if err != nil {
		return err
	}
	data := tensor.Aligned(int(n))
	if _, err := r.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("tensor %s: %w", w.Name, err)
	}
	w.Data, w.Location, w.Offset, w.Length = data, "", 0, 0
	return nil
}
