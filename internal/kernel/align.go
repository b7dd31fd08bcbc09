package kernel

import (
	"sync"
	"unsafe"
)

// alignment is what gonum's SSE loops align to.
const alignment = 16

// align returns the rows of x at a stride that keeps each aligned: x itself when it is so already, else a copy in scratch,
// which goes back to the pool after use.
func align[T Float](pool *sync.Pool, x []T, m, k int) (rows []T, stride int, scratch *[]T) {
	per := alignment / int(unsafe.Sizeof(x[0]))
	if k%per == 0 && aligned(x) {
		return x, k, nil
	}
	stride = (k + per - 1) / per * per
	scratch, _ = pool.Get().(*[]T)
	if scratch == nil || cap(*scratch) < m*stride+per {
		b := make([]T, m*stride+per)
		scratch = &b
	}
	rows = (*scratch)[:m*stride+per]
	for !aligned(rows) {
		rows = rows[1:]
	}
	for i := range m {
		copy(rows[i*stride:], x[i*k:(i+1)*k])
	}
	return rows, stride, scratch
}

func aligned[T Float](x []T) bool { return uintptr(unsafe.Pointer(&x[0]))%alignment == 0 }
