package onnx

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// maxDecodedSparse bounds a sparse tensor that Decode makes dense in memory; files of a few bytes can ask for any size.
const maxDecodedSparse = 16 << 20

// sparse reads a SparseTensorProto: its name is that of its values.
func (p *parser) sparse(f field, name string) (*graph.Weight, error) {
	if err := p.c.item(f, name); err != nil {
		return nil, err
	}
	var s graph.Sparse
	var shape tensor.Shape
	err := p.c.each(f.body, name, func(f field) (err error) {
		switch f.num {
		case sparseValues:
			s.Values, err = p.tensor(f, name+".values")
		case sparseIndices:
			s.Indices, err = p.tensor(f, name+".indices")
		case sparseDims:
			err = p.dims(f, &shape, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	w, reason := sparseWeight(s, shape)
	if reason != "" {
		return nil, &FormatError{Offset: f.off, Field: name, Reason: reason}
	}
	if !p.load {
		return w, nil
	}
	return w, p.densify(f, w, name)
}

// sparseWeight checks the parts against each other; the reason says what does not fit.
func sparseWeight(s graph.Sparse, shape tensor.Shape) (*graph.Weight, string) {
	if s.Values == nil || s.Indices == nil {
		return nil, "its values or indices are missing"
	}
	w := &graph.Weight{Name: s.Values.Name, DType: s.Values.DType, Opaque: s.Values.Opaque, Shape: shape, Sparse: &s}
	n, err := shape.Elements()
	if err != nil {
		return nil, err.Error()
	}
	if _, err := w.Bytes(); err != nil {
		return nil, err.Error()
	}
	if w.DType == tensor.String {
		return nil, fmt.Sprintf("%q: sparse tensors of strings are not defined", w.Name)
	}
	if len(s.Values.Shape) != 1 || s.Values.Shape[0] > n {
		return nil, fmt.Sprintf("%q has values of shape %v for %d elements, wanted a vector of at most as many", w.Name, s.Values.Shape, n)
	}
	count := s.Values.Shape[0]
	linear := s.Indices.Shape.Equal(tensor.Shape{count})
	if s.Indices.DType != tensor.I64 || !linear && !s.Indices.Shape.Equal(tensor.Shape{count, len(shape)}) {
		return nil, fmt.Sprintf("%q has indices %s%v for %d values of shape %v, wanted I64 [%d] or [%d, %d]", w.Name, s.Indices.Type(), s.Indices.Shape,
			count, shape, count, count, len(shape))
	}
	return w, ""
}

// densify gives a sparse weight of a small file its bytes.
func (p *parser) densify(f field, w *graph.Weight, name string) error {
	size, err := w.Bytes()
	if err != nil || size > maxDecodedSparse || w.Opaque != nil || w.Sparse.Values.Location != "" || w.Sparse.Indices.Location != "" {
		return &UnsupportedError{Subject: name + " " + strconv.Quote(w.Name), Reason: fmt.Sprintf("sparse, with %d bytes when dense: programs hold it dense, in a file of weights", size)}
	}
	r, err := SparseReader(w, w.Sparse.Values.Data, w.Sparse.Indices.Data)
	if err != nil {
		return &FormatError{Offset: f.off, Field: name, Reason: err.Error()}
	}
	w.Sparse, w.Data = nil, tensor.Aligned(int(size))
	if _, err := r.ReadAt(w.Data, 0); err != nil {
		return err
	}
	return checkBools(w)
}

// SparseReader reads the row-major bytes of a sparse weight as if it were dense, without ever holding them. Values and
// indices are the little-endian bytes of w.Sparse.Values and w.Sparse.Indices, which the reader keeps. It fails when an index
// lies outside the shape, or when indices do not ascend, as ONNX demands. It is safe for concurrent use.
func SparseReader(w *graph.Weight, values, indices []byte) (io.ReaderAt, error) {
	size := w.DType.Size()
	total, err := w.Bytes()
	if err != nil || size == 0 {
		return nil, fmt.Errorf("sparse tensor %q of %s cannot be made dense", w.Name, w.Type())
	}
	count := w.Sparse.Values.Shape[0]
	if len(values) != count*size || len(indices)%8 != 0 {
		return nil, fmt.Errorf("sparse tensor %q: %d bytes of values and %d of indices for %d values", w.Name, len(values), len(indices), count)
	}
	r := &sparseReader{size: int64(size), total: total, values: values, positions: make([]int64, count)}
	width := len(w.Sparse.Indices.Shape)
	for i := range r.positions {
		at, err := position(w.Shape, indices, i, width)
		if err != nil {
			return nil, fmt.Errorf("sparse tensor %q: %w", w.Name, err)
		}
		if i > 0 && at <= r.positions[i-1] {
			return nil, fmt.Errorf("sparse tensor %q: index %d does not ascend", w.Name, i)
		}
		r.positions[i] = at
	}
	return r, nil
}

// position is the row-major position of value i. Indices of rank 1 are positions, those of rank 2 coordinates.
func position(shape tensor.Shape, indices []byte, i, rank int) (int64, error) {
	at := func(j int) int64 { return int64(binary.LittleEndian.Uint64(indices[8*j:])) }
	if rank == 1 {
		n, err := shape.Elements()
		if v := at(i); err == nil && (v < 0 || v >= int64(n)) {
			err = fmt.Errorf("index %d is %d, the shape %v has %d elements", i, v, shape, n)
		}
		return at(i), err
	}
	p := int64(0)
	for d, size := range shape {
		v := at(i*len(shape) + d)
		if v < 0 || v >= int64(size) {
			return 0, fmt.Errorf("index %d is %d along dimension %d of %v", i, v, d, shape)
		}
		p = p*int64(size) + v
	}
	return p, nil
}

type sparseReader struct {
	size, total int64
	values      []byte
	positions   []int64 // of the values, ascending
}

// ReadAt implements io.ReaderAt.
func (r *sparseReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d of a sparse tensor", off)
	}
	if off >= r.total {
		return 0, io.EOF
	}
	n := min(int64(len(p)), r.total-off)
	clear(p[:n])
	first := sort.Search(len(r.positions), func(i int) bool { return r.positions[i]*r.size+r.size > off })
	for i := first; i < len(r.positions) && r.positions[i]*r.size < off+n; i++ {
		value := r.values[int64(i)*r.size:][:r.size]
		to := r.positions[i]*r.size - off
		if to < 0 { // the read begins inside the value
			value, to = value[-to:], 0
		}
		copy(p[to:n], value)
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// dims reads one field of repeated dimensions.
func (p *parser) dims(f field, to *tensor.Shape, name string) error {
	return p.c.numbers(f, protowire.VarintType, name+".dims", func(v uint64) error {
		if v > math.MaxInt64/2 || len(*to) >= maxRank {
			return &FormatError{Offset: f.off, Field: name + ".dims", Reason: fmt.Sprintf("%d is no dimension, or there are more than %d", int64(v), maxRank)}
		}
		*to = append(*to, int(v))
		return nil
	})
}
