package shardfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Writer writes a weights file front to back without holding any tensor. It is not safe for concurrent use. After an
// error every further call returns that error, and the file is worthless.
type Writer struct {
	plan *plan
	out  *sumWriter
	done int // entries written
	next int // declared tensors written
	err  error
}

// Summary is what the manifest records of a finished file: its size, SHA-256 (hex) and table of checksums.
type Summary struct {
	Bytes  int64
	SHA256 string
	Chunks manifest.Chunks
}

// NewWriter lays out the file and writes its header to w at once. The tensors' bytes then follow in the declared order,
// one WriteTensor each. Names must be unique, not empty and none of the file's own; meta, which may be nil, must not use them
// as keys. The same arguments and bytes give the same file.
func NewWriter(w io.Writer, tensors []Declared, meta map[string]string) (*Writer, error) {
	p, err := newPlan(tensors, meta)
	if err != nil {
		return nil, fmt.Errorf("write weights: %w", err)
	}
	out := newSumWriter(w)
	if _, err := out.Write(p.header); err != nil {
		return nil, fmt.Errorf("write weights: header: %w", err)
	}
	p.header = nil
	return &Writer{plan: p, out: out}, nil
}

// WriteTensor writes the next declared tensor: write must write exactly its bytes, row-major little-endian.
func (w *Writer) WriteTensor(write func(io.Writer) error) error {
	if w.err != nil {
		return w.err
	}
	if w.next == len(w.plan.tensors) {
		return w.fail(fmt.Errorf("write weights: all %d declared tensors have been written", w.next))
	}
	index := w.plan.tensors[w.next]
	if err := w.pads(index); err != nil {
		return w.fail(err)
	}
	e := &w.plan.entries[index]
	out := &exactWriter{out: w.out, entry: e, left: e.End - e.Begin}
	if err := write(out); err != nil {
		return w.fail(fmt.Errorf("write weights: tensor %q: %w", e.Name, err))
	}
	switch {
	case out.err != nil: // the callback may have dropped it
		return w.fail(fmt.Errorf("write weights: tensor %q: %w", e.Name, out.err))
	case out.left != 0:
		return w.fail(fmt.Errorf("write weights: tensor %q: %d of %d bytes are missing", e.Name, out.left, e.End-e.Begin))
	}
	w.done, w.next = index+1, w.next+1
	return nil
}

// Close writes the last padding and the table of checksums. It fails when declared tensors are missing. It does not
// close the underlying writer.
func (w *Writer) Close() (Summary, error) {
	if w.err != nil {
		return Summary{}, w.err
	}
	if missing := len(w.plan.tensors) - w.next; missing > 0 {
		return Summary{}, w.fail(fmt.Errorf("write weights: %d of %d declared tensors were not written", missing, len(w.plan.tensors)))
	}
	table := len(w.plan.entries) - 1
	if err := w.pads(table); err != nil {
		return Summary{}, w.fail(err)
	}
	sums := w.out.chunks()
	if e := &w.plan.entries[table]; len(sums) != e.End-e.Begin {
		return Summary{}, w.fail(fmt.Errorf("write weights: the table has %d bytes where %d are declared", len(sums), e.End-e.Begin))
	}
	if _, err := w.out.Write(sums); err != nil {
		return Summary{}, w.fail(fmt.Errorf("write weights: table: %w", err))
	}
	hash := sha256.Sum256(sums)
	s := Summary{Bytes: w.out.n, SHA256: hex.EncodeToString(w.out.sha.Sum(nil)),
		Chunks: manifest.Chunks{Tensor: tableName, Size: chunkSize, SHA256: hex.EncodeToString(hash[:])}}
	w.err = errors.New("write weights: the writer is closed")
	return s, nil
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}

// pads writes the pad entries up to entry index.
func (w *Writer) pads(index int) error {
	var zeros [tensorAlign]byte
	for ; w.done < index; w.done++ {
		e := &w.plan.entries[w.done]
		if _, err := w.out.Write(zeros[:e.End-e.Begin]); err != nil {
			return fmt.Errorf("write weights: padding: %w", err)
		}
	}
	return nil
}

// exactWriter passes exactly the bytes of one tensor.
type exactWriter struct {
	out   io.Writer
	entry *tensor.Entry
	left  int
	err   error
}

func (w *exactWriter) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if len(b) > w.left {
		w.err = fmt.Errorf("more than the declared %d bytes of %v%v", w.entry.End-w.entry.Begin, w.entry.DType, w.entry.Shape)
		return 0, w.err
	}
	if w.entry.DType == tensor.Bool {
		for _, v := range b {
			if v > 1 {
				w.err = fmt.Errorf("byte %d is no bool: 0 or 1 is", v)
				return 0, w.err
			}
		}
	}
	n, err := w.out.Write(b)
	w.left -= n
	w.err = err
	return n, err
}
