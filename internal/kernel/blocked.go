package kernel

import (
	"sync"
	"unsafe"
)

const (
	// blockBytes is how many bytes of weights a block has, so that they stay in a core's second-level cache while the rows
	// of a batch pass over them.
	blockBytes = 128 << 10
	// blockColumns is how many columns of a result are computed at a time, so that their sums stay in the first-level cache.
	blockColumns = 2048
	// rowStep and blockStep are what the bounds of blocks of weights' rows and of columns are multiples of, so that unrolled
	// loops (8 rows, 16 columns) fall on the same ones however they are cut.
	rowStep   = 8
	blockStep = 64
	// parallelWork is the number of multiplications from which a second goroutine pays (about 30 us of work).
	parallelWork = 1 << 19
)

// Blocked is the implementation of Dense: by blocks of weights that stay in the cache, on gonum's Gemv. Products of float32
// on x86-64 take vector functions instead, which give Gemv's bits. The zero value is ready; it is safe for concurrent use and
// must not be copied after the first use.
type Blocked[T Float] struct {
	aligned sync.Pool // *[]T, for rows that are not aligned
	packed  sync.Pool // *[]float32, for blocks of weights
}

// Mul implements Dense. The products of an element are added in the order of k.
func (g *Blocked[T]) Mul(dst, x, w []T, m, n, k int) {
	check(len(dst), len(x), len(w), m, n, k)
	if k == 0 || m == 0 || n == 0 {
		clear(dst)
		return
	}
	p := product[T]{dst: dst, x: x, w: w, m: m, n: n, k: k, stride: k, row: n, block: n, packed: &g.packed}
	if _, ok := p.wide(); !ok && m > 1 {
		p.block = min(n, blockColumns)
	}
	p.run()
}

// MulT implements Dense, over aligned rows.
func (g *Blocked[T]) MulT(dst, x, w []T, m, n, k int) {
	check(len(dst), len(x), len(w), m, n, k)
	if k == 0 || m == 0 || n == 0 {
		clear(dst)
		return
	}
	rows, stride, scratch := align(&g.aligned, x, m, k)
	block := max(blockBytes/int(unsafe.Sizeof(x[0]))/k/rowStep, 1) * rowStep
	p := product[T]{dst: dst, x: rows, w: w, m: m, n: n, k: k, stride: stride, row: n, block: block, transposed: true}
	p.run()
	if scratch != nil {
		g.aligned.Put(scratch)
	}
}

func check(dst, x, w, m, n, k int) {
	if m < 0 || n < 0 || k < 0 || dst != m*n || x != m*k || w != n*k {
		panic("kernel: lengths do not match the shapes")
	}
}
