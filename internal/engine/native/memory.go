package native

import (
	"unsafe"

	"github.com/shardwise/shardwise/internal/tensor"
)

// memory hands out buffers to a run that follows no layout, and takes each back when no value of the run uses it. It
// keeps the buffers between runs. It is not safe for concurrent use.
type memory struct {
	free   [][]byte
	cells  []cell
	budget *budget
}

// cell is one tensor of the run: held counts the values that view it.
type cell struct {
	tensor     *tensor.Tensor
	buffer     []byte // nil when the tensor is the caller's, or when the buffer has been taken back
	own        bool   // the tensor may be handed to the caller
	bytes      int    // in the budget
	held       int32
	begin, end int32
}

// alloc makes a tensor of undefined contents: one of its own, or in the smallest free buffer that fits, or a new one.
func (m *memory) alloc(d tensor.DType, shape tensor.Shape, own bool, step int32) *tensor.Tensor {
	n, err := shape.Elements()
	if err != nil || d.Size() == 0 || n > (1<<62)/d.Size() {
		panic("native: New wants a fixed-size dtype and a valid shape")
	}
	need := n * d.Size()
	m.budget.mustHold(d, shape, need)
	c := cell{own: own || n == 0, bytes: need, begin: step, end: -1}
	if c.own {
		c.tensor = tensor.New(d, shape...)
	} else {
		c.buffer = m.buffer(need)
		if c.tensor, err = tensor.FromBytes(d, shape, c.buffer[:need:need]); err != nil {
			panic("native: " + err.Error())
		}
	}
	m.cells = append(m.cells, c)
	return c.tensor
}

func (m *memory) buffer(need int) []byte {
	best := -1
	for i, b := range m.free {
		if cap(b) >= need && (best < 0 || cap(b) < cap(m.free[best])) {
			best = i
		}
	}
	if best < 0 {
		return tensor.Aligned(need)
	}
	b := m.free[best]
	m.free[best] = m.free[len(m.free)-1]
	m.free = m.free[:len(m.free)-1]
	return b
}

// drop notes that a value of the cell is dead, and takes the buffer back with the last one.
func (m *memory) drop(i int32, step int32) {
	c := &m.cells[i]
	if c.held--; c.held <= 0 {
		m.take(c, step)
	}
}

func (m *memory) take(c *cell, step int32) {
	c.end = step
	m.budget.release(c.bytes)
	c.bytes = 0
	if c.buffer != nil {
		m.free = append(m.free, c.buffer[:cap(c.buffer)])
		c.buffer = nil
	}
}

// sweep takes back the scratch space of a step: the cells from the given one on that no value holds.
func (m *memory) sweep(from int, step int32) {
	for i := from; i < len(m.cells); i++ {
		if c := &m.cells[i]; c.held == 0 && c.end < 0 {
			m.take(c, step)
		}
	}
}

// reset takes everything back.
func (m *memory) reset() {
	for i := range m.cells {
		m.take(&m.cells[i], 0)
	}
	clear(m.cells)
	m.cells = m.cells[:0]
}

// overlaps reports whether two tensors share memory.
func overlaps(a, b *tensor.Tensor) bool {
	if a == b {
		return true
	}
	if x, y := a.Offsets(), b.Offsets(); len(x) > 0 && len(y) > 0 && &x[0] == &y[0] {
		return true
	}
	x, y := a.Bytes(), b.Bytes()
	if len(x) == 0 || len(y) == 0 {
		return false
	}
	xp, yp := uintptr(unsafe.Pointer(&x[0])), uintptr(unsafe.Pointer(&y[0]))
	return xp < yp+uintptr(len(y)) && yp < xp+uintptr(len(x))
}
