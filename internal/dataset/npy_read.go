package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/tensor"
)

// readStep bounds what is allocated before bytes have really come: a header may claim more than there is.
const readStep = 16 << 20

// readAligned reads exactly n bytes into a fresh buffer that is aligned for every dtype.
func readAligned(r io.Reader, n int) ([]byte, error) {
	buf := tensor.Aligned(min(n, readStep))
	for at := 0; ; {
		m, err := io.ReadFull(r, buf[at:])
		at += m
		if err != nil {
			return nil, fmt.Errorf("it is truncated: %d of %d bytes are missing: %w", n-at, n, err)
		}
		if at == n {
			return buf, nil
		}
		longer := tensor.Aligned(min(n, 2*len(buf)))
		copy(longer, buf)
		buf = longer
	}
}

// reverseBytes turns big-endian elements into little-endian ones.
func reverseBytes(b []byte, size int) {
	for at := 0; at < len(b); at += size {
		for i, j := at, at+size-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}

// npyStream is an array in C order, read front to back.
type npyStream struct {
	h  npyHeader
	in io.Reader
}

func (a *npyStream) dtype() tensor.DType { return a.h.dtype }
func (a *npyStream) shape() tensor.Shape { return a.h.shape }

func (a *npyStream) read(lo, hi int) (*tensor.Tensor, error) {
	shape := a.h.shape
	if hi >= 0 {
		shape = append(tensor.Shape{hi - lo}, shape[1:]...)
	}
	n, err := shape.Elements()
	if err != nil {
		return nil, err
	}
	data, err := readAligned(a.in, n*a.h.dtype.Size())
	if err != nil {
		return nil, err
	}
	if a.h.swap {
		reverseBytes(data, a.h.dtype.Size())
	}
	return tensor.FromBytes(a.h.dtype, shape, data)
}

// done makes sure that nothing follows; reading to the end also lets zip verify its checksum.
func (a *npyStream) done() error {
	var one [1]byte
	n, err := io.ReadFull(a.in, one[:])
	if n > 0 {
		return errors.New("bytes follow the array's data")
	}
	if err != io.EOF {
		return err
	}
	return nil
}

// npyFortran is an array in Fortran order, as pandas frames are saved: for each place in a row, the rows' values lie
// together. A batch gathers its part of each.
type npyFortran struct {
	h    npyHeader
	in   io.ReaderAt
	data int64 // where the data begins
}

func (a *npyFortran) dtype() tensor.DType { return a.h.dtype }
func (a *npyFortran) shape() tensor.Shape { return a.h.shape }
func (a *npyFortran) done() error         { return nil }

func (a *npyFortran) read(lo, hi int) (*tensor.Tensor, error) {
	if hi < 0 {
		if len(a.h.shape) == 0 {
			hi = 1
		} else {
			hi = a.h.shape[0]
		}
	}
	shape, rows, size := a.h.shape, hi-lo, a.h.dtype.Size()
	if len(shape) > 0 {
		shape = append(tensor.Shape{rows}, shape[1:]...)
	}
	n, err := shape.Elements()
	if err != nil {
		return nil, err
	}
	out := tensor.Aligned(n * size)
	if n == 0 {
		return tensor.FromBytes(a.h.dtype, shape, out)
	}
	run := make([]byte, rows*size)
	total := 1
	if len(a.h.shape) > 0 {
		total = a.h.shape[0]
	}
	width := n / rows
	for j := range width {
		if err := readAt(a.in, run, a.data+(int64(j)*int64(total)+int64(lo))*int64(size)); err != nil {
			return nil, err
		}
		to := fortranToC(j, a.h.shape)
		for i := range rows {
			copy(out[(i*width+to)*size:][:size], run[i*size:])
		}
	}
	if a.h.swap {
		reverseBytes(out, size)
	}
	return tensor.FromBytes(a.h.dtype, shape, out)
}

// fortranToC turns place j of a row, first dimension fastest, into its row-major place.
func fortranToC(j int, shape tensor.Shape) int {
	if len(shape) < 3 {
		return j
	}
	to, stride := 0, 1
	for _, d := range shape[1:] {
		stride *= d
	}
	for _, d := range shape[1:] {
		stride /= d
		to += j % d * stride
		j /= d
	}
	return to
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	return fmt.Errorf("it is truncated: %d bytes are missing at %d: %w", len(b)-n, at+int64(n), err)
}

// newNPY reads the only input of a model.
func newNPY(file input, size int64, s *schema) (source, error) {
	if len(s.fields) != 1 {
		return nil, fmt.Errorf("npy holds one array, the model has %d %ss: use npz or safetensors", len(s.fields), s.kind)
	}
	in := bufio.NewReaderSize(file, readBuffer)
	h, at, err := readNPYHeader(in)
	if err != nil {
		return nil, err
	}
	n, err := h.shape.Elements()
	if err != nil {
		return nil, err
	}
	if want := int64(at) + int64(n)*int64(h.dtype.Size()); size != want {
		return nil, fmt.Errorf("it has %d bytes where %v%v needs %d: truncated, or not one array", size, h.dtype, h.shape, want)
	}
	a := &arraySource{s: s, rows: -1}
	var arr array = &npyStream{h, in}
	if h.fortran {
		arr = &npyFortran{h, file, int64(at)}
	}
	return a, a.add(s.fields[0], arr, map[string]int{})
}
