package native

import (
	"unsafe"

	"github.com/shardwise/shardwise/internal/tensor"
)

// arena hands out buffers for one run and takes them back when no value of the run uses them. Between runs it waits in
// the program's pool. It is not safe for concurrent use.
type arena struct {
	free  [][]byte
	inUse map[*byte]*buffer
}

// buffer is one buffer in use: held counts the values that view it.
type buffer struct {
	data []byte
	held int
}

// alloc makes a tensor of undefined contents in the smallest free buffer that fits, or a new one.
func (a *arena) alloc(d tensor.DType, shape tensor.Shape) *tensor.Tensor {
	n, err := shape.Elements()
	if err != nil || d.Size() == 0 || n > (1<<62)/d.Size() {
		panic("native: New wants a fixed-size dtype and a valid shape")
	}
	need := n * d.Size()
	if need == 0 {
		return tensor.New(d, shape...)
	}
	best := -1
	for i, b := range a.free {
		if cap(b) >= need && (best < 0 || cap(b) < cap(a.free[best])) {
			best = i
		}
	}
	var data []byte
	if best >= 0 {
		data = a.free[best]
		a.free[best] = a.free[len(a.free)-1]
		a.free = a.free[:len(a.free)-1]
	} else {
		data = tensor.Aligned(need)
	}
	a.inUse[unsafe.SliceData(data)] = &buffer{data: data}
	t, err := tensor.FromBytes(d, shape, data[:need:need])
	if err != nil {
		panic("native: " + err.Error())
	}
	return t
}

// owns finds the arena's buffer that the tensor views, nil when it is somebody else's.
func (a *arena) owns(t *tensor.Tensor) *buffer {
	if len(t.Bytes()) == 0 {
		return nil
	}
	if b := a.inUse[unsafe.SliceData(t.Bytes())]; b != nil {
		return b
	}
	// A view may begin inside a buffer.
	at := uintptr(unsafe.Pointer(unsafe.SliceData(t.Bytes())))
	for start, b := range a.inUse {
		if lo := uintptr(unsafe.Pointer(start)); at >= lo && at < lo+uintptr(cap(b.data)) {
			return b
		}
	}
	return nil
}

// hold notes that a value views the tensor's buffer.
func (a *arena) hold(t *tensor.Tensor) {
	if b := a.owns(t); b != nil {
		b.held++
	}
}

// drop notes that a value is dead, and takes the buffer back with its last one.
func (a *arena) drop(t *tensor.Tensor) {
	b := a.owns(t)
	if b == nil {
		return
	}
	if b.held--; b.held <= 0 {
		a.take(b)
	}
}

func (a *arena) take(b *buffer) {
	delete(a.inUse, unsafe.SliceData(b.data))
	a.free = append(a.free, b.data[:cap(b.data)])
}

// sweep takes back the scratch space that no value holds.
func (a *arena) sweep() {
	for _, b := range a.inUse {
		if b.held == 0 {
			a.take(b)
		}
	}
}

// reset takes everything back.
func (a *arena) reset() {
	for _, b := range a.inUse {
		a.take(b)
	}
}
