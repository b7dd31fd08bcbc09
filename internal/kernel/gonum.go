package kernel

import (
	"runtime"
	"sync"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

const (
	// blockBytes is how many bytes of weights a block has, so that they stay in a core's second-level cache while the rows
	// of a batch pass over them.
	blockBytes = 128 << 10
	// blockColumns is how many columns of a result are computed at a time, so that their sums stay in the first-level cache.
	blockColumns = 2048
	// rowStep and blockStep are what the bounds of blocks of weights' rows and of columns are multiples of, so that gonum's
	// unrolled loops (4 rows, 16 columns) fall on the same ones however they are cut.
	rowStep   = 8
	blockStep = 64
	// parallelWork is the number of multiplications from which a second goroutine pays (about 50 us of work).
	parallelWork = 1 << 18
	// alignment is what gonum's SSE loops align to.
	alignment = 16
)

// Gonum is the plain implementation of Dense, on gonum's Gemv. The zero value is ready; it is safe for concurrent use
// and must not be copied after the first use.
type Gonum[T Float] struct {
	scratch sync.Pool // *[]T, for rows that are not aligned
}

// Mul implements Dense: one Gemv over the transposed weights for each row and block of w.
func (g *Gonum[T]) Mul(dst, x, w []T, m, n, k int) {
	check(len(dst), len(x), len(w), m, n, k)
	if k == 0 || m == 0 || n == 0 {
		clear(dst)
		return
	}
	rows, block := blocksOf(m, n, k, int(unsafe.Sizeof(x[0])))
	p := product[T]{dst: dst, x: x, w: w, m: m, n: n, k: k, stride: k, rows: rows, block: block}
	p.run()
}

// blocksOf are the rows and columns of a block of w [k, n] that m rows pass over.
func blocksOf(m, n, k, size int) (rows, columns int) {
	if m == 1 {
		return k, n
	}
	columns = min(n, blockColumns)
	return max(blockBytes/size/columns/rowStep, 1) * rowStep, columns
}

// MulT implements Dense: one Gemv for each row and block of columns, over aligned rows.
func (g *Gonum[T]) MulT(dst, x, w []T, m, n, k int) {
	check(len(dst), len(x), len(w), m, n, k)
	if k == 0 || m == 0 || n == 0 {
		clear(dst)
		return
	}
	rows, stride, scratch := g.align(x, m, k)
	block := max(blockBytes/int(unsafe.Sizeof(x[0]))/k/rowStep, 1) * rowStep
	p := product[T]{dst: dst, x: rows, w: w, m: m, n: n, k: k, stride: stride, block: block, transposed: true, ahead: worthFetching(w, block*k)}
	p.run()
	if scratch != nil {
		g.scratch.Put(scratch)
	}
}

// product is one multiplication: x has rows stride apart, and columns are computed by blocks.
type product[T Float] struct {
	dst, x, w       []T
	m, n, k, stride int
	rows, block     int
	transposed      bool
	ahead           bool // whether a block of w is fetched first
}

// columns computes the columns [lo, hi) of the result.
func (p *product[T]) columns(lo, hi int) {
	if p.transposed {
		if p.ahead {
			fetch(p.w[lo*p.k : hi*p.k])
		}
		for i := range p.m {
			gemv(blas.NoTrans, hi-lo, p.k, p.w[lo*p.k:], p.k, p.x[i*p.stride:i*p.stride+p.k], 0, p.dst[i*p.n+lo:i*p.n+hi])
		}
		return
	}
	// Blocks of rows of w stay in the cache while the batch passes over them; a row's products are added in the same
	// order as without blocks, because each block goes on from the sum of the one before.
	for l := 0; l < p.k; l += p.rows {
		end := min(l+p.rows, p.k)
		for i := range p.m {
			gemv(blas.Trans, end-l, hi-lo, p.w[l*p.n+lo:], p.n, p.x[i*p.k+l:i*p.k+end], min(l, 1), p.dst[i*p.n+lo:i*p.n+hi])
		}
	}
}

func check(dst, x, w, m, n, k int) {
	if m < 0 || n < 0 || k < 0 || dst != m*n || x != m*k || w != n*k {
		panic("kernel: lengths do not match the shapes")
	}
}

// gemv sets y to beta·y plus a·x or aᵀ·x; a is rows x cols with the given stride.
func gemv[T Float](t blas.Transpose, rows, cols int, a []T, stride int, x []T, beta int, y []T) {
	switch a := any(a).(type) {
	case []float32:
		gonum.Implementation{}.Sgemv(t, rows, cols, 1, a, stride, any(x).([]float32), 1, float32(beta), any(y).([]float32), 1)
	case []float64:
		gonum.Implementation{}.Dgemv(t, rows, cols, 1, a, stride, any(x).([]float64), 1, float64(beta), any(y).([]float64), 1)
	}
}

// align returns the rows of x at a stride that keeps each aligned: x itself when it is so already, else a copy in scratch,
// which goes back to the pool after use.
func (g *Gonum[T]) align(x []T, m, k int) (rows []T, stride int, scratch *[]T) {
	per := alignment / int(unsafe.Sizeof(x[0]))
	if k%per == 0 && aligned(x) {
		return x, k, nil
	}
	stride = (k + per - 1) / per * per
	scratch, _ = g.scratch.Get().(*[]T)
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

// run computes blocks of columns, on several goroutines when there is enough work. Which goroutine computes a column does
// not change its bits.
func (p *product[T]) run() {
	workers := min(runtime.GOMAXPROCS(0), int(float64(p.m)*float64(p.n)*float64(p.k)/parallelWork), (p.n+blockStep-1)/blockStep)
	if workers <= 1 {
		p.span(0, p.n)
		return
	}
	p.share(workers)
}

// share keeps a copy of p for the goroutines, so that a product of one needs no memory.
func (p *product[T]) share(workers int) {
	shared := *p
	share := ((p.n+workers-1)/workers + blockStep - 1) / blockStep * blockStep
	var wg sync.WaitGroup
	for lo := 0; lo < shared.n; lo += share {
		wg.Go(func() { shared.span(lo, min(lo+share, shared.n)) })
	}
	wg.Wait()
}

func (p *product[T]) span(lo, hi int) {
	for ; lo < hi; lo += p.block {
		p.columns(lo, min(lo+p.block, hi))
	}
}
