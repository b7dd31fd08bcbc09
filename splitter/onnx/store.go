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
	path  string
	file  *os.File
	size  int64
	model *onnx.Model

	mu       sync.Mutex
	external map[string]*os.File // by location; guarded by mu
	derived  map[string]derived  // by weight name; guarded by mu
	last     string              // the weight whose bytes are held, because shards ask for it one after the other
	held     []byte              // guarded by mu, like last
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
	return &store{path: path, file: f, size: size, external: map[string]*os.File{}, derived: map[string]derived{}}, nil
}

// Close closes the model's files.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.file.Close()
	for _, f := range s.external {
		err = errors.Join(err, f.Close())
	}
	return err
}

// locations are the external files that weights lie in, ascending.
func (s *store) locations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sorted(s.external)
}

// attach opens the external file of a weight and checks that the weight lies inside it.
func (s *store) attach(w *graph.Weight) error {
	if w.Location == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.external[w.Location]
	if !ok {
		var err error
		if f, err = onnx.OpenExternal(filepath.Dir(s.path), w.Location); err != nil {
			return &layout.RefusalError{Subject: "tensor " + w.Name, Reason: err.Error(), Remedy: "put the file of external data beside the model, as the exporter wrote it"}
		}
		s.external[w.Location] = f
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("tensor %s: %w", w.Name, err)
	}
	if w.Offset+w.Length > info.Size() {
		return &layout.RefusalError{Subject: "tensor " + w.Name, Remedy: "copy the file again, it was cut off",
			Reason: fmt.Sprintf("bytes %d to %d of %s are wanted, the file has %d", w.Offset, w.Offset+w.Length, w.Location, info.Size())}
	}
	return nil
}

// open reads the row-major bytes of a weight. What has to be decoded or converted first is held in memory until another
// such weight is opened.
func (s *store) open(w *graph.Weight) (io.ReaderAt, error) {
	s.mu.Lock()
	d, isDerived := s.derived[w.Name]
	s.mu.Unlock()
	switch {
	case w.Data != nil:
		return bytes.NewReader(w.Data), nil
	case isDerived && d.make == nil:
		return s.open(d.from)
	case isDerived:
		return s.hold(w.Name, func() ([]byte, error) {
			data, err := s.load(d.from)
			if err != nil {
				return nil, err
			}
			return d.make(data)
		})
	case w.Location != "":
		s.mu.Lock()
		defer s.mu.Unlock()
		return io.NewSectionReader(s.external[w.Location], w.Offset, w.Length), nil
	case w.Length > 0:
		return io.NewSectionReader(s.file, w.Offset, w.Length), nil
	}
	return s.hold(w.Name, func() ([]byte, error) { return s.model.Data(w) })
}

// hold makes a weight's bytes, or takes those of the last call.
func (s *store) hold(name string, load func() ([]byte, error)) (io.ReaderAt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != name {
		s.last, s.held = "", nil // let go of the old ones first
		data, err := load()
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", name, err)
		}
		s.last, s.held = name, data
	}
	return bytes.NewReader(s.held), nil
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
	if _, err := s.external[w.Location].ReadAt(data, w.Offset); err != nil {
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
	if w.Data != nil || w.DType == tensor.String {
		return nil
	}
	n, err := w.Shape.Elements()
	if err != nil || n*w.DType.Size() > smallBytes {
		return err
	}
	r, err := s.open(w)
	if err != nil {
		return err
	}
	data := tensor.Aligned(n * w.DType.Size())
	if _, err := r.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("tensor %s: %w", w.Name, err)
	}
	w.Data, w.Location, w.Offset, w.Length = data, "", 0, 0
	return nil
}
