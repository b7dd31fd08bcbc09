package dataset

import (
	"errors"
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// firstRows is how many rows a batch has room for before it grows.
const firstRows = 256

// builder collects rows of one field, element by element. Its buffer goes to the tensor that finish makes.
type builder struct {
	f    *field
	data []byte
	strs []string
	rows int
}

// extend makes room for n more rows of zeros (empty strings).
func (b *builder) extend(n int) error {
	b.rows += n
	if b.f.dtype == tensor.String {
		for len(b.strs) < b.rows*b.f.width {
			b.strs = append(b.strs, "")
		}
		return nil
	}
	size := b.f.width * b.f.dtype.Size()
	if size > 0 && b.rows > (1<<40)/size {
		return fmt.Errorf("%d rows of %d bytes are too many for one batch", b.rows, size)
	}
	need := b.rows * size
	if need <= cap(b.data) {
		b.data = b.data[:need]
		return nil
	}
	room := max(need, 2*cap(b.data), min(firstRows*size, 1<<20))
	data := tensor.Aligned(room)[:need]
	copy(data, b.data)
	b.data = data
	return nil
}

// set stores the element at of row. Callers have extended the builder.
func (b *builder) set(row, at int, text []byte) error {
	i := row*b.f.width + at
	if b.f.dtype == tensor.String {
		b.strs[i] = string(text)
		return nil
	}
	size := b.f.dtype.Size()
	isMissing, err := element(b.data[i*size:(i+1)*size], b.f.dtype, text)
	if err != nil {
		return b.f.explain(at, err)
	}
	if isMissing && !b.f.missing && len(trim(text)) == 0 { // NaN is a number like others to such a model
		return errors.New(missingFault(b.f.name, b.f.dtype))
	}
	return nil
}

// finish makes the tensor and empties the builder.
func (b *builder) finish() (*tensor.Tensor, error) {
	shape := append(tensor.Shape{b.rows}, b.f.row...)
	data, strs := b.data, b.strs
	b.data, b.strs, b.rows = nil, nil, 0
	if b.f.dtype == tensor.String {
		return tensor.FromStrings(shape, strs)
	}
	return tensor.FromBytes(b.f.dtype, shape, data)
}
