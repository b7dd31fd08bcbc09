package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// source yields batches of a file. next returns at least one row unless a file without rows has arrays to show, and io.EOF at
// the end; errors name the place in the file, not the file.
type source interface {
	next(maxRows int) (tensor.Named, error)
	// total is the number of rows, -1 when only reading tells.
	total() int64
	// present are the names of the fields that the file has.
	present() []string
}

// input is a file, or bytes that stand for one.
type input interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
}

// held are bytes in memory as an input.
type held struct{ *bytes.Reader }

// Close has nothing to close.
func (held) Close() error { return nil }

// Reader reads a file batch by batch.
type Reader struct {
	path   string
	file   input
	size   int64
	source source
	err    error
}

// Open opens a file of model inputs. Every input of the signature must be there, and nothing else; see Options for
// what may be relaxed.
func Open(path string, format Format, sig manifest.Signature, opt Options) (*Reader, error) {
	s, err := inputSchema(sig)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return open(path, format, s, opt)
}

// OpenExpected opens a file of expected outputs, to compare with. It may hold some of the outputs only, each whole.
// Numeric dtypes are converted to the output's: rounded when the output is a float, exact otherwise.
func OpenExpected(path string, format Format, outputs []manifest.Output) (*Reader, error) {
	s, err := outputSchema(outputs)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return open(path, format, s, Options{})
}

func open(path string, format Format, s *schema, opt Options) (_ *Reader, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read %s: %w", path, err)
		}
	}()
	if opt.Header == HeaderAbsent && !opt.ByPosition {
		return nil, errNameless
	}
	if format, err = format.resolve(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	r := &Reader{path: path, file: file, size: info.Size()}
	r.source, err = newSource(file, r.size, format, s, opt)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// OpenBytes opens the bytes of a file of model inputs, or of a piece of one that stands by itself, as Open does. name stands
// in errors; data must not change while the reader is used.
func OpenBytes(name string, data []byte, format Format, sig manifest.Signature, opt Options) (*Reader, error) {
	fail := func(err error) (*Reader, error) { return nil, fmt.Errorf("read %s: %w", name, err) }
	s, err := inputSchema(sig)
	if err != nil {
		return fail(err)
	}
	if opt.Header == HeaderAbsent && !opt.ByPosition {
		return fail(errNameless)
	}
	r := &Reader{path: name, file: held{bytes.NewReader(data)}, size: int64(len(data))}
	if r.source, err = newSource(r.file, r.size, format, s, opt); err != nil {
		return fail(err)
	}
	return r, nil
}

// errNameless refuses to match columns by names that are not there.
var errNameless = errors.New("a file without column names can only be read by position")

func newSource(file input, size int64, format Format, s *schema, opt Options) (source, error) {
	switch format {
	case CSV:
		return newCSV(file, s, opt)
	case JSONLines:
		return newJSONLines(file, s, opt)
	case JSON:
		return newJSON(file, s, opt)
	case NPY:
		return newNPY(file, size, s)
	case NPZ:
		return newNPZ(file, size, s, opt)
	}
	return newSafetensors(file, size, s, opt)
}

// Next returns up to maxRows further rows, at least one, by input or output name; io.EOF when there are none left. Inputs
// without a batch dimension come whole with every batch. A file without any row of a model without batch dimension
// yields its arrays once. The tensors belong to the caller. After an error every call returns it again.
func (r *Reader) Next(maxRows int) (tensor.Named, error) {
	if r.err != nil {
		return nil, r.err
	}
	if maxRows < 1 {
		return nil, fmt.Errorf("read %s: a batch of %d rows is none", r.path, maxRows)
	}
	n, err := r.source.next(maxRows)
	if err == io.EOF {
		r.err = io.EOF
		return nil, r.err
	}
	if err != nil {
		r.err = fmt.Errorf("read %s: %w", r.path, err)
		return nil, r.err
	}
	return n, nil
}

// Rows is the number of rows of the file, and whether it is known before all has been read: not so for CSV, JSON Lines
// and JSON arrays.
func (r *Reader) Rows() (int64, bool) {
	n := r.source.total()
	return max(n, 0), n >= 0
}

// Names are the inputs or outputs that the file holds, in the signature's order.
func (r *Reader) Names() []string { return r.source.present() }

// Progress is how many bytes of the file have been read, and its size: for formats that do not tell their rows.
func (r *Reader) Progress() (done, total int64) {
	at, err := r.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, r.size
	}
	return at, r.size
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }
