package xgboost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// Open reads the model file once and returns its ensemble as a source. The caller closes it. The file must not change
// until then. Errors are *FormatError, *layout.RefusalError, or the file system's.
func Open(path string) (forest.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open xgboost model: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open xgboost model: %w", err), f.Close())
	}
	s, err := newSource(f, info.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.ensemble.File, s.close = filepath.Base(path), f.Close
	return s, nil
}

// source is an indexed model file.
type source struct {
	r        io.ReaderAt
	binary   bool
	doc      *document
	ensemble *forest.Ensemble
	again    *decoder // reads single trees; its buffers are reused
	close    func() error
}

// newSource indexes a model of size bytes.
func newSource(r io.ReaderAt, size int64) (*source, error) {
	s := &source{r: r, doc: newDocument(), close: func() error { return nil }}
	head := make([]byte, min(size, 64))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, &FormatError{Reason: "cannot read", Err: err}
	}
	format := "xgboost json"
	switch {
	case bytes.HasPrefix(head, []byte("{L")) || bytes.HasPrefix(head, []byte("{i")):
		s.binary, format = true, "xgboost ubjson"
	case !bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{")):
		return nil, refuseOther(head)
	}
	d := s.decoder(0, size)
	s.doc.reread = s.decoder
	if err := s.doc.read(d); err != nil {
		return nil, err
	}
	if err := trailing(d, size); err != nil {
		return nil, err
	}
	e, err := s.doc.ensemble()
	if err != nil {
		return nil, err
	}
	e.Format, s.ensemble = format, e
	return s, nil
}

// decoder starts at byte start; nothing from byte end on is read.
func (s *source) decoder(start, end int64) *decoder {
	if s.binary {
		u := &ubjStream{}
		u.reset(s.r, start, end)
		return &decoder{s: u}
	}
	j := &jsonStream{}
	j.reset(s.r, start, end)
	return &decoder{s: j}
}

// trailing allows white space behind the document and nothing else.
func trailing(d *decoder, size int64) error {
	var in *input
	switch s := d.s.(type) {
	case *ubjStream:
		in = &s.input
	case *jsonStream:
		in = &s.input
	}
	for in.offset() < size {
		c, err := in.byte()
		if err != nil {
			return err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return in.fail("there are bytes behind the end of the document")
		}
	}
	return nil
}

// refuseOther refuses what is neither JSON nor UBJSON, by name where it is known.
func refuseOther(head []byte) error {
	format := "neither JSON nor UBJSON"
	switch {
	case bytes.HasPrefix(head, []byte("binf")), bytes.HasPrefix(head, []byte("bs64")), bytes.Contains(head, []byte("binf")):
		format = "the binary format that XGBoost 3.1 gave up"
	case len(head) > 1 && head[0] == 0x80 && head[1] <= 5:
		format = "a Python pickle"
	case bytes.HasPrefix(head, []byte("CONFIG-offset:")):
		format = "a memory snapshot"
	}
	return &layout.RefusalError{Subject: "xgboost model", Reason: "is " + format, Remedy: `load it in XGBoost and save it with save_model("model.json")`}
}

// Ensemble is the indexed ensemble.
func (s *source) Ensemble() *forest.Ensemble { return s.ensemble }

// Tree reads tree i again.
func (s *source) Tree(i int, dst *forest.Tree) error {
	rec := s.doc.records[i]
	if s.again == nil {
		s.again = s.decoder(rec.start, rec.end)
	}
	s.again.aim(s.r, rec)
	s.again.path = append(s.again.path[:0], "learner", "gradient_booster", "model", "trees", "["+strconv.Itoa(i)+"]")
	trees := &s.doc.trees
	trees.scalar = rec.outputs == 1
	outputs, err := trees.decode(s.again, dst)
	if err != nil {
		return err
	}
	if outputs != rec.outputs || len(dst.Left) != s.ensemble.Trees[i].Nodes {
		return s.again.fail("the tree is not what it was when the file was first read; it has changed meanwhile")
	}
	if len(s.doc.drop) > 0 {
		w := s.doc.drop[i]
		for k, v := range dst.Values {
			dst.Values[k] = v * w
		}
	}
	return nil
}

// aim puts the decoder at the beginning of a tree, its buffers kept.
func (d *decoder) aim(r io.ReaderAt, rec record) {
	switch s := d.s.(type) {
	case *ubjStream:
		s.reset(r, rec.start, rec.end)
		s.open, s.value = s.open[:0], false
	case *jsonStream:
		s.reset(r, rec.start, rec.end)
		s.open, s.after, s.colon = s.open[:0], false, false
	}
}

// Close closes the file.
func (s *source) Close() error { return s.close() }
