package local

import (
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

// maxChunkRows bounds the rows of one request: small enough that a chunk takes seconds at most with thousands of
// trees, large enough that the invocation's own cost vanishes.
const maxChunkRows = 8192

// reserveBytes of a payload are kept for everything but tensors, the report above all.
const reserveBytes = 512 << 10

// unknownBytes is the guess for an element whose size is not fixed; a wrong guess costs a refused request, no more.
const unknownBytes = 64

// ChunkRows is how many rows are sent in one request so that request and reply fit into Lambda's limits.
func ChunkRows(s manifest.Signature, outputs []manifest.Output) int {
	var in, out int
	for _, i := range s.Inputs {
		d := i.DType
		for _, other := range i.Accepts {
			if other.Size() > d.Size() {
				d = other
			}
		}
		in += rowBytes(&s, d, i.Shape)
	}
	for _, o := range outputs {
		out += rowBytes(&s, o.DType, o.Shape)
	}
	fit := func(limit, perRow int) int { return (limit - reserveBytes) / 4 * 3 / max(perRow, 1) }
	return max(1, min(maxChunkRows, fit(wire.MaxRequest, in), fit(wire.MaxReply, out)))
}

// rowBytes is the size of one row of a batched value. A symbolic dimension counts as one.
func rowBytes(s *manifest.Signature, d tensor.DType, shape []manifest.Dim) int {
	n := d.Size()
	if n == 0 {
		n = unknownBytes
	}
	if !s.Batched(shape) {
		return 0
	}
	for _, dim := range shape[1:] {
		if dim.Name == "" && dim.Size > 0 {
			n = min(n*dim.Size, wire.MaxRequest)
		}
	}
	return n
}

// halves cuts the batched inputs into two at the middle row; inputs without rows go with both. ok is false when there
// is nothing to cut.
func halves(m *manifest.Manifest, in tensor.Named) (first, second tensor.Named, ok bool, err error) {
	rows := rowsOf(m, in)
	if rows < 2 {
		return nil, nil, false, nil
	}
	first, second = tensor.Named{}, tensor.Named{}
	for name, t := range in {
		first[name], second[name] = t, t
	}
	for i := range m.Signature.Inputs {
		spec := &m.Signature.Inputs[i]
		t := in[spec.Name]
		if !m.Signature.Batched(spec.Shape) || t == nil || t.Rank() == 0 {
			continue
		}
		if first[spec.Name], err = t.Rows(0, rows/2); err != nil {
			return nil, nil, false, err
		}
		if second[spec.Name], err = t.Rows(rows/2, rows); err != nil {
			return nil, nil, false, err
		}
	}
	return first, second, true, nil
}
