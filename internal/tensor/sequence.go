package tensor

import "slices"

// Sequence makes a value that is a list of tensors, for the values inside a program that are no tensors: its dtype is
// Invalid, and it has neither shape nor bytes. It keeps items, which must not be changed afterwards. Nothing that leaves a
// program may be one.
func Sequence(items []*Tensor) *Tensor {
	if items == nil {
		items = []*Tensor{}
	}
	return &Tensor{items: items}
}

// Items are the tensors of a Sequence, read-only; ok is false for a tensor.
func (t *Tensor) Items() (items []*Tensor, ok bool) { return t.items, t.items != nil }

// Clone is a copy that shares nothing with t. A Sequence is immutable, and its clone is itself.
func (t *Tensor) Clone() *Tensor {
	if t.items != nil {
		return t
	}
	c := &Tensor{dtype: t.dtype, shape: t.shape.Clone(), n: t.n, offsets: slices.Clone(t.offsets), data: Aligned(len(t.data))}
	copy(c.data, t.data)
	return c
}
